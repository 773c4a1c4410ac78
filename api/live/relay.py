"""Sends logs to viewers, with one reader per live execution for all of them."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterator, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from api.limits import PollLimits
from api.live.log import MAX_EVENTS, CursorAhead, EventsAway, ExecutionLog
from dynavera.bus.messages import Appended, BusMessage
from dynavera.contracts.events import LogEntry
from dynavera.contracts.executions import LIVE
from dynavera.records.database import DatabaseAway
from dynavera.records.logs import ExecutionNotFound

logger = logging.getLogger(__name__)


class LogUnreadable(Exception):
    """An execution's log has more events, which cannot be read."""


@dataclass
class Feed:
    """The newest events of one live execution, read once for all viewers; `feeds` are all feeds of this process."""

    execution_id: UUID
    log: ExecutionLog
    position: int
    feeds: Sized
    limits: PollLimits
    viewers: int = 0
    ended: bool = False
    failure: Exception | None = None
    _is_pushed: bool = False
    """Whether the event bus brings the events."""
    _ahead: dict[int, LogEntry] = field(default_factory=dict[int, LogEntry])
    """Entries from the bus that do not continue the log yet."""
    _poll_now: asyncio.Event = field(default_factory=asyncio.Event)
    _window: deque[LogEntry] = field(default_factory=deque[LogEntry])
    _bytes: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _is_running: bool = False
    _reader: asyncio.Task[None] | None = None

    @property
    def first(self) -> int:
        """The sequence of the oldest event in the window; one past the position when it is empty."""
        return self.position - len(self._window) + 1

    def after(self, cursor: int) -> list[LogEntry]:
        """The entries after `cursor`, which must be in the window or at its end."""
        skipped = cursor + 1 - self.first
        return list(islice(self._window, max(0, skipped), None))

    async def wait_for_events(self) -> None:
        """Wait until there are new events, or the feed has ended."""
        await self._changed.wait()

    def start(self) -> None:
        """Start reading."""
        self._reader = asyncio.create_task(self._read())

    def stop(self) -> None:
        """Stop reading: there are no more viewers."""
        if self._reader is not None:
            self._reader.cancel()

    def push(self, entries: list[LogEntry]) -> None:
        """Take entries from the event bus if they continue the log exactly; otherwise the log itself is read.

        They may be repeated, out of order or incomplete. None at all mean that the log has new ones.
        """
        for entry in entries:
            if self.position < entry.sequence <= self.position + self.limits.pushed_ahead:
                self._ahead.setdefault(entry.sequence, entry)
        continuing = list(self._continuing())
        self._add(continuing)
        self._is_pushed = self._is_pushed or bool(continuing)
        if self._ahead or not entries or self.ended:
            self._poll_now.set()

    def _continuing(self) -> Iterator[LogEntry]:
        """The entries from the bus that continue the log now."""
        position = self.position
        while (entry := self._ahead.pop(position + 1, None)) is not None:
            yield entry
            position = entry.sequence

    async def _read(self) -> None:
        """Poll until the terminal event: fast while events arrive, then more slowly, and rarely if the bus has them."""
        slowest = self.limits.max_interval.total_seconds()
        pause = self.limits.min_interval.total_seconds()
        empty_polls = 0
        try:
            while not self.ended:
                if await self._poll():
                    pause, empty_polls = self.limits.min_interval.total_seconds(), 0
                elif empty_polls < self.limits.polls_before_backoff:
                    empty_polls += 1
                else:
                    pause = min(pause * self.limits.backoff, slowest)
                await self._wait(slowest if self._is_pushed else pause)
        except Exception as error:
            # Nobody awaits this task: log the error, and pass it to each viewer.
            logger.exception("The log of execution %s cannot be read.", self.execution_id)
            self.failure = error
        finally:
            self.ended = True
            self._changed.set()

    async def _wait(self, pause: float) -> None:
        """Wait until the next poll is due."""
        if self.ended:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause * max(1, len(self.feeds) / self.limits.feeds_at_full_rate)):
                await self._poll_now.wait()
        if self._poll_now.is_set() and not self.ended:
            # Not at once: messages that were overtaken may still come.
            await asyncio.sleep(self.limits.gap_delay.total_seconds())

    async def _poll(self) -> bool:
        """Read the log; whether it had events that the bus has not brought."""
        self._poll_now.clear()
        try:
            entries = await self._next()
        except DatabaseAway:
            return False
        except ExecutionNotFound:
            self.ended = True
            return False
        missed = [entry for entry in entries if entry.sequence > self.position]
        self._add(missed)
        self._ahead = {sequence: entry for sequence, entry in self._ahead.items() if sequence > self.position}
        continuing = list(self._continuing())
        self._add(continuing)
        if continuing and not self._ahead:
            # They came during the poll, which closed the gap before them.
            self._poll_now.clear()
        self._is_pushed = not self._ahead and (bool(continuing) or (self._is_pushed and not missed))
        return bool(missed)

    async def _next(self) -> list[LogEntry]:
        """The next events: from the workflow while it runs, otherwise from the records, which also know the end."""
        if self._is_running and (events := await self.log.workflow_events(self.execution_id, self.position)):
            return events
        archived = await self.log.logs.part(self.execution_id, self.position, MAX_EVENTS)
        ran, self._is_running = self._is_running, archived.status == "running"
        if self._is_running and not ran and not archived.entries:
            return await self.log.workflow_events(self.execution_id, self.position)
        self.ended = self.ended or (not archived.entries and archived.status not in LIVE)
        return archived.entries

    def _add(self, entries: list[LogEntry]) -> None:
        for entry in entries:
            self._window.append(entry)
            self._bytes += len(entry.json)
            self.position = entry.sequence
            self.ended = self.ended or entry.is_terminal
        while self._bytes > self.limits.window_bytes and len(self._window) > 1:
            self._bytes -= len(self._window.popleft().json)
        if entries:
            self._changed.set()
            self._changed = asyncio.Event()


