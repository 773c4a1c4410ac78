"""Limits on requests and connections."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from itertools import repeat

import pytest

from dynavera.settings import Settings
from dynavera.web.limits import HttpLimits
from tests.dynavera.web.wire import CHUNKED, GET, PATIENCE_SECONDS, POST, UPGRADE, Echo, Heard, Wire, headers_of, wire
from tests.serving import serving

LIMITS = HttpLimits()
SHORT = timedelta(milliseconds=200)
PIECE = b"a" * 65_536
LARGE = b"a" * 2_000_000
MORE_THAN_ENOUGH = 200
"""Pieces that a client sends of what is refused after the first few: 13 MB."""


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def limits() -> HttpLimits:
    """The limits of the server; a test may replace them."""
    return LIMITS


@pytest.fixture
async def url(echo: Echo, limits: HttpLimits) -> AsyncGenerator[str]:
    async with serving(echo, limits=limits) as url:
        yield url


ENDLESS = {
    "a header that does not end": (GET + b"X-A: ", PIECE, 431),
    "a header's name that does not end": (GET, PIECE, 431),
    "headers without an end": (GET, b"X-A: some value\r\n" * 4000, 431),
    "headers without values": (GET, b"a:\r\n" * 16_000, 431),
    "a URL that does not end": (b"GET /", PIECE, 414),
    "a WebSocket's header that does not end": (UPGRADE + b"X-A: ", PIECE, 431),
    "empty lines": (b"", b"\r\n" * 32_768, 431),
    "trailers that do not end": (CHUNKED + b"2\r\n{}\r\n0\r\nX-A: ", PIECE, 431),
    "trailers without an end": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-A: some value\r\n" * 4000, 431),
    "a chunk's extension that does not end": (CHUNKED + b"2;", PIECE, 431),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_endless_input_is_refused(url: str, name: str) -> None:
    head, piece, status = ENDLESS[name]

    async with wire(url) as client:
        await client.send(head)
        sending = asyncio.create_task(client.send_until_closed(repeat(piece, MORE_THAN_ENOUGH)))
        answer = await client.hear()
        closed = await client.is_closed()
        sending.cancel()

    assert (answer.status, answer.code) == (status, "url_too_long" if status == 414 else "headers_too_large")
    assert answer.headers["connection"] == "close"
    assert closed


async def test_headers_at_the_limit_are_accepted(url: str, echo: Echo) -> None:
    room = LIMITS.head_bytes - len("Host: localhost\r\n") - len("X-A: \r\n")
    many = b"".join(b"X-%d: a\r\n" % number for number in range(LIMITS.headers - 1))

    async with wire(url) as client:
        await client.send(GET + b"X-A: " + b"a" * room + b"\r\n\r\n")
        large = await client.hear()
        await client.send(GET + many + b"\r\n")
        numerous = await client.hear()
        await client.send(b"GET /?" + b"a" * (LIMITS.head_bytes - 100) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        long = await client.hear()

    assert [answer.status for answer in (large, numerous, long)] == [200, 200, 200]
    assert len(headers_of(echo.asked[1])) == LIMITS.headers


async def test_headers_just_over_the_limit_are_refused(url: str, echo: Echo) -> None:
    too_many = b"".join(b"X-%d: a\r\n" % number for number in range(LIMITS.headers))
    heads = [GET + b"X-A: " + b"a" * LIMITS.head_bytes + b"\r\n\r\n", GET + too_many + b"\r\n"]

    answers: list[int] = []
    for head in heads:
        async with wire(url) as client:
            await client.send(head)
            answers.append((await client.hear()).status)

    assert answers == [431, 431]
    assert echo.asked == []


async def test_a_large_body_does_not_count_as_headers(url: str) -> None:
    body = b"a" * 3_000_000
    head = POST + b"Content-Length: %d\r\n\r\n" % len(body)

    async with wire(url) as client:
        await client.send(head + body + GET + b"\r\n")
        first, second = await client.hear(), await client.hear()

    assert (first.body == body, second.status) == (True, 200)


async def test_a_body_in_tiny_chunks_does_not_count_as_headers(url: str) -> None:
    chunks = 30_000

    async with wire(url) as client:
        await client.send(CHUNKED + b"1\r\na\r\n" * chunks + b"0\r\n\r\n")
        answer = await client.hear()

    assert answer.body == b"a" * chunks


async def test_trailers_do_not_become_headers(url: str, echo: Echo) -> None:
    async with wire(url) as client:
        await client.send(CHUNKED + b"2\r\n{}\r\n")
        await echo.begun.wait()
        await client.send(b"0\r\nAuthorization: Bearer stolen\r\n\r\n")
        answer = await client.hear()

    assert answer.body == b"{}"
    assert b"authorization" not in headers_of(echo.asked[0])


UNREADABLE = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a proxy's CONNECT": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header without a colon": GET + b"X\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a length and chunks": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_input_that_is_not_http_is_refused_with_a_problem(url: str, name: str) -> None:
    async with wire(url) as client:
        await client.send(UNREADABLE[name])
        answer = await client.hear()

    assert (answer.status, answer.code) == (400, "malformed_request")


async def test_an_unreadable_body_is_refused_and_disconnects_the_application(url: str, echo: Echo) -> None:
    async with wire(url) as client:
        await client.send(CHUNKED + b"2\r\n{}\r\n")
        await echo.begun.wait()
        await client.send(b"nonsense\r\n")
        answer = await client.hear()
        await asyncio.wait_for(echo.left.wait(), 10)

    assert (answer.status, answer.code) == (400, "malformed_request")


async def test_a_refusal_reaches_a_client_that_reads_only_when_it_has_sent_everything(url: str) -> None:
    async with wire(url) as client:
        for _ in range(100):
            await client.send(b"GET /" + PIECE)
        answer = await client.hear()

    assert answer.status == 414


@pytest.mark.parametrize("limits", [HttpLimits(linger_timeout=SHORT)])
@pytest.mark.parametrize("piece", [PIECE, b"X-A: some value\r\n" * 4000])
async def test_a_client_that_keeps_sending_after_a_refusal_is_disconnected(url: str, piece: bytes) -> None:
    async with wire(url) as client:
        await client.send(GET + b"X-A: " + piece + piece)
        answer = await client.hear()
        async with asyncio.timeout(PATIENCE_SECONDS / 2):
            sent = await client.send_until_closed(repeat(b"a", 1_000_000), pause=0.01)

    assert answer.status == 431
    assert sent < 1_000_000


HALF: dict[str, bytes] = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "half a request line": b"GET /api/hea",
    "half the headers": GET + b"Accept: ",
    "half a handshake": UPGRADE,
}


@pytest.mark.parametrize("limits", [HttpLimits(head_timeout=SHORT)])
@pytest.mark.parametrize("name", HALF)
async def test_half_a_request_times_out(url: str, name: str) -> None:
    async with wire(url) as client:
        await client.send(HALF[name])
        answer = await client.hear()
        closed = await client.is_closed()

    assert (answer.status, answer.code, closed) == (408, "request_timeout", True)


@pytest.mark.parametrize("limits", [HttpLimits(head_timeout=SHORT)])
async def test_headers_that_trickle_in_time_out(url: str) -> None:
    async with wire(url) as client:
        await client.send(GET + b"X-A: ")
        trickling = asyncio.create_task(client.send_until_closed(repeat(b"a"), pause=0.01))
        answer = await client.hear()
        trickling.cancel()

    assert answer.status == 408


@pytest.mark.parametrize("limits", [HttpLimits(head_timeout=SHORT)])
async def test_half_of_a_second_request_times_out(url: str) -> None:
    async with wire(url) as client:
        await client.send(GET + b"\r\n")
        first = await client.hear()
        await client.send(b"GET /")
        second = await client.hear()

    assert (first.status, second.status) == (200, 408)


@pytest.mark.parametrize("limits", [HttpLimits(head_timeout=SHORT)])
async def test_half_a_request_does_not_affect_the_slow_one_before_it(url: str, echo: Echo) -> None:
    echo.may_answer.clear()

    async with wire(url) as client, wire(url) as later:
        await client.send(GET + b"\r\nGET /")
        await echo.begun.wait()
        await later.send(b"GET /")
        assert (await later.hear()).status == 408
        echo.may_answer.set()
        first = await client.hear()
        closed = await client.is_closed()

    assert (first.status, first.headers["connection"], closed) == (200, "close", True)


async def test_an_idle_connection_is_closed_silently(url: str) -> None:
    async with wire(url) as client:
        await client.send(GET + b"\r\n")
        first = await client.hear()
        closed = await client.is_closed()

    assert (first.status, closed) == (200, True)


async def test_the_rest_of_an_answered_body_times_out() -> None:
    limits = HttpLimits(discarded_body_timeout=SHORT)

    async with serving(Echo(answers_before_the_body=True), limits=limits) as url, wire(url) as client:
        await client.send(POST + b"Content-Length: 1000000\r\n\r\n")
        answer = await client.hear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            sent = await client.send_until_closed(repeat(b"a", 1_000_000), pause=0.01)

    assert answer.status == 200
    assert sent < 1_000_000


async def test_a_connection_continues_after_a_body_that_follows_its_response() -> None:
    async with serving(Echo(answers_before_the_body=True)) as url, wire(url) as client:
        await client.send(POST + b"Content-Length: 2\r\n\r\n")
        first = await client.hear()
        await client.send(b"{}")
        await client.send(GET + b"\r\n")
        second = await client.hear()
        await client.send(POST + b"Content-Length: 2\r\n\r\n")
        third = await client.hear()
        await client.send(b"{}")
        closed = await client.is_closed()

    assert [answer.status for answer in (first, second, third)] == [200, 200, 200]
    assert closed, "idle, though nothing was left to be sent"


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"])
async def test_a_response_reaches_a_client_that_is_still_sending(connection: bytes) -> None:
    body = b"a" * 20_000_000

    async with serving(Echo(answers_before_the_body=True)) as url, wire(url) as client:
        await client.send(POST + connection + b"Content-Length: %d\r\n\r\n" % len(body))
        sent = await client.send_until_closed([body])
        answer = await client.hear()

    assert (answer.status, sent) == (200, len(body))


async def test_a_few_requests_may_be_pipelined(url: str) -> None:
    async with wire(url) as client:
        await client.send((GET + b"\r\n") * LIMITS.pipelined)
        answers = [await client.hear() for _ in range(LIMITS.pipelined)]

    assert {answer.status for answer in answers} == {200}


async def test_of_many_pipelined_requests_the_first_are_answered(url: str, echo: Echo) -> None:
    async with wire(url) as client:
        await client.send((GET + b"\r\n") * 10_000)
        answers = [await client.hear() for _ in range(LIMITS.pipelined + 1)]
        closed = await client.is_closed()

    assert {answer.status for answer in answers} == {200}
    assert (answers[-1].headers.get("connection"), closed) == ("close", True)
    assert len(echo.asked) == LIMITS.pipelined + 1


async def test_an_upgrade_to_something_unknown_is_ignored_and_the_last_request(url: str) -> None:
    async with wire(url) as client:
        await client.send(GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n")
        answer = await client.hear()
        closed = await client.is_closed()

    assert (answer.status, answer.headers["connection"], closed) == (200, "close", True)


async def test_a_client_that_does_not_read_a_large_response_is_dropped() -> None:
    limits = HttpLimits(read_rate_window=SHORT)

    async with serving(Echo(answer=LARGE), send_buffer=1 << 16, limits=limits) as url, wire(url, 1 << 13) as client:
        await client.send(GET + b"\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            sent = await client.send_until_closed(repeat(b"G", MORE_THAN_ENOUGH), pause=0.05)

    assert sent < MORE_THAN_ENOUGH


async def test_a_reader_above_the_minimum_rate_gets_everything() -> None:
    limits = HttpLimits(read_rate_window=timedelta(seconds=1))

    async with serving(Echo(answer=LARGE), send_buffer=1 << 16, limits=limits) as url, wire(url, 1 << 13) as client:
        await client.send(GET + b"Connection: close\r\n\r\n")
        received = await _read(client, 20_000, pause=0.01)

    assert received > len(LARGE)


async def test_a_connection_beyond_the_limit_gets_429_and_health_checks(echo: Echo) -> None:
    settings = Settings(max_connections=2)

    async with serving(echo, settings=settings) as url, AsyncExitStack() as opened:
        known = await opened.enter_async_context(wire(url))
        await known.send(GET)
        await opened.enter_async_context(wire(url))
        first = await _answer(opened, url, GET + b"\r\n")
        health = [
            await _answer(opened, url, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
            for path in (b"/api/health", b"/health")
        ]
        socket = await _answer(opened, url, UPGRADE + b"\r\n")
        await known.send(b"\r\n")
        answer = await known.hear()

    assert (first.status, first.code) == (429, "too_many_connections")
    assert int(first.headers["retry-after"]) > 0
    assert [(answer.status, answer.headers["connection"]) for answer in health] == [(200, "close")] * 2
    assert (socket.status, socket.code) == (429, "too_many_connections")
    assert answer.status == 200


async def test_far_too_many_connections_are_closed_at_once(echo: Echo) -> None:
    settings = Settings(max_connections=1)

    async with serving(echo, settings=settings) as url, AsyncExitStack() as opened:
        for _ in range(1 + LIMITS.excess_connections):
            await opened.enter_async_context(wire(url))
        last = await opened.enter_async_context(wire(url))

        assert await last.is_closed()


async def test_connections_that_end_make_room(echo: Echo) -> None:
    async with serving(echo, settings=Settings(max_connections=1)) as url:
        answers: list[int] = []
        for _ in range(5):
            async with wire(url) as client:
                await client.send(GET + b"Connection: close\r\n\r\n")
                answers.append((await client.hear()).status)
                assert await client.is_closed()

    assert answers == [200] * 5


async def _read(client: Wire, piece: int, pause: float) -> int:
    """Read `piece` bytes at a time until the connection ends; how many they were."""
    received = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionError):
            while part := await client.reader.read(piece):
                received += len(part)
                await asyncio.sleep(pause)
    return received


async def _answer(opened: AsyncExitStack, url: str, request: bytes) -> Heard:
    client = await opened.enter_async_context(wire(url))
    await client.send(request)
    return await client.hear()
