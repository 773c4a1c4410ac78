"""The log of a running execution: it numbers the events, and keeps those that are not archived."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from activities.batches import EventBatch
from dynavera.contracts.contract import Contract
from dynavera.contracts.documents import Source
from dynavera.contracts.events import (
    AgentContent,
    ExecutionEvent,
    TerminalEvent,
    agent_event,
)
from dynavera.contracts.execution_view import ExecutionView
from dynavera.contracts.executions import PartialOutput, Stage
from dynavera.limits import ARCHIVE_EVENTS, PAGE_BYTES


class LogPage(Contract):
    """Part of the tail: `first` is the oldest event that is not archived, `last` the newest event."""

    first: int
    last: int
    items: list[ExecutionEvent]


class Snapshot(Contract):
    """The stage, and the answer so far."""

    stage: Stage
    answer: str


@dataclass
class EventLog:
    """The tail of one execution's log. Event 1 is in the records before the workflow starts; this continues from 2."""

    execution_id: UUID
    agent_id: UUID
    started_at: datetime
    received: int = 0
    """The number of batches received, including dropped ones."""
    _view: ExecutionView = field(default_factory=lambda: ExecutionView(stage="initializing"))
    _tail: list[ExecutionEvent] = field(default_factory=list[ExecutionEvent])
    _now: datetime | None = None
    _archived: int = 1
    _attempt: int | None = None
    _next_batch: int = 0

    @property
    def answer(self) -> str:
        """The answer so far."""
        return self._view.answer

    @property
    def sources(self) -> list[Source]:
        """The passages that were found."""
        return self._view.sources

    @property
    def partial_output(self) -> PartialOutput | None:
        """The partial answer; None if there is none."""
        return self._view.partial_output

    @property
    def now(self) -> datetime:
        """The latest time that an activity or a signal has recorded; before the first, the workflow's start."""
        return self._now or self.started_at

    @property
    def last(self) -> int:
        """The sequence of the newest event."""
        return self._archived + len(self._tail)

    @property
    def tail(self) -> list[ExecutionEvent]:
        """The events that are not archived."""
        return list(self._tail)

    @property
    def tail_bytes(self) -> int:
        """The size of the tail as JSON, in bytes."""
        return sum(map(_size, self._tail))

    def is_due(self, after: timedelta) -> bool:
        """Whether the tail must be archived: it is long, or its events span `after`. No timer is needed for that."""
        return len(self._tail) >= ARCHIVE_EVENTS or (
            len(self._tail) > 1 and self._tail[-1].timestamp - self._tail[0].timestamp >= after
        )

    def advance_clock(self, moment: datetime) -> None:
        """Give the next events the timestamp `moment`, unless an earlier event has a later one.

        `moment` comes from an activity or a signal: the workflow's own clock differs between a run and its replay.
        """
        self._now = moment if self._now is None else max(self._now, moment)

    def append(self, content: AgentContent) -> None:
        """Add an event."""
        self._view.apply_content(content)
        event = agent_event(
            content,
            execution_id=self.execution_id,
            agent_id=self.agent_id,
            sequence=self.last + 1,
            timestamp=self.now,
        )
        self._tail.append(event)

    def close(self, event: TerminalEvent) -> None:
        """Add the terminal event as the records have it. If they ended the log elsewhere, only they have its events."""
        if event.sequence != self.last + 1:
            self._tail.clear()
            self._archived = event.sequence - 1
        self._tail.append(event)

    def expect_attempt(self, attempt: int) -> None:
        """Accept only batches of this attempt from now on."""
        self._attempt, self._next_batch = attempt, 0

    def reject_batches(self) -> None:
        """Drop all batches from now on: they belong to attempts that are over."""
        self._attempt = None

    def accept(self, batch: EventBatch) -> None:
        """Add a batch's events; duplicates, and batches of other attempts, are dropped."""
        self.received += 1
        if batch.attempt != self._attempt or batch.index != self._next_batch:
            return
        self._next_batch += 1
        self.advance_clock(batch.at)
        for content in batch.contents:
            self.append(content)

    def page(self, after: int) -> LogPage:
        """The events of the tail after `after`: at most 256 KiB, and at least one if there is one."""
        first = self._archived + 1
        items: list[ExecutionEvent] = []
        room = PAGE_BYTES
        for event in self._tail[max(0, after - self._archived) :]:
            room -= _size(event)
            if items and room < 0:
                break
            items.append(event)
        return LogPage(first=first, last=self.last, items=items)

    def oldest(self) -> list[ExecutionEvent]:
        """The oldest events of the tail that fit into one payload."""
        return self.page(self._archived).items

    def drop(self, through: int) -> None:
        """Drop the events up to this sequence: they are archived."""
        gone = max(0, through - self._archived)
        del self._tail[:gone]
        self._archived = max(self._archived, through)

    def snapshot(self) -> Snapshot:
        """The stage, and the answer so far."""
        return Snapshot(stage=self._view.stage or "initializing", answer=self.answer)


def _size(event: ExecutionEvent) -> int:
    """Its size as JSON, in bytes; computed on demand, because a replay needs few."""
    return len(event.model_dump_json().encode())
