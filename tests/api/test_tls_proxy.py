"""The API behind a real TLS proxy, configured as the documentation says."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import pytest_asyncio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import HttpUrl, SecretStr
from websockets.asyncio.client import connect

from api.limits import ApiLimits
from tests.api.live import KEY, PATIENCE_SECONDS, Conversation, Live, frames
from tests.mcp_service.running import running_service
from tests.proxies import KINDS, Proxy, proxying
from tests.serving import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

MCP_TOKEN = "mcp_of-the-service"
LARGE_DOCUMENT = b"# Light\n\n" + b"Light passes through the skull, and some of it comes back.\n\n" * 30_000
"""1.8 MB: nginx accepts 1 MB by default."""


@dataclass(frozen=True)
class Behind:
    """An instance, and the proxy in front of it."""

    live: Live
    proxy: Proxy

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client that trusts the proxy's certificate."""
        return httpx.AsyncClient(
            base_url=self.proxy.url,
            verify=self.proxy.ssl_context,
            headers=headers,
            trust_env=False,
            timeout=PATIENCE_SECONDS,
        )

    def program(self) -> httpx.AsyncClient:
        """A client with the first user's key."""
        return self.client(Authorization=f"Bearer {KEY}")

    def page(self) -> httpx.AsyncClient:
        """A browser's page at the proxy's address, not logged in yet."""
        return self.client(Origin=self.proxy.url)

    async def log_in(self, page: httpx.AsyncClient) -> httpx.Response:
        """Log the page in, by a fresh link."""
        async with self.program() as program:
            link = (await program.post("/api/login/link")).json()["url"]
        answer = await page.post("/api/login", json={"code": link.split("#code=")[1]})
        assert answer.status_code == 200, answer.text
        return answer


@asynccontextmanager
async def behind(kind: str, live: Live, folder: Path, **settings: Any) -> AsyncGenerator[Behind]:
    """The instance with these settings, and an MCP service, behind a proxy; a `{url}` in a setting is the proxy's."""
    port = free_port()
    said = {name: _with_url(value, f"https://localhost:{port}") for name, value in settings.items()}
    public = said.get("mcp_public_url")
    token, mcp_token = SecretStr(KEY), SecretStr(MCP_TOKEN)
    async with running_service(folder, mcp_public_url=public, token=token, mcp_token=mcp_token) as mcp:
        changed = replace(live, settings=live.settings.model_copy(update={**said, "mcp_url": HttpUrl(mcp.url)}))
        async with changed.another_api() as api, proxying(kind, folder / "proxy", port, api, mcp.url) as proxy:
            yield Behind(changed, proxy)


def _with_url(value: Any, url: str) -> Any:
    return value.format(url=url) if isinstance(value, str) else value


@pytest_asyncio.fixture(loop_scope="module", params=list(KINDS))
async def instance(request: pytest.FixtureRequest, live: Live, tmp_path: Path) -> AsyncGenerator[Behind]:
    """As the documentation says."""
    async with behind(request.param, live, tmp_path, public_url="{url}", mcp_public_url="{url}") as instance:
        yield instance


async def test_every_log_in_link_leads_through_the_proxy(instance: Behind) -> None:
    async with instance.program() as through, instance.live.another_api() as url, instance.live.client(url) as local:
        links = [(await client.post("/api/login/link")).json()["url"] for client in (through, local)]
        system = (await through.get("/api/system")).json()

    assert all(link.startswith(f"{instance.proxy.url}/login#code=") for link in links)
    assert system["mcp_url"] == instance.proxy.url


async def test_the_cookie_of_a_page_behind_the_proxy_is_for_https_only(instance: Behind) -> None:
    async with instance.page() as page:
        answer = await instance.log_in(page)
        made = await page.post("/api/agents", json={"name": "mine"})
        left = await page.post("/api/logout")

    for said in (answer, left):
        assert {"secure", "httponly", "samesite=strict"} <= _attributes(said.headers["set-cookie"])
    assert made.status_code == 201


async def test_a_page_of_another_origin_is_refused_behind_the_proxy_too(instance: Behind) -> None:
    async with instance.page() as page:
        await instance.log_in(page)
        answers = [
            await page.post("/api/agents", json={"name": "planted"}, headers={"Origin": origin})
            for origin in ("https://evil.example", instance.proxy.url.replace("https", "http"), "https://localhost")
        ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "foreign_origin")] * 3


