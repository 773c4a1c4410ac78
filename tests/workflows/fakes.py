"""A fake MCP service, configured by each test, that fails as the real one does."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from uuid import UUID

from activities.mcp_client import StatusLine, TextPiece
from activities.mcp_errors import McpAway, McpRefused
from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import RetrievedPassage
from dynavera.contracts.executions import Usage
from dynavera.contracts.mcp import GenerateCall, Generated, GenerationStopped, Retrieved, ServiceRefusal
from dynavera.identifiers import new_id

PASSAGE = RetrievedPassage(
    document_id=new_id(), document="fnirs.md", passage_id=new_id(), text="Light.", score=0.5, sha256="0" * 64
)


@dataclass
class Gate:
    """A point where the fake waits until the test opens it."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        self.reached.set()
        await self.opened.wait()


@dataclass
class FakeMcp:
    """Retrieves one passage and writes `words`, each as a piece; each attempt raises one of the `failures` first."""

    words: list[str] = field(default_factory=lambda: ["Light ", "tells [1]."])
    passages: list[RetrievedPassage] = field(default_factory=lambda: [PASSAGE])
    retrieval_failures: list[Exception] = field(default_factory=list[Exception])
    failures: list[Exception] = field(default_factory=list[Exception])
    fail_after: int = 0
    status_lines: list[str] = field(default_factory=list[str])
    retrieval_gate: Gate | None = None
    stopped_early: int | None = None
    gate: Gate | None = None
    gate_after: int = 1
    calls: list[GenerateCall] = field(default_factory=list[GenerateCall])
    stopped: list[str] = field(default_factory=list[str])
    aborted: int = 0

    async def retrieve(self, user_id: UUID, query: str, collection: str, top_k: int) -> Retrieved:
        if self.retrieval_gate is not None:
            await self.retrieval_gate.wait()
        if self.retrieval_failures:
            raise self.retrieval_failures.pop(0)
        return Retrieved(passages=self.passages[:top_k])

    async def generate(self, user_id: UUID, call: GenerateCall) -> AsyncGenerator[TextPiece | StatusLine | Generated]:
        self.calls.append(call)
        failure = self.failures.pop(0) if self.failures else None
        for line in self.status_lines:
            yield StatusLine(line)
        whole = "".join(self.words)
        text = call.prefix if whole.startswith(call.prefix) else ""
        done = False
        try:
            for number, word in enumerate(self._rest(text)):
                if failure is not None and number >= self.fail_after:
                    raise failure
                if self.gate is not None and number >= self.gate_after:
                    await self.gate.wait()
                yield TextPiece(len(text), word)
                text += word
                if number + 1 == self.stopped_early:
                    self.stopped_early = None
                    break
            done = True
        finally:
            self.aborted += not done
        usage = Usage(prompt_tokens=1, completion_tokens=len(self.words))
        reason = "stop" if text == whole else "stopped"
        yield Generated(text=text, generator="fake", finish_reason=reason, usage=usage)

    async def stop_generation(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        self.stopped.append(operation_id)
        return GenerationStopped(stopped=True, characters=0, acknowledged_at=utc_now())

    def _rest(self, text: str) -> list[str]:
        written, rest = "", list(self.words)
        while len(written) < len(text):
            written += rest.pop(0)
        return rest


def unavailable() -> McpAway:
    return McpAway("The MCP service does not answer.")


def refused(code: str, *, retryable: bool = False, after: float | None = None) -> McpRefused:
    refusal = ServiceRefusal(code=code, detail=f"Refused: {code}.", retryable=retryable, retry_after_seconds=after)
    return McpRefused(refusal)
