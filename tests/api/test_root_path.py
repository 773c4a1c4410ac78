"""An instance that a proxy serves under a path, whether the proxy removes the path or leaves it there."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from dynavera.settings import Settings
from tests.api.live import KEY, Live
from tests.dynavera.web.wire import wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = "/tools/rag"


@pytest_asyncio.fixture(loop_scope="module")
async def instance(live: Live) -> AsyncGenerator[Live]:
    changed = replace(live, settings=live.settings.model_copy(update={"root_path": ROOT}))
    async with changed.another_api() as url:
        yield replace(changed, url=url)


@pytest.mark.parametrize("prefix", [ROOT, ""], ids=["left in the path", "removed"])
async def test_rest_and_sockets_answer_with_and_without_the_path(instance: Live, prefix: str) -> None:
    url = f"{instance.url}{prefix}"

    async with instance.client(url) as client, instance.socket(url) as socket, instance.worker():
        me = await client.get("/api/me")
        unknown = await client.get("/api/unknown")
        events = await socket.log(await socket.start())

    assert me.status_code == 200
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert events[-1]["type"] == "execution_completed"


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/", f"{ROOT}/index.html", f"{ROOT}/executions/compare", "/login"])
async def test_the_page_loads_its_files_from_the_path_at_any_depth(instance: Live, path: str) -> None:
    async with httpx.AsyncClient(base_url=instance.url, trust_env=False) as browser:
        page = await browser.get(path)
        files = [link.split('"')[0] for link in page.text.split(f'="{ROOT}/')[1:]]
        answers = {file: (await browser.get(f"{ROOT}/{file}")).status_code for file in files if file}

    assert f'<meta name="root-path" content="{ROOT}/"' in page.text
    assert '="./' not in page.text
    assert len(answers) >= 3
    assert set(answers.values()) == {200}


async def test_only_pages_under_the_path_send_the_cookie(instance: Live) -> None:
    async with instance.client() as program, httpx.AsyncClient(base_url=instance.url, trust_env=False) as browser:
        link = (await program.post("/api/login/link")).json()["url"]
        said = await browser.post(f"{ROOT}/api/login", json={"code": link.split("#code=")[1]})
        inside = await browser.get(f"{ROOT}/api/me")
        outside = await browser.get("/api/me")
        left = await browser.post(f"{ROOT}/api/logout")
        after = await browser.get(f"{ROOT}/api/me")

    assert link.startswith(f"{instance.url}{ROOT}/login#code=")
    assert f"Path={ROOT};" in said.headers["set-cookie"]
    assert (inside.status_code, outside.status_code) == (200, 401)
    assert f"Path={ROOT};" in left.headers["set-cookie"]
    assert after.status_code == 401


async def test_the_cookie_of_another_instance_at_the_host_changes_nothing(instance: Live) -> None:
    async with httpx.AsyncClient(base_url=instance.url, trust_env=False) as browser:
        login = await browser.post(f"{ROOT}/api/login", json={"api_key": KEY})
        # Browsers send the cookie with the longest path first.
        cookies = {"Cookie": f"dynavera_session={login.cookies['dynavera_session']}; dynavera_session=of-another"}
        browser.cookies.clear()
        known = await browser.get(f"{ROOT}/api/me", headers=cookies)
        left = await browser.post(f"{ROOT}/api/logout", headers=cookies)
        after = await browser.get(f"{ROOT}/api/me", headers=cookies)

    assert (known.status_code, left.status_code, after.status_code) == (200, 204, 401)


async def test_health_is_answered_under_the_path_beyond_the_connection_limit(live: Live) -> None:
    settings = live.settings.model_copy(update={"root_path": ROOT, "max_connections": 1})

    async with replace(live, settings=settings).another_api() as url, wire(url), live.client(url) as client:
        health = await client.get(f"{ROOT}/api/health")
        other = await client.get(f"{ROOT}/api/me")

    assert health.status_code == 200
    assert (other.status_code, other.json()["code"]) == (429, "too_many_connections")


async def test_the_log_in_link_of_a_public_url_has_the_path(live: Live) -> None:
    settings = live.settings.model_copy(update={"root_path": ROOT, "public_url": "https://page.example"})

    async with replace(live, settings=settings).another_api() as url, live.client(url) as program:
        link = (await program.post("/api/login/link")).json()["url"]
        servers = (await program.get("/api/openapi.json")).json()["servers"]

    assert settings.page_url == f"https://page.example{ROOT}"
    assert link.startswith(f"https://page.example{ROOT}/login#code=")
    assert servers == [{"url": ROOT}]


async def test_without_a_root_path_everything_is_at_the_root(live: Live) -> None:
    async with live.client() as program:
        page = await program.get("/login")
        login = await program.post("/api/login", json={"api_key": KEY})

    assert '<meta name="root-path" content="/"' in page.text
    assert "Path=/;" in login.headers["set-cookie"]
    assert Settings().page_url.count("/") == 2
