"""What an attempt to generate tells its workflow while it runs: batches, each numbered."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.events import DeltaContent, ProgressContent
from dynavera.limits import (
    BATCHES_BEFORE_SLOW,
    DELTA_EVERY_FIRST,
    DELTA_EVERY_GROWS_OVER,
    DELTA_EVERY_MOST,
    DELTA_EVERY_SLOW,
    FIRST_DELTA_GATHERS,
)

REPORT = "report"
"""The name of the signal that carries a batch."""


class EventBatch(Contract):
    """Part of what an attempt has to tell; `index` counts the attempt's batches from 0, so that none counts twice."""

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
        """The time between two batches of an attempt that has sent so many, for an answer of so many code points."""
        if batches >= BATCHES_BEFORE_SLOW:
            return DELTA_EVERY_SLOW
        grown = min(1.0, answer_length / DELTA_EVERY_GROWS_OVER)
        by_length = DELTA_EVERY_FIRST + (DELTA_EVERY_MOST - DELTA_EVERY_FIRST) * grown
        return max(by_length, timedelta(seconds=self.generations / self.per_second))


@dataclass
class Outbox:
    """Gathers what is to be told until the next batch is due."""

    attempt: int
    budget: SignalBudget
    answer: str
    _contents: list[DeltaContent | ProgressContent] = field(default_factory=list[DeltaContent | ProgressContent])
    _waits: bool = False
    _writes: bool = False
    _owes_remark: bool = False
    _muted: bool = False
    _index: int = 0
    _due: float | None = None
    _last_sent: float | None = None

    def say(self, message: str) -> None:
        """The generator is not writing yet, and says why; or it is, and has something to say about it."""
        self._owes_remark = True
        self._waits = not self._writes
        self._add(ProgressContent(stage="generating" if self._writes else "initializing", message=message))

    def write(self, offset: int, text: str) -> None:
        """The answer goes on at `offset`, in code points."""
        if not self._writes:
            # Why there was no text yet is not worth a batch of its own any more.
            self._owes_remark = False
        self._writes = True
        if self._waits:
            self._waits = False
            self._add(ProgressContent(stage="generating", message="Writing the answer."))
        last = self._contents[-1] if self._contents else None
        if isinstance(last, DeltaContent) and offset == last.offset + len(last.text):
            self._contents[-1] = DeltaContent(offset=last.offset, text=last.text + text)
        else:
            self._add(DeltaContent(offset=offset, text=text))
        self.answer = self.answer[:offset] + text

    def wait(self) -> float | None:
        """Seconds until a batch is due, 0 for now; None while there is nothing to tell."""
        return None if self._due is None or self._muted else max(0.0, self._due - time.monotonic())

    @property
    def owes_remark(self) -> bool:
        """Whether there is something to tell about the text, or about there being none, that its end will not say."""
        return self._owes_remark and not self._muted

    def mute(self) -> None:
        """Nothing can be told any more; the attempt's result says the rest."""
        self._muted = True

    def batch(self) -> EventBatch:
        """The batch that is due; what comes from here on is for the next one."""
        batch = EventBatch(attempt=self.attempt, index=self._index, at=utc_now(), contents=self._contents)
        self._contents, self._due = [], None
        self._owes_remark = False
        self._index += 1
        self._last_sent = time.monotonic()
        return batch

    def _add(self, content: DeltaContent | ProgressContent) -> None:
        self._contents.append(content)
        if self._due is None:
            soon = time.monotonic() + FIRST_DELTA_GATHERS.total_seconds()
            pause = self.budget.pause(len(self.answer), self._index).total_seconds()
            self._due = soon if self._last_sent is None else max(soon, self._last_sent + pause)
