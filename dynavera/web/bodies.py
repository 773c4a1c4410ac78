"""The size and the speed of request bodies."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from starlette.types import Message, Receive

from dynavera.web.strict_bodies import BadBody


@dataclass(frozen=True)
class BodyLimits:
    """How large bodies may be, and how slowly they may come."""

    max_bytes: int
    max_bytes_of_path: Mapping[str, int] = field(default_factory=dict[str, int], hash=False)
    """The paths that differ from `max_bytes`."""

    timeout: timedelta = timedelta(seconds=30)
    min_rate: int = 1000
    """How long an incomplete body may be silent, and the minimum bytes per second over the whole body: a modem of the
    nineties sends four times as many."""

    def of(self, path: str) -> int:
        """The most bytes of a body at `path`."""
        return self.max_bytes_of_path.get(path, self.max_bytes)


class BodyTooLarge(BadBody):
    """The body is larger than the limit."""

    status: ClassVar[int] = 413
    code: ClassVar[str] = "too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request is larger than the {limit} bytes that this path accepts.")


class BodySilent(BadBody):
    """The rest of the body does not arrive."""

    status: ClassVar[int] = 408
    code: ClassVar[str] = "body_silent"

    def __init__(self, limits: BodyLimits) -> None:
        super().__init__(
            f"The rest of the request did not arrive: nothing for {limits.timeout.total_seconds():g} s, or less than "
            f"{limits.min_rate} bytes a second. Send it again."
        )
        self.headers = {"Connection": "close"}


class BoundedBody:
    """Receives a request to `path` within the limits.

    The client has `timeout` and a second more for each `min_rate` bytes. Only the time spent waiting for it counts, not
    what the application does in between.
    """

    def __init__(self, receive: Receive, limits: BodyLimits, path: str = "") -> None:
        self._receive = receive
        self._limits = limits
        self._max_bytes = limits.of(path)
        self._is_complete = False
        self._received = 0
        self._waited = 0.0

    async def __call__(self) -> Message:
        """The next message.

        Raises:
            BodyTooLarge: the body is larger than the limit.
            BodySilent: it comes too slowly, or not at all.
        """
        if self._is_complete:
            # The next message is the client's disconnect, whenever that is.
            return await self._receive()
        message = await self._next_part()
        self._is_complete = not message.get("more_body", False)
        self._received += len(message.get("body", b""))
        if self._received > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)
        return message

    async def _next_part(self) -> Message:
        timeout = self._limits.timeout.total_seconds()
        left = timeout + self._received / self._limits.min_rate - self._waited
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(timeout, left)):
                return await self._receive()
        except TimeoutError as error:
            raise BodySilent(self._limits) from error
        finally:
            self._waited += asyncio.get_running_loop().time() - started