@dataclass(frozen=True)
class Relay:
    """Follows logs live from any position."""

    log: ExecutionLog
    limits: PollLimits = field(default_factory=PollLimits)
    _feeds: dict[UUID, Feed] = field(default_factory=dict[UUID, Feed])

    def receive(self, message: BusMessage) -> None:
        """Take a message from the event bus."""
        if isinstance(message, Appended) and (feed := self._feeds.get(message.execution_id)) is not None:
            feed.push(message.entries)

    async def follow(self, execution_id: UUID, after: int, *, is_new: bool = False) -> AsyncGenerator[LogEntry]:
        """The events after `after`, once each and in order, up to the terminal one; waits while no worker answers.

        Ends early only when the execution is deleted. All viewers of an execution that `is_new` share one reader from
        its first event on, because its log is short.

        Raises:
            CursorAhead: there is no event `after` yet.
            LogUnreadable: the log may have more events, and cannot be read.
        """
        cursor = after
        while True:
            entries = [] if is_new else await self._catch_up(execution_id, cursor)
            is_new = False
            for entry in entries:
                yield entry
                cursor = entry.sequence
            if entries and entries[-1].is_terminal:
                return
            if entries:
                continue
            with self._join_feed(execution_id, cursor) as feed:
                while cursor + 1 >= feed.first:
                    for entry in feed.after(cursor):
                        yield entry
                        cursor = entry.sequence
                    if feed.ended and cursor >= feed.position:
                        if feed.failure is not None:
                            raise _unreadable(cursor) from feed.failure
                        return
                    if cursor >= feed.position:
                        await feed.wait_for_events()
            await asyncio.sleep(self.limits.min_interval.total_seconds())

    async def _catch_up(self, execution_id: UUID, cursor: int) -> list[LogEntry]:
        """The next events for a viewer that is behind the feed's window."""
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
    def _join_feed(self, execution_id: UUID, cursor: int) -> Generator[Feed]:
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


def _unreadable(cursor: int) -> LogUnreadable:
    return LogUnreadable(f"The log cannot be read after its event {cursor}.")
