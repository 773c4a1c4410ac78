"""Authentication, and requests from other origins."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from api.app import app_without_services
from dynavera.records.users import key_row
from tests.api.conftest import OWNER_KEY, Api

OPEN = {("GET", "/api/health"), ("POST", "/api/login")}
CALLS = [
    (method.upper(), path)
    for path, operations in app_without_services().openapi()["paths"].items()
    for method in operations
    if (method.upper(), path) not in OPEN
]


@asynccontextmanager
async def logged_in(api: Api, api_key: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with api.client(None) as browser:
        answer = await browser.post("/api/login", json={"api_key": api_key})
        assert answer.status_code == 200
        yield browser


async def test_every_call_needs_a_user_before_anything_else(api: Api) -> None:
    for client in (api.client(None), api.client("dyn_wrong")):
        async with client:
            for method, path in CALLS:
                answer = await client.request(method, path, content=b"{not json")

                assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"] == "Bearer"

    assert len(CALLS) > 20


async def test_a_log_in_link_works_once(api: Api, client: httpx.AsyncClient) -> None:
    link = (await client.post("/api/login/link")).json()
    address, code = link["url"].split("#code=")

    async with api.client(None) as browser:
        first = await browser.post("/api/login", json={"code": code})
        me = await browser.get("/api/me")
    async with api.client(None) as another:
        second = await another.post("/api/login", json={"code": code})
        nobody = await another.get("/api/me")

    assert address == f"{api.url}/login"
    assert first.json() == me.json() == (await client.get("/api/me")).json()
    assert (second.status_code, second.json()["code"]) == (401, "login_refused")
    assert nobody.status_code == 401


async def test_a_code_logs_only_one_of_two_browsers_in(api: Api, client: httpx.AsyncClient) -> None:
    code = (await client.post("/api/login/link")).json()["url"].split("#code=")[1]

    async with api.client(None) as one, api.client(None) as two:
        answers = await asyncio.gather(*(browser.post("/api/login", json={"code": code}) for browser in (one, two)))

    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_the_cookie_holds_a_session_that_scripts_cannot_read(api: Api) -> None:
    async with api.client(None) as browser:
        answer = await browser.post("/api/login", json={"api_key": OWNER_KEY})

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("dynavera_session=ses_")
    assert OWNER_KEY not in cookie
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", f"max-age={30 * 24 * 3600}"} <= attributes
    assert "secure" not in attributes


async def test_behind_https_the_cookie_is_for_https_only(api: Api) -> None:
    async with api.client(None) as browser:
        answer = await browser.post("/api/login", json={"api_key": OWNER_KEY}, headers={"X-Forwarded-Proto": "https"})

    assert "secure" in answer.headers["set-cookie"].lower()


async def test_logging_out_ends_the_session(api: Api) -> None:
    async with logged_in(api, OWNER_KEY) as browser:
        session_id = browser.cookies["dynavera_session"]
        answer = await browser.post("/api/logout")
        left = dict(browser.cookies)

    async with api.client(None) as thief:
        stolen = await thief.get("/api/me", headers={"Cookie": f"dynavera_session={session_id}"})
    assert (answer.status_code, left, stolen.status_code) == (204, {}, 401)


async def test_a_wrong_key_is_refused_despite_a_valid_cookie(api: Api) -> None:
    async with logged_in(api, OWNER_KEY) as browser:
        answer = await browser.get("/api/me", headers={"Authorization": "Bearer dyn_wrong"})

    assert answer.status_code == 401


async def test_a_blank_key_is_refused(api: Api) -> None:
    # As from a first start on a token file that was empty, of an earlier version.
    me = await api.services.users.first()
    async with api.database.writing() as session:
        session.add(key_row(me.id, "blank", ""))

    async with api.client(None) as nobody:
        answer = await nobody.get("/api/me", headers={"Authorization": "Bearer"})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_deactivated_user_is_refused_at_once(api: Api, client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/users", json={"name": "guest"})).json()
    async with logged_in(api, made["api_key"]) as browser, api.client(made["api_key"]) as program:
        before = [(await one.get("/api/me")).status_code for one in (browser, program)]

        await client.patch(f"/api/users/{made['id']}", json={"active": False})

        after = [(await one.get("/api/me")).status_code for one in (browser, program)]
        again = await program.post("/api/login", json={"api_key": made["api_key"]})
    assert (before, after, again.status_code) == ([200, 200], [401, 401], 401)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "http://localhost", "x", ""]
)
async def test_a_page_from_another_origin_cannot_use_the_cookie(api: Api, origin: str) -> None:
    async with logged_in(api, OWNER_KEY) as browser:
        answer = await browser.post("/api/agents", json={"name": "planted"}, headers={"Origin": origin})
        read = await browser.get("/api/agents", headers={"Origin": origin})
        agents = (await browser.get("/api/agents")).json()["items"]

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert read.status_code == 403
    assert agents == []


async def test_pages_of_our_own_and_of_allowed_origins_may_use_the_cookie(api: Api) -> None:
    async with logged_in(api, OWNER_KEY) as browser:
        answers = [
            await browser.post("/api/agents", json={"name": "mine"}, headers={"Origin": origin})
            for origin in (api.url, "http://localhost:5173", "HTTP://LOCALHOST:5173")
        ]

    assert [answer.status_code for answer in answers] == [201, 201, 201]


async def test_a_page_of_an_allowed_origin_may_use_a_key(client: httpx.AsyncClient) -> None:
    origin = {"Origin": "http://localhost:5173"}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}

    preflight = await client.options("/api/agents", headers=origin | asks)
    answer = await client.get("/api/agents", headers=origin)

    assert preflight.status_code == 200
    assert {"authorization", "content-type"} <= set(
        preflight.headers["access-control-allow-headers"].lower().split(", ")
    )
    assert answer.headers["access-control-allow-origin"] == origin["Origin"]


async def test_pages_of_other_origins_get_no_cors_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/agents", headers={"Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


async def test_a_program_with_a_key_may_come_from_anywhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/me", headers={"Origin": "https://app.example"})

    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[", ""])
async def test_on_loopback_a_foreign_host_name_is_refused(client: httpx.AsyncClient, host: str) -> None:
    for path in ("/", "/api/me", "/api/health"):
        answer = await client.get(path, headers={"Host": host})

        assert (answer.status_code, answer.json()["code"]) == (421, "foreign_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
async def test_on_loopback_local_names_are_accepted(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/api/me", headers={"Host": host})).status_code == 200
