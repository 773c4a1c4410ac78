"""From the log to its viewers: one reader per live execution, whatever their number."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Generator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from api.execution_log import MOST, CursorAhead, EventsAway, ExecutionLog
from api.limits import PollLimits
from dynavera.contracts.events import ExecutionEvent, is_terminal
from dynavera.contracts.executions import LIVE
from dynavera.records.database import DatabaseAway
from dynavera.records.logs import ExecutionNotFound

logger = logging.getLogger(__name__)


class LogUnreadable(Exception):
    """An execution's log goes on, and cannot be read here."""


class Entry(NamedTuple):
    """An event and its JSON, which is made once for all viewers."""

    event: ExecutionEvent
    json: str


@dataclass
class Feed:
    """The newest events of one live execution, read once and shared; `feeds` are all of this process."""

    execution_id: UUID
    log: ExecutionLog
    position: int
    feeds: Sized
    limits: PollLimits
    viewers: int = 0
    ended: bool = False
    failure: Exception | None = None
    _window: deque[Entry] = field(default_factory=deque[Entry])
    _bytes: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _runs: bool = False
    _reader: asyncio.Task[None] | None = None

    @property
    def first(self) -> int:
        """The sequence of the oldest event in the window; one past the position when it is empty."""
        return self.position - len(self._window) + 1

    def after(self, cursor: int) -> list[Entry]:
        """The entries of the window after `cursor`, which must be in it or at its end."""
        skipped = cursor + 1 - self.first
        return list(islice(self._window, max(0, skipped), None))

    async def moved(self) -> None:
        """Wait until there is something new, or the feed has ended."""
        await self._moved.wait()

    def start(self) -> None:
        """Begin to read."""
        self._reader = asyncio.create_task(self._read())

    def stop(self) -> None:
        """Nobody looks any more."""
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self) -> None:
        """Read until the terminal event: fast while events come, slowly when none do."""
        pause = self.limits.min_interval.total_seconds()
        in_vain = 0
        try:
            while not self.ended:
                if await self._look():
                    pause, in_vain = self.limits.min_interval.total_seconds(), 0
                elif in_vain < self.limits.polls_before_backoff:
                    in_vain += 1
                else:
                    pause = min(pause * self.limits.backoff, self.limits.max_interval.total_seconds())
                await asyncio.sleep(
                    0 if self.ended else pause * max(1, len(self.feeds) / self.limits.feeds_at_full_rate)
                )
        except Exception as error:
            # Nobody waits for this task: the log says it, and each viewer is told.
            logger.exception("The log of execution %s cannot be read.", self.execution_id)
            self.failure = error
        finally:
            self.ended = True
            self._moved.set()

    async def _look(self) -> bool:
        try:
            events = await self._next()
        except DatabaseAway:
            return False
        except ExecutionNotFound:
            self.ended = True
            return False
        self._add(events)
        return bool(events)

    async def _next(self) -> list[ExecutionEvent]:
        """What comes next: from the workflow while it runs, else from the records, which know when there is no more."""
        if self._runs and (events := await self.log.newest(self.execution_id, self.position)):
            return events
        archived = await self.log.logs.part(self.execution_id, self.position, MOST)
        ran, self._runs = self._runs, archived.status == "running"
        if self._runs and not ran and not archived.events:
            return await self.log.newest(self.execution_id, self.position)
        self.ended = not archived.events and archived.status not in LIVE
        return archived.events

    def _add(self, events: list[ExecutionEvent]) -> None:
        for entry in map(_entry, events):
            self._window.append(entry)
            self._bytes += len(entry.json)
            self.position = entry.event.sequence
            self.ended = self.ended or is_terminal(entry.event)
        while self._bytes > self.limits.window_bytes and len(self._window) > 1:
            self._bytes -= len(self._window.popleft().json)
        if events:
            self._moved.set()
            self._moved = asyncio.Event()


@dataclass(frozen=True)
class Relay:
    """Shows logs, live, from any position on."""

    log: ExecutionLog
    limits: PollLimits = field(default_factory=PollLimits)
    _feeds: dict[UUID, Feed] = field(default_factory=dict[UUID, Feed])

    async def follow(self, execution_id: UUID, after: int, *, is_new: bool = False) -> AsyncGenerator[Entry]:
        """The events after `after`, once each and in order, up to the terminal one; nothing while nobody answers.

        Ends early only when the execution is deleted. The log of an execution that `is_new` is short: all its viewers
        share one reader from the first event on.

        Raises:
            CursorAhead: there is no event `after` yet.
            LogUnreadable: there is more, or may be, and something is wrong with it.
        """
        cursor = after
        while True:
            events = [] if is_new else await self._behind(execution_id, cursor)
            is_new = False
            for event in events:
                yield _entry(event)
                cursor = event.sequence
            if events and is_terminal(events[-1]):
                return
            if events:
                continue
            with self._joined(execution_id, cursor) as feed:
                while cursor + 1 >= feed.first:
                    for entry in feed.after(cursor):
                        yield entry
                        cursor = entry.event.sequence
                    if feed.ended and cursor >= feed.position:
                        if feed.failure is not None:
                            raise _unreadable(cursor) from feed.failure
                        return
                    if cursor >= feed.position:
                        await feed.moved()
            await asyncio.sleep(self.limits.min_interval.total_seconds())

    async def _behind(self, execution_id: UUID, cursor: int) -> list[ExecutionEvent]:
        """What a viewer reads for itself until it has caught up with the feed."""
        feed = self._feeds.get(execution_id)
        if feed is not None and feed.first <= cursor + 1 <= feed.position + 1:
            return []
        try:
            return await self.log.read(execution_id, cursor)
        except (EventsAway, DatabaseAway, ExecutionNotFound):
            return []
        except CursorAhead:
            raise
        except Exception as error:
            raise _unreadable(cursor) from error

    @contextmanager
    def _joined(self, execution_id: UUID, cursor: int) -> Generator[Feed]:
        feed = self._feeds.get(execution_id)
        if feed is None or feed.ended:
            feed = self._feeds[execution_id] = Feed(execution_id, self.log, cursor, self._feeds, self.limits)
            feed.start()
        feed.viewers += 1
        try:
            yield feed
        finally:
            feed.viewers -= 1
            if feed.viewers == 0:
                feed.stop()
                if self._feeds.get(execution_id) is feed:
                    del self._feeds[execution_id]


def _entry(event: ExecutionEvent) -> Entry:
    return Entry(event, event.model_dump_json())


def _unreadable(cursor: int) -> LogUnreadable:
    return LogUnreadable(f"The log cannot be read after its event {cursor}.")
