"""Request bodies: how large they may be, and how slowly they may come."""

import asyncio
from typing import ClassVar

from starlette.types import Message, Receive

from dynavera.limits import BODY_TIMEOUT, MIN_BODY_RATE
from dynavera.web.strict_bodies import BadBody


class BodyTooLarge(BadBody):
    """More was sent than is read."""

    status: ClassVar[int] = 413
    code: ClassVar[str] = "too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request is larger than the {limit} bytes that this path takes.")


class BodySilent(BadBody):
    """The rest of the body does not come."""

    status: ClassVar[int] = 408
    code: ClassVar[str] = "body_silent"

    def __init__(self) -> None:
        super().__init__(
            f"The rest of the request did not come: nothing for {BODY_TIMEOUT.total_seconds():g} s, or less than "
            f"{MIN_BODY_RATE} bytes a second. Send it again."
        )
        self.headers = {"Connection": "close"}


class BoundedBody:
    """Receives a request with a body of at most `limit` bytes.

    The client is given `BODY_TIMEOUT` and a second more for each `MIN_BODY_RATE` bytes. Only the time spent waiting for
    it counts, not what the application does in between.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
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
            # What comes now is that the client leaves, whenever that is.
            return await self._receive()
        message = await self._next_part()
        self._is_complete = not message.get("more_body", False)
        self._received += len(message.get("body", b""))
        if self._received > self._limit:
            raise BodyTooLarge(self._limit)
        return message

    async def _next_part(self) -> Message:
        patience = BODY_TIMEOUT.total_seconds()
        left = patience + self._received / MIN_BODY_RATE - self._waited
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(patience, left)):
                return await self._receive()
        except TimeoutError as error:
            raise BodySilent from error
        finally:
            self._waited += asyncio.get_running_loop().time() - started