async def test_a_socket_of_the_page_is_live_through_the_proxy(instance: Behind) -> None:
    async with instance.page() as page, instance.live.worker():
        await instance.log_in(page)
        cookie = f"dynavera_session={page.cookies['dynavera_session']}"
        address = f"wss://localhost:{instance.proxy.port}/ws/agents/{instance.live.agent.id}"
        headers = {"Origin": instance.proxy.url, "Cookie": cookie}
        async with connect(
            address, ssl=instance.proxy.ssl_context, additional_headers=headers, proxy=None
        ) as connection:
            conversation = Conversation(connection)
            execution_id = await conversation.start()
            log = await conversation.log(execution_id)

    assert log[-1]["type"] == "execution_completed"


async def test_server_sent_events_come_through_the_proxy_at_once(instance: Behind) -> None:
    gate = instance.live.writes("One, ", "two.", stops_after=1)

    async with instance.program() as program, instance.live.worker():
        execution_id = await instance.live.start()
        seen: list[str] = []
        async with frames(program, f"/api/executions/{execution_id}/events/stream") as coming:
            async for frame in coming:
                seen.append(json.dumps(frame.json))
                if "One, " in seen[-1] and "delta" in seen[-1]:
                    # The execution waits for this: what a proxy held back would never come.
                    gate.opened.set()

    assert "execution_completed" in seen[-1]


async def test_a_large_upload_comes_through_the_proxy(instance: Behind) -> None:
    async with instance.program() as program:
        answer = await program.post("/api/documents", files={"file": ("large.md", LARGE_DOCUMENT)})

    assert answer.status_code == 201, answer.text
    assert answer.json()["items"][0]["bytes"] == len(LARGE_DOCUMENT)


async def test_mcp_clients_reach_the_mcp_service_through_the_proxy(instance: Behind) -> None:
    shown = {"Authorization": f"Bearer {KEY}"}

    async with (
        httpx2.AsyncClient(headers=shown, verify=instance.proxy.ssl_context, trust_env=False) as http,
        Client(streamable_http_client(f"{instance.proxy.url}/mcp", http_client=http)) as client,
    ):
        listed = await client.call_tool("list_documents", {})

    assert not listed.is_error


async def test_the_apis_own_refusal_of_a_large_upload_comes_through_nginx(live: Live, tmp_path: Path) -> None:
    async with (
        behind("nginx", live, tmp_path, public_url="{url}") as instance,
        instance.client(Authorization="Bearer dyn_wrong") as nobody,
        instance.program() as program,
    ):
        refused = await nobody.post("/api/documents", files={"file": b"a" * 20_000_000})
        too_large = await program.post("/api/documents", files={"file": b"a" * (ApiLimits().upload_bytes + 1)})

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert (too_large.status_code, too_large.json()["code"]) == (413, "too_large")


async def test_plain_http_leads_to_https(live: Live, tmp_path: Path) -> None:
    async with behind("nginx", live, tmp_path, public_url="{url}") as instance, httpx.AsyncClient() as client:
        answer = await client.get(f"http://localhost:{instance.proxy.plain_port}/agents?x=1")

    assert (answer.status_code, answer.headers["location"]) == (301, "https://localhost/agents?x=1")


async def test_without_a_public_address_a_trusted_proxy_has_the_address(live: Live, tmp_path: Path) -> None:
    async with behind("nginx", live, tmp_path) as instance, instance.program() as program, instance.page() as page:
        link = (await program.post("/api/login/link")).json()["url"]
        cookie = (await instance.log_in(page)).headers["set-cookie"]

    assert link.startswith(f"{instance.proxy.url}/login#code=")
    assert "secure" in _attributes(cookie)


async def test_headers_of_an_untrusted_proxy_are_ignored(live: Live, tmp_path: Path) -> None:
    untrusted = {"forwarded_allow_ips": ("192.0.2.1",)}

    async with behind("nginx", live, tmp_path, **untrusted) as instance, instance.page() as page:
        answer = await page.post("/api/login", json={"api_key": KEY})
        async with instance.program() as program:
            link = (await program.post("/api/login/link")).json()["url"]

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert "DYNAVERA_PUBLIC_URL" in answer.json()["detail"]
    assert link.startswith("http://")


async def test_with_a_public_https_address_the_cookie_is_always_for_https_only(live: Live, tmp_path: Path) -> None:
    untrusted = {"forwarded_allow_ips": ("192.0.2.1",), "public_url": "{url}"}

    async with behind("nginx", live, tmp_path, **untrusted) as instance, instance.page() as page:
        answer = await instance.log_in(page)

    assert "secure" in _attributes(answer.headers["set-cookie"])


def _attributes(cookie: str) -> set[str]:
    return {part.strip().lower() for part in cookie.split(";")[1:]}
