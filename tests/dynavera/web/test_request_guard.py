"""The guard of both services, without a server that would refuse some of this first."""

import json
from typing import Any

import pytest
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from dynavera.web.bodies import BodyLimits
from dynavera.web.errors import ErrorTable
from dynavera.web.request_guard import (
    LOCAL_NAMES,
    AllowedAddresses,
    RequestGuard,
    RequestPolicy,
    bearer,
    parsed_origin,
)

ADDRESSES = AllowedAddresses(frozenset({parsed_origin("https://page.example")}), LOCAL_NAMES)
POLICY = RequestPolicy(ADDRESSES, BodyLimits(100, {"/large": 1000}), "another host", "another origin")

Header = tuple[bytes, bytes]
HOST: Header = (b"host", b"localhost:8000")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(body)(scope, receive, send)


def scope_of(*headers: Header, path: str = "/") -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "headers": list(headers),
    }


async def status_and_code(*headers: Header, path: str = "/") -> tuple[int, str | None]:
    """The status of the answer to a request with these headers, and the code of its problem."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await RequestGuard(echo, POLICY, ErrorTable({}))(scope_of(*headers, path=path), receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body).get("code")


@pytest.mark.parametrize("hosts", [[], [b"localhost", b"localhost"], [b"localhost", b"evil.example"]])
async def test_a_request_without_exactly_one_host_is_malformed(hosts: list[bytes]) -> None:
    assert await status_and_code(*[(b"host", host) for host in hosts]) == (400, "malformed_request")


async def test_another_host_or_origin_is_refused() -> None:
    assert await status_and_code((b"host", b"evil.example")) == (421, "foreign_host")
    assert await status_and_code(HOST, (b"origin", b"http://evil.example")) == (403, "foreign_origin")


@pytest.mark.parametrize("origin", [b"http://localhost:8000", b"https://page.example", b"https://page.example:443"])
async def test_own_and_configured_origins_are_allowed(origin: bytes) -> None:
    assert await status_and_code(HOST, (b"origin", origin)) == (200, None)


@pytest.mark.parametrize(
    "origin", [b"null", b"", b"http://localhost", b"ftp://localhost:8000", b"https://page.example/"]
)
async def test_similar_origins_are_refused(origin: bytes) -> None:
    assert await status_and_code(HOST, (b"origin", origin)) == (403, "foreign_origin")


@pytest.mark.parametrize("length", [b"", b"-1", b"1e9", b"\xb2", b"0x10", b"many"])
async def test_a_length_that_is_not_a_number_is_not_an_error(length: bytes) -> None:
    assert await status_and_code(HOST, (b"content-length", length)) == (200, None)


async def test_the_limit_of_a_body_depends_on_the_path() -> None:
    declared = (b"content-length", b"1000")

    assert await status_and_code(HOST, declared) == (413, "too_large")
    assert await status_and_code(HOST, declared, path="/large") == (200, None)


@pytest.mark.parametrize(
    ("shown", "key"),
    [
        ([], None),
        ([b"Bearer dyn_key"], "dyn_key"),
        ([b"bearer  dyn_key "], "dyn_key"),
        ([b"Bearer"], None),
        ([b"Bearer "], None),
        ([b"Basic dyn_key"], None),
        ([b"Bearer dyn_key", b"Bearer dyn_key"], None),
    ],
)
def test_a_key_is_read_from_exactly_one_bearer_credential(shown: list[bytes], key: str | None) -> None:
    headers = [(b"authorization", credential) for credential in shown]

    assert bearer(HTTPConnection(scope_of(*headers))) == key
