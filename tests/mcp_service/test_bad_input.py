"""Invalid requests, sent byte for byte: each gets an error message."""

import json
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from tests.mcp_service.running import Running

VALUES = [
    '"\\ud800"',
    '"a\\u0000b"',
    "NaN",
    "-1e999",
    "null",
    "7",
    '"7"',
    "[]",
    "{}",
    "[" * 300 + "]" * 300,
    "[" * 5_000 + "]" * 5_000,
    json.dumps("🧠" * 70_000),
    "1" + "0" * 5_000,
    '"../../etc/passwd"',
    '{"\\udfff": [{"text": "\\ud800"}]}',
]
ARGUMENTS = {
    "retrieve": ["query", "top_k", "collection", "unknown"],
    "generate": ["query", "passages", "max_tokens", "temperature", "generator", "operation_id"],
    "stop_generation": ["operation_id"],
    "list_documents": ["collection", "limit", "cursor"],
}
ENVELOPE = '"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}'


def requests(value: str) -> Generator[tuple[str, str, str, str]]:
    """Method, name, parameters and `_meta`, with `value` in each place in turn."""
    for tool, arguments in ARGUMENTS.items():
        good = {"query": '"q"', "passages": "[]", "operation_id": '"one"'}
        for argument in arguments:
            given = {name: text for name, text in good.items() if name in arguments} | {argument: value}
            sent = ", ".join(f'"{name}": {text}' for name, text in given.items())
            yield "tools/call", tool, f'"name": "{tool}", "arguments": {{{sent}}}', ""
    yield "tools/call", "retrieve", f'"name": "retrieve", "arguments": {value}', ""
    yield "tools/call", "", f'"name": {value}', ""
    yield "tools/list", "", f'"cursor": {value}', ""
    yield "resources/list", "", f'"cursor": {value}', ""
    yield "resources/read", "", f'"uri": {value}', ""
    yield "prompts/get", "", f'"name": {value}', ""
    arguments = f'"name": "answer_with_sources", "arguments": {{"question": "q", "top_k": {value}}}'
    yield "prompts/get", "answer_with_sources", arguments, ""
    good_call = '"name": "retrieve", "arguments": {"query": "q"}'
    yield "tools/call", "retrieve", good_call, f'"dynavera/user": {value}'
    yield "tools/call", "retrieve", good_call, f'"progressToken": {value}'


def modern(method: str, name: str, parameters: str, meta: str) -> tuple[bytes, dict[str, str]]:
    more = f", {meta}" if meta else ""
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method} | ({"Mcp-Name": name} if name else {})
    return _body(method, f'{parameters}, "_meta": {{{ENVELOPE}{more}}}'), headers


def legacy(method: str, _name: str, parameters: str, meta: str) -> tuple[bytes, dict[str, str]]:
    return _body(method, f'{parameters}, "_meta": {{{meta}}}'), {"MCP-Protocol-Version": "2025-11-25"}


def _body(method: str, parameters: str) -> bytes:
    return f'{{"jsonrpc": "2.0", "id": 1, "method": "{method}", "params": {{{parameters}}}}}'.encode()


async def session(client: httpx.AsyncClient) -> dict[str, str]:
    """The headers of a session of the legacy revision."""
    information = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    opened = await client.post("/mcp", content=_body("initialize", json.dumps(information)[1:-1]))
    return {"Mcp-Session-Id": opened.headers["mcp-session-id"]}


def message_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC message, from JSON or an event stream."""
    *_, data = answer.text.removeprefix("data: ").split("data: ")
    return json.loads(data)


@pytest.mark.parametrize("revision", ["modern", "legacy"])
async def test_every_invalid_value_gets_an_error_message(service: Running, revision: str) -> None:
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    broken: list[str] = []

    async with service.client(**headers) as client:
        known = {} if revision == "modern" else await session(client)
        for value in VALUES:
            for request in requests(value):
                body, named = modern(*request) if revision == "modern" else legacy(*request)
                answer = await client.post("/mcp", content=body, headers=named | known)
                error = message_of(answer).get("error", {"code": 1, "message": "fine"})
                if answer.status_code >= 500 or error["code"] in (0, -32603) or not error["message"]:
                    broken.append(f"{request[:2]} {value[:40]}: {answer.status_code} {answer.text[:200]}")
        body, named = (
            modern("tools/list", "", '"x": 1', "") if revision == "modern" else legacy("ping", "", '"x": 1', "")
        )
        after = await client.post("/mcp", content=body, headers=named | known)

    assert broken == []
    assert "result" in message_of(after)
