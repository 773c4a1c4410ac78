"""The event bus of several machines: PostgreSQL's LISTEN and NOTIFY."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import make_url

from dynavera.bus.bus import Receive
from dynavera.bus.messages import Accepted, Appended, BusMessage, Written, decode, encode

logger = logging.getLogger(__name__)

CHANNEL = "dynavera_events"
MAX_PAYLOAD_BYTES = 7_999
"""PostgreSQL's limit."""

MAX_UNSENT = 1_000
"""Messages that wait to be sent; further ones are dropped."""

MAX_TOGETHER = 100
"""Messages that are sent in one transaction."""

NOTIFY = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"

OPTIONS_OF_SQLALCHEMY = ("prepared_statement_cache_size", "prepared_statement_name_func")

CONNECT_SECONDS, RECONNECT_SECONDS = 5, 1


@dataclass
class PostgresBus:
    """A bus in the database at `url`."""

    url: str
    _unsent: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue[str](MAX_UNSENT))

    def publish(self, message: BusMessage) -> None:
        """Send a message; a longer one than PostgreSQL takes becomes a hint, or is dropped."""
        payload = encode(message)
        if len(payload.encode()) > MAX_PAYLOAD_BYTES:
            match message:
                case Appended():
                    payload = encode(Appended(message.execution_id))
                case Written() | Accepted():
                    return
        if not self._unsent.full():
            self._unsent.put_nowait(payload)

    @asynccontextmanager
    async def subscribe(self, receive: Receive) -> AsyncGenerator[None]:
        """Call `receive` with each message while the block runs."""
        listening = asyncio.create_task(self._listen(receive))
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    @asynccontextmanager
    async def connecting(self) -> AsyncGenerator[None]:
        """Send the messages while the block runs."""
        sending = asyncio.create_task(self._send())
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.wait({sending})

    async def _listen(self, receive: Receive) -> None:
        def received(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            message = decode(str(payload))
            if message is not None:
                receive(message)

        async def listen(connection: Any) -> None:
            closed = asyncio.Event()
            connection.add_termination_listener(_setter(closed))
            await connection.add_listener(CHANNEL, received)
            await closed.wait()

        await self._stay_connected(listen)

    async def _send(self) -> None:
        async def send(connection: Any) -> None:
            while True:
                payloads = [await self._unsent.get()]
                while len(payloads) < MAX_TOGETHER and not self._unsent.empty():
                    payloads.append(self._unsent.get_nowait())
                await connection.execute(NOTIFY, CHANNEL, payloads, timeout=CONNECT_SECONDS)

        await self._stay_connected(send)

    async def _stay_connected(self, work: Callable[[Any], Awaitable[None]]) -> None:
        """Run `work` with a connection, and again with another one whenever that breaks."""
        while True:
            try:
                connection = await _connect(self.url)
                try:
                    await work(connection)
                finally:
                    connection.terminate()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.info("The event bus is not connected: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)


def _setter(event: asyncio.Event) -> Callable[[object], None]:
    """A listener that sets `event` when its connection ends."""
    return lambda _connection: event.set()


async def _connect(url: str) -> Any:
    """A connection with the options that SQLAlchemy takes from the URL."""
    _, options = PGDialect_asyncpg().create_connect_args(make_url(url))
    for name in OPTIONS_OF_SQLALCHEMY:
        options.pop(name, None)
    return await cast("Any", asyncpg).connect(**options, timeout=CONNECT_SECONDS)
