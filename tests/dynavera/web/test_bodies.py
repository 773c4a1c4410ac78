"""Bodies that are too large, or come too slowly; time spent by the application is not held against the client."""

import asyncio
from datetime import timedelta

import pytest
from starlette.types import Message

from dynavera.web.bodies import BodyLimits, BodySilent, BodyTooLarge, BoundedBody

LIMIT = 100
LIMITS = BodyLimits(LIMIT)


class Sender:
    """Sends a body in pieces, with a pause before each."""

    def __init__(self, *pieces: bytes, pause: float = 0) -> None:
        self._pieces = list(pieces)
        self._pause = pause

    async def __call__(self) -> Message:
        await asyncio.sleep(self._pause)
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}


async def test_a_body_is_read_up_to_its_limit() -> None:
    receive = BoundedBody(Sender(b"a" * 60, b"a" * 40), LIMITS)

    assert [len((await receive())["body"]) for _ in range(2)] == [60, 40]


async def test_a_byte_more_is_refused() -> None:
    receive = BoundedBody(Sender(b"a" * 60, b"a" * 41), LIMITS)

    await receive()
    with pytest.raises(BodyTooLarge):
        await receive()


async def test_a_body_that_trickles_is_refused() -> None:
    receive = BoundedBody(Sender(*[b"a"] * LIMIT, pause=0.05), BodyLimits(LIMIT, timeout=timedelta(milliseconds=300)))

    with pytest.raises(BodySilent) as refused:
        await _whole(receive)

    assert refused.value.headers == {"Connection": "close"}


async def test_a_client_that_has_sent_much_may_pause() -> None:
    limits = BodyLimits(LIMIT, timeout=timedelta(seconds=10), min_rate=1)
    receive = BoundedBody(Sender(b"a" * 50, b"", b"a", pause=0.01), limits)

    assert [len((await receive())["body"]) for _ in range(3)] == [50, 0, 1]


async def test_time_spent_by_the_application_does_not_count() -> None:
    receive = BoundedBody(Sender(*[b"a"] * 5), BodyLimits(LIMIT, timeout=timedelta(milliseconds=500)))

    for _ in range(5):
        await receive()
        await asyncio.sleep(0.2)


async def _whole(receive: BoundedBody) -> None:
    while (await receive())["more_body"]:
        pass
