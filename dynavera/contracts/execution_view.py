"""The state of an execution, folded from its log."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from dynavera.contracts.documents import Source
from dynavera.contracts.events import (
    AgentContent,
    Delta,
    DeltaContent,
    ExecutionCompleted,
    ExecutionError,
    ExecutionEvent,
    ExecutionStarted,
    ExecutionStopped,
    Message,
    MessageContent,
    Progress,
    ProgressContent,
    Step,
    StepContent,
)
from dynavera.contracts.executions import ExecutionStatus, PartialOutput, Stage


@dataclass
class ExecutionView:
    """Status, stage, answer and sources after the events so far; the stage is None before the first progress."""

    status: ExecutionStatus = "queued"
    stage: Stage | None = None
    answer: str = ""
    sources: list[Source] = field(default_factory=list[Source])

    @classmethod
    def of(cls, events: Iterable[ExecutionEvent]) -> Self:
        """The view after these events, from the first one on."""
        view = cls()
        for event in events:
            view.apply(event)
        return view

    @property
    def partial_output(self) -> PartialOutput | None:
        """The partial answer; None if there is none."""
        return PartialOutput(answer=self.answer, sources=self.sources, partial=True) if self.answer else None

    def apply(self, event: ExecutionEvent) -> None:
        """Add the next event."""
        match event:
            case ExecutionStarted():
                self.status = "queued"
            case Progress() | Step() | Delta() | Message():
                self.status = "running"
                self.apply_content(event.content)
            case ExecutionCompleted():
                self.status = "completed"
                self.answer, self.sources = event.output_data.answer, event.output_data.sources
            case ExecutionError():
                self.status = "failed"
            case ExecutionStopped():
                self.status = "stopped"

    def apply_content(self, content: AgentContent) -> None:
        """Add the content of the next agent event."""
        match content:
            case ProgressContent():
                self.stage = content.stage
            case StepContent():
                self.sources = self.sources if content.passages is None else content.passages
            case DeltaContent():
                self.answer = self.answer[: content.offset] + content.text
            case MessageContent():
                pass
