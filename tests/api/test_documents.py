"""Documents over REST: passed on to the MCP service for the user who asks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta

import httpx
import pytest

from api.knowledge import Knowledge
from api.limits import ApiLimits, McpLimits
from dynavera.identifiers import new_id
from tests.api.conftest import OWNER_KEY, SERVICE_TOKEN, Api
from tests.serving import free_port, until


@asynccontextmanager
async def half_an_upload(api: Api, path: str = "/api/documents") -> AsyncGenerator[asyncio.StreamReader]:
    """A request whose body begins and does not go on; gives what reads its answer."""
    media_type = "multipart/form-data; boundary=x" if path == "/api/documents" else "application/json"
    address = httpx.URL(api.url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.host}\r\nAuthorization: Bearer {OWNER_KEY}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: 1000\r\n\r\n--x\r\n"
    )
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(head.encode())
    try:
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def my_id(client: httpx.AsyncClient) -> str:
    return (await client.get("/api/me")).json()["id"]


async def test_a_call_is_forwarded_for_its_user(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    page: dict[str, object] = {"items": [], "next_cursor": None}
    api.mcp.answer("GET", "/documents", page)

    for asking in (client, stranger):
        answer = await asking.get("/api/documents", params={"collection": "papers", "q": "lab", "limit": 3})

        assert (answer.status_code, answer.json()) == (200, page)
        received = api.mcp.received[-1]
        assert received.user == await my_id(asking)
        assert received.authorization == f"Bearer {SERVICE_TOKEN}"
        assert received.query == {"collection": "papers", "q": "lab", "limit": "3"}


async def test_a_client_cannot_set_the_user_header(api: Api, client: httpx.AsyncClient) -> None:
    api.mcp.answer("GET", "/documents", {"items": [], "next_cursor": None})

    await client.get("/api/documents", headers={"X-Dynavera-User": str(new_id())})

    assert api.mcp.received[-1].user == await my_id(client)


async def test_uploads_are_streamed_to_the_service(api: Api, client: httpx.AsyncClient) -> None:
    ingestion = {"items": [], "refused": [{"name": "a.bin", "code": "not_text", "detail": "It is not text."}]}
    api.mcp.answer("POST", "/documents", ingestion, 201)
    files = [("file", ("a.md", b"# A" * 100_000, "text/markdown")), ("file", ("b.md", b"# B", "text/markdown"))]

    answer = await client.post("/api/documents", files=files, data={"collection": "papers"})

    assert (answer.status_code, answer.json()) == (201, ingestion)
    received = api.mcp.received[-1]
    assert received.content_type.startswith("multipart/form-data; boundary=")
    assert b"# A" * 100_000 in received.body
    assert b'filename="b.md"' in received.body


async def test_a_refusal_of_the_service_is_passed_on_unchanged(api: Api, client: httpx.AsyncClient) -> None:
    refusal = {"type": "about:blank", "title": "Busy", "status": 503, "detail": "Rebuilding.", "code": "rebuilding"}
    api.mcp.answer("GET", "/documents", refusal, 503, retry_after="7")

    answer = await client.get("/api/documents")

    assert (answer.status_code, answer.json()) == (503, refusal)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "7"


async def test_a_search_is_validated_and_forwarded(api: Api, client: httpx.AsyncClient) -> None:
    api.mcp.answer("POST", "/search", {"passages": []})

    answer = await client.post("/api/search", json={"query": "optodes"})
    blank = await client.post("/api/search", json={"query": " "})

    assert (answer.status_code, answer.json()) == (200, {"passages": []})
    assert api.mcp.received[-1].body == b'{"query":"optodes","collection":"default","top_k":4}'
    assert (blank.status_code, blank.json()["errors"][0]["location"]) == (422, "body.query")
    assert len(api.mcp.received) == 1


async def test_deleting_a_document_has_an_empty_response(api: Api, client: httpx.AsyncClient) -> None:
    document_id = new_id()
    api.mcp.answer("DELETE", f"/documents/{document_id}", None, 204)

    answer = await client.delete(f"/api/documents/{document_id}")

    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_body_that_is_not_a_form_is_refused(api: Api, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/documents", json={"file": "a.md"})

    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert answer.json()["code"] == "not_form"
    assert api.mcp.received == []


async def test_an_upload_with_a_too_large_content_length_is_refused_at_once(api: Api) -> None:
    address = httpx.URL(api.url)
    head = (
        f"POST /api/documents HTTP/1.1\r\nHost: {address.host}\r\nAuthorization: Bearer {OWNER_KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {100 * 1024 * 1024 + 1}\r\n\r\n"
    )

    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n")
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert api.mcp.received == []


async def test_stalled_uploads_delay_only_uploads(api: Api, client: httpx.AsyncClient) -> None:
    page: dict[str, object] = {"items": [], "next_cursor": None}
    api.mcp.answer("GET", "/documents", page)

    async with AsyncExitStack() as silent:
        for _ in range(110):
            await silent.enter_async_context(half_an_upload(api))
        await until(lambda: api.mcp.begun >= McpLimits().uploads)
        async with asyncio.timeout(10):
            listed = await client.get("/api/documents")
            uploaded = await client.post("/api/documents", files={"file": b"# A"})

    assert (listed.status_code, listed.json()) == (200, page)
    assert (uploaded.status_code, uploaded.json()["code"]) == (503, "mcp_busy")
    assert "uploads" in uploaded.json()["detail"]
    assert int(uploaded.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/api/documents", "/api/agents"])
@pytest.mark.parametrize("limits", [ApiLimits(body_timeout=timedelta(milliseconds=100))])
async def test_a_body_that_stalls_times_out(api: Api, path: str) -> None:
    async with half_an_upload(api, path) as reader, asyncio.timeout(10):
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_silent"' in answer


@pytest.mark.parametrize("limits", [ApiLimits(upload_bytes=300_000)])
async def test_a_too_large_upload_without_a_length_is_refused(api: Api, client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(10):
            yield b"x" * 100_000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await client.post("/api/documents", content=endless(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert api.mcp.received == []


async def test_without_the_service_calls_answer_503_with_retry_after(api: Api, client: httpx.AsyncClient) -> None:
    api.services.knowledge.client.base_url = f"http://127.0.0.1:{free_port()}"

    for answer in (
        await client.get("/api/documents"),
        await client.post("/api/documents", files={"file": b"# A"}),
        await client.post("/api/search", json={"query": "optodes"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "mcp_away")
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_service_token_is_not_a_401(api: Api, client: httpx.AsyncClient, status: int) -> None:
    api.mcp.answer("GET", "/documents", {"code": "unauthenticated"}, status)

    answer = await client.get("/api/documents")

    assert (answer.status_code, answer.json()["code"]) == (503, "mcp_away")
    assert "DYNAVERA_MCP_TOKEN" in answer.json()["detail"]


async def test_the_health_of_the_service_is_parsed(api: Api) -> None:
    said = {
        "status": "ok",
        "generator": "extractive",
        "embedder": "wordllama",
        "documents": 2,
        "passages": 9,
        "passages_to_embed": 3,
    }
    api.mcp.answer("GET", "/health", said)

    health = await Knowledge(api.services.knowledge.client).health()

    assert health.model_dump() == said
