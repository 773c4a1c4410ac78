"""Progress of a generation, sent to its workflow in numbered batches."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.events import DeltaContent, ProgressContent
from dynavera.contracts.execution_view import ExecutionView
from dynavera.limits import (
    BATCHES_BEFORE_SLOWDOWN,
    DELTA_MAX_INTERVAL,
    DELTA_MAX_INTERVAL_AT,
    DELTA_MIN_INTERVAL,
    DELTA_SLOWDOWN_INTERVAL,
    FIRST_DELTA_DELAY,
)

REPORT = "report"
"""The name of the signal that carries a batch."""


class EventBatch(Contract):
    """Part of an attempt's progress; `index` counts the attempt's batches from 0, so that none counts twice."""

    attempt: int
    index: int
    at: UtcTime
    contents: list[DeltaContent | ProgressContent]


@dataclass
class SignalBudget:
    """How many signals a second this worker may send, shared by the generations that run in it."""

    per_second: int
    generations: int = 0

    def pause(self, answer_length: int, batches: int) -> timedelta:
        """The time between two batches, after `batches` of them, for an answer of `answer_length` code points."""
        if batches >= BATCHES_BEFORE_SLOWDOWN:
            return DELTA_SLOWDOWN_INTERVAL
        growth = min(1.0, answer_length / DELTA_MAX_INTERVAL_AT)
        by_length = DELTA_MIN_INTERVAL + (DELTA_MAX_INTERVAL - DELTA_MIN_INTERVAL) * growth
        return max(by_length, timedelta(seconds=self.generations / self.per_second))


@dataclass
class Outbox:
    """Collects an attempt's progress until the next batch is due."""

    attempt: int
    budget: SignalBudget
    view: ExecutionView
    _contents: list[DeltaContent | ProgressContent] = field(default_factory=list[DeltaContent | ProgressContent])
    _waiting: bool = False
    _writing: bool = False
    _has_unsent_note: bool = False
    _muted: bool = False
    _index: int = 0
    _due: float | None = None
    _last_sent: float | None = None

    def add_note(self, message: str) -> None:
        """Add a message of the generator: why it does not write yet, or a remark about what it writes."""
        self._has_unsent_note = True
        self._waiting = not self._writing
        self._add(ProgressContent(stage="generating" if self._writing else "initializing", message=message))

    def add_text(self, offset: int, text: str) -> None:
        """Add text at `offset`, in code points."""
        if not self._writing:
            # Why there was no text yet no longer needs a batch of its own.
            self._has_unsent_note = False
        self._writing = True
        if self._waiting:
            self._waiting = False
            self._add(ProgressContent(stage="generating", message="Writing the answer."))
        last = self._contents[-1] if self._contents else None
        if isinstance(last, DeltaContent) and offset == last.offset + len(last.text):
            self._contents[-1] = DeltaContent(offset=last.offset, text=last.text + text)
        else:
            self._add(DeltaContent(offset=offset, text=text))
        self.view.apply_content(DeltaContent(offset=offset, text=text))

    def seconds_until_due(self) -> float | None:
        """Seconds until the next batch is due, 0 for now; None while there is nothing to send."""
        return None if self._due is None or self._muted else max(0.0, self._due - time.monotonic())

    @property
    def answer(self) -> str:
        """The answer so far."""
        return self.view.answer

    @property
    def has_unsent_note(self) -> bool:
        """Whether there is a note that the attempt's result will not contain."""
        return self._has_unsent_note and not self._muted

    def mute(self) -> None:
        """Send no more batches; the attempt's result has the rest of the text."""
        self._muted = True

    def take_batch(self) -> EventBatch:
        """The batch that is due; later content goes into the next one."""
        batch = EventBatch(attempt=self.attempt, index=self._index, at=utc_now(), contents=self._contents)
        self._contents, self._due = [], None
        self._has_unsent_note = False
        self._index += 1
        self._last_sent = time.monotonic()
        return batch

    def _add(self, content: DeltaContent | ProgressContent) -> None:
        self._contents.append(content)
        if self._due is None:
            soon = time.monotonic() + FIRST_DELTA_DELAY.total_seconds()
            pause = self.budget.pause(len(self.answer), self._index).total_seconds()
            self._due = soon if self._last_sent is None else max(soon, self._last_sent + pause)
