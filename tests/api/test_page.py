"""The browser's page."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import Api


@pytest.mark.parametrize("path", ["/", "/login", "/agents/0198", "/apiary", "/agents/"])
async def test_the_ui_is_served_at_its_own_routes(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Authorization": ""})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<title>Dynavera</title>" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


async def test_assets_are_cached_forever_and_other_files_revalidated(client: httpx.AsyncClient) -> None:
    asset = await client.get("/assets/index-1a2b3c.js")
    icon = await client.get("/favicon.svg")
    unchanged = await client.get("/favicon.svg", headers={"If-None-Match": icon.headers["etag"]})

    assert (asset.status_code, asset.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert asset.headers["content-type"].startswith("text/javascript")
    assert (icon.status_code, icon.headers["cache-control"]) == (200, "no-cache")
    assert unchanged.status_code == 304


async def test_files_are_compressed_and_api_responses_are_not(client: httpx.AsyncClient, page_folder: Path) -> None:
    script = "console.log('here');" * 500
    (page_folder / "assets" / "large-1a2b3c.js").write_text(script)

    asset = await client.get("/assets/large-1a2b3c.js", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("/assets/large-1a2b3c.js", headers={"Accept-Encoding": "identity"})
    openapi = await client.get("/api/openapi.json", headers={"Accept-Encoding": "gzip"})

    assert (asset.text, asset.headers["content-encoding"]) == (script, "gzip")
    assert int(asset.headers["content-length"]) < len(script) / 10
    assert "Accept-Encoding" in asset.headers["vary"]
    assert (plain.text, "content-encoding" in plain.headers) == (script, False)
    assert "content-encoding" not in openapi.headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/missing.js",
        "/assets/",
        "/missing.png",
        "/%00",
        "/..%2f..%2frecords.sqlite3",
        "/assets/..%2f..%2frecords.sqlite3",
        "/%2e%2e/records.sqlite3",
        "//etc/passwd.txt",
    ],
)
async def test_missing_files_and_files_outside_are_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "cache-control" not in answer.headers or "immutable" not in answer.headers["cache-control"]


@pytest.mark.parametrize("line", ["OPTIONS *", "GET *"])
async def test_an_invalid_path_is_not_an_internal_error(api: Api, line: str) -> None:
    address = httpx.URL(api.url)

    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(f"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 404 "), answer
    assert b"application/problem+json" in answer


async def test_a_ui_that_is_not_built_answers_how_to_build_it(client: httpx.AsyncClient, page_folder: Path) -> None:
    (page_folder / "index.html").unlink()

    answer = await client.get("/")

    assert answer.status_code == 404
    assert "make ui" in answer.json()["detail"]


async def test_browsers_load_nothing_from_other_origins(api: Api, client: httpx.AsyncClient) -> None:
    for path in ("/", "/api/agents", "/api/nothing"):
        headers = (await client.get(path)).headers

        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"

    assert (await client.get("/api/agents")).headers["cache-control"] == "no-store"
    async with api.client(None) as nobody:
        assert (await nobody.head("/")).status_code == 200
