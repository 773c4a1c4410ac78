"""Sessions over REST: listed, ended, and what ends with an API key."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import update

from dynavera.identifiers import new_id
from dynavera.records.owner import ensure_owner
from dynavera.records.tables import SessionRow
from dynavera.settings import Settings
from tests.api.conftest import OWNER_KEY, Api

LIFETIME = timedelta(hours=8)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"session_lifetime": LIFETIME})


@asynccontextmanager
async def logged_in(
    api: Api, credential: dict[str, str], user_agent: str = FIREFOX
) -> AsyncGenerator[httpx.AsyncClient]:
    async with api.client(None) as browser:
        browser.headers["User-Agent"] = user_agent
        answer = await browser.post("/api/login", json=credential)
        assert answer.status_code == 200
        yield browser


async def listed(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await client.get("/api/sessions")).json()["items"]


async def are_in(*browsers: httpx.AsyncClient) -> list[bool]:
    return [(await browser.get("/api/me")).status_code == 200 for browser in browsers]


async def test_a_listed_session_has_its_browser_and_times(api: Api, client: httpx.AsyncClient) -> None:
    (key,) = (await client.get("/api/keys")).json()["items"]
    async with logged_in(api, {"api_key": OWNER_KEY}) as browser:
        (seen,) = await listed(browser)
        (seen_by_key,) = await listed(client)
        cookie = browser.cookies["dynavera_session"]

    begun, ends = (datetime.fromisoformat(seen[name]) for name in ("created_at", "expires_at"))
    assert seen.keys() == {"id", "current", "user_agent", "api_key_id", "created_at", "last_used_at", "expires_at"}
    assert (seen["user_agent"], seen["api_key_id"], seen["last_used_at"]) == (FIREFOX, key["id"], seen["created_at"])
    assert ends - begun == LIFETIME
    assert abs(datetime.now(UTC) - begun) < timedelta(minutes=5)
    assert (seen["current"], seen_by_key) == (True, seen | {"current": False})
    assert seen["id"] not in cookie


async def test_a_long_user_agent_is_shortened_and_a_missing_one_is_null(api: Api, client: httpx.AsyncClient) -> None:
    for user_agent in ("", "x" * 5000):
        async with logged_in(api, {"api_key": OWNER_KEY}, user_agent):
            continue

    assert [each["user_agent"] for each in await listed(client)] == ["x" * 300, None]


async def test_ending_a_session_logs_its_browser_out(api: Api, client: httpx.AsyncClient) -> None:
    async with (
        logged_in(api, {"api_key": OWNER_KEY}) as kept,
        logged_in(api, {"api_key": OWNER_KEY}) as lost,
    ):
        (other,) = [each["id"] for each in await listed(kept) if not each["current"]]

        ended = await kept.delete(f"/api/sessions/{other}")
        again = await kept.delete(f"/api/sessions/{other}")

        assert (ended.status_code, again.status_code, again.json()["code"]) == (204, 404, "not_found")
        assert await are_in(kept, lost) == [True, False]
        assert len(await listed(client)) == 1


async def test_another_users_session_answers_exactly_like_none(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    async with logged_in(api, {"api_key": OWNER_KEY}) as browser:
        (session,), unknown = await listed(browser), str(new_id())

        of_another = await stranger.delete(f"/api/sessions/{session['id']}")
        of_nobody = await stranger.delete(f"/api/sessions/{unknown}")
        await stranger.delete("/api/sessions")

        assert of_another.status_code == of_nobody.status_code == 404
        assert of_another.text.replace(session["id"], unknown) == of_nobody.text
        assert await listed(stranger) == []
        assert await are_in(browser) == [True]


async def test_ending_other_sessions_keeps_the_callers_and_a_key_ends_all(api: Api, client: httpx.AsyncClient) -> None:
    async with (
        logged_in(api, {"api_key": OWNER_KEY}) as one,
        logged_in(api, {"api_key": OWNER_KEY}) as two,
        logged_in(api, {"api_key": OWNER_KEY}) as three,
    ):
        by_session = await two.delete("/api/sessions")
        after_session = await are_in(one, two, three)
        by_key = await client.delete("/api/sessions")
        after_key = await are_in(one, two, three, client)

    assert (by_session.status_code, by_key.status_code) == (204, 204)
    assert after_session == [False, True, False]
    assert after_key == [False, False, False, True]


async def test_sessions_come_in_pages(api: Api, client: httpx.AsyncClient) -> None:
    for number in range(3):
        async with logged_in(api, {"api_key": OWNER_KEY}, f"Browser {number}"):
            continue

    first = (await client.get("/api/sessions", params={"limit": 2})).json()
    second = (await client.get("/api/sessions", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    bad = await client.get("/api/sessions", params={"cursor": "x"})

    names = [each["user_agent"] for page in (first, second) for each in page["items"]]
    assert (names, second["next_cursor"]) == (["Browser 2", "Browser 1", "Browser 0"], None)
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_cursor")


async def test_revoking_a_key_ends_the_sessions_made_with_it_directly_or_by_a_link(
    api: Api, client: httpx.AsyncClient
) -> None:
    made = (await client.post("/api/keys", json={"name": "laptop"})).json()
    async with api.client(made["api_key"]) as laptop, logged_in(api, {"api_key": made["api_key"]}) as directly:
        links = [(await asking.post("/api/login/link")).json()["url"] for asking in (laptop, directly, directly)]
        codes = [link.split("#code=")[1] for link in links]
        async with (
            logged_in(api, {"code": codes[0]}) as by_link,
            logged_in(api, {"code": codes[1]}) as by_link_of_session,
            logged_in(api, {"api_key": OWNER_KEY}) as other,
            api.client(None) as late,
        ):
            browsers = (directly, by_link, by_link_of_session, other)
            before = await are_in(*browsers)
            await client.delete(f"/api/keys/{made['id']}")
            after = await are_in(*browsers)
            unused = await late.post("/api/login", json={"code": codes[2]})

    assert (before, after) == ([True] * 4, [False, False, False, True])
    assert (unused.status_code, unused.json()["code"]) == (401, "login_refused")


async def test_rotating_the_token_ends_the_sessions_made_with_it(api: Api, settings: Settings) -> None:
    def with_token(token: str) -> Settings:
        return settings.model_copy(update={"token": SecretStr(token)})

    await ensure_owner(api.database, with_token("dyn_earlier"), lambda _news: None)
    async with (
        logged_in(api, {"api_key": "dyn_earlier"}) as by_token,
        logged_in(api, {"api_key": OWNER_KEY}) as by_another,
    ):
        before = await are_in(by_token, by_another)
        await ensure_owner(api.database, with_token("dyn_later"), lambda _news: None)
        after = await are_in(by_token, by_another)

    assert (before, after) == ([True, True], [False, True])


async def test_a_session_expires(api: Api) -> None:
    async with logged_in(api, {"api_key": OWNER_KEY}) as browser:
        async with api.database.writing() as session:
            await session.execute(update(SessionRow).values(expires_at=datetime.now(UTC)))

        assert await are_in(browser) == [False]


async def test_the_cookie_lives_as_long_as_the_session(api: Api) -> None:
    async with api.client(None) as browser:
        answer = await browser.post("/api/login", json={"api_key": OWNER_KEY})

    assert f"max-age={8 * 3600};" in answer.headers["set-cookie"].lower()
