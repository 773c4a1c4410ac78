"""The log of a running execution: numbered here, archived from here, read from here."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from activities.batches import EventBatch
from dynavera.contracts.contract import Contract
from dynavera.contracts.documents import Source
from dynavera.contracts.events import (
    AgentContent,
    DeltaContent,
    ExecutionEvent,
    ProgressContent,
    StepContent,
    TerminalEvent,
    agent_event,
    grown,
)
from dynavera.contracts.executions import Stage
from dynavera.limits import ARCHIVE_EVENTS, PAGE_BYTES


class LogPage(Contract):
    """Part of the tail. What lies between the sequence asked for and `first` is archived; `last` is the newest."""

    first: int
    last: int
    items: list[ExecutionEvent]


class Snapshot(Contract):
    """Where the execution is now."""

    stage: Stage
    answer: str


@dataclass
class EventLog:
    """The tail of one execution's log. Event 1 is in the records before the workflow starts; this goes on from 2."""

    execution_id: UUID
    agent_id: UUID
    started_at: datetime
    stage: Stage = "initializing"
    answer: str = ""
    sources: list[Source] = field(default_factory=list[Source])
    received: int = 0
    """How many batches came in, those that were dropped included."""
    _tail: list[ExecutionEvent] = field(default_factory=list[ExecutionEvent])
    _now: datetime | None = None
    _archived: int = 1
    _attempt: int | None = None
    _next_batch: int = 0

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
        """What is not archived yet."""
        return list(self._tail)

    @property
    def waiting(self) -> int:
        """How many events are not archived yet."""
        return len(self._tail)

    @property
    def waiting_bytes(self) -> int:
        """Their size as JSON, in bytes."""
        return sum(map(_size, self._tail))

    def is_due(self, after: timedelta) -> bool:
        """Whether the tail is long enough to be archived, or `after` old: judged by its own events, without a timer."""
        return len(self._tail) >= ARCHIVE_EVENTS or (
            len(self._tail) > 1 and self._tail[-1].timestamp - self._tail[0].timestamp >= after
        )

    def advance_clock(self, moment: datetime) -> None:
        """Date the next events `moment`, or later: time never goes back in a log.

        `moment` comes from an activity or a signal; the workflow's own clock differs between a run and its replay.
        """
        self._now = moment if self._now is None else max(self._now, moment)

    def append(self, content: AgentContent) -> None:
        """Say `content`."""
        match content:
            case ProgressContent():
                self.stage = content.stage
            case DeltaContent():
                self.answer = grown(self.answer, content)
            case StepContent() if content.passages is not None:
                self.sources = content.passages
            case _:
                pass
        event = agent_event(
            content,
            execution_id=self.execution_id,
            agent_id=self.agent_id,
            sequence=self.last + 1,
            timestamp=self.now,
        )
        self._tail.append(event)

    def close(self, event: TerminalEvent) -> None:
        """Say the last word, which the records have; if they ended the log earlier, the tail beyond it never was."""
        while self._tail and self.last >= event.sequence:
            self._tail.pop()
        self._tail.append(event)

    def expect(self, attempt: int) -> None:
        """From now on only batches of this attempt count."""
        self._attempt, self._next_batch = attempt, 0

    def expect_none(self) -> None:
        """Batches that still come are of attempts that were given up."""
        self._attempt = None

    def accept(self, batch: EventBatch) -> None:
        """Say what an attempt has told, once: batches that came before, or from another attempt, are dropped."""
        self.received += 1
        if batch.attempt != self._attempt or batch.index != self._next_batch:
            return
        self._next_batch += 1
        self.advance_clock(batch.at)
        for content in batch.contents:
            self.append(content)

    def page(self, after: int) -> LogPage:
        """The events after `after`: at most 256 KiB of them, and at least one if there is one."""
        first = self._archived + 1
        items: list[ExecutionEvent] = []
        room = PAGE_BYTES
        for event in self._tail[max(0, after - self._archived) :]:
            room -= _size(event)
            if items and room < 0:
                break
            items.append(event)
        return LogPage(first=first, last=self.last, items=items)

    def part(self) -> list[ExecutionEvent]:
        """The oldest events of the tail that fit into one payload."""
        return self.page(self._archived).items

    def drop(self, through: int) -> None:
        """Drop the events up to this sequence, which the records have."""
        gone = max(0, through - self._archived)
        del self._tail[:gone]
        self._archived = max(self._archived, through)

    def snapshot(self) -> Snapshot:
        """Where the execution is now."""
        return Snapshot(stage=self.stage, answer=self.answer)


def _size(event: ExecutionEvent) -> int:
    """Bytes of its JSON: counted when they are asked for, for a replay asks for few."""
    return len(event.model_dump_json().encode())
