"""The generator for a GPT4All model: loaded when it is first asked, kept, one answer at a time."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

import anyio

from dynavera.contracts.executions import Usage
from mcp_service.generators.generator import (
    Ask,
    Ending,
    GeneratorAway,
    GeneratorDied,
    GeneratorRefused,
    GeneratorSilent,
    GeneratorUnavailable,
    Piece,
    Told,
    Waiting,
)
from mcp_service.generators.gpt4all.messages import Ended, Loaded, Text, Unusable
from mcp_service.generators.gpt4all.process import ModelDied, ModelProcess
from mcp_service.generators.patience import Patience, Silence
from mcp_service.generators.turns import Ticket, Turns
from mcp_service.prompt import prompt_for
from mcp_service.tokens import tokens_in

GRACE_READING = 3.0
GRACE_WRITING = 0.7
"""Seconds that a stopped model gets to let go, before and after its first text; then its process is killed, for a
prompt on a slow machine can take many more for a batch."""


@dataclass(frozen=True)
class Limits:
    """How long a call may wait for its turn and for the model to load and to speak, and how long it stays loaded."""

    queue: timedelta
    load: timedelta
    silence: Silence
    idle: timedelta


class Gpt4All:
    """A model in a process of its own, which `command` starts; calls wait for each other in the order they came."""

    def __init__(self, name: str, command: Sequence[str], limits: Limits) -> None:
        self.name = name
        self._command = command
        self._limits = limits
        self._turns = Turns()
        self._process: ModelProcess | None = None
        self._context = 0
        self._unloading: asyncio.TimerHandle | None = None

    @property
    def process_id(self) -> int | None:
        """The id of the model's process, while there is one."""
        return self._process.pid if self._process is not None and self._process.is_alive else None

    async def stream(self, ask: Ask) -> AsyncGenerator[Told]:
        """The answer, going on after the prefix; first what it waits for."""
        with self._turns.ticket() as ticket:
            try:
                async with aclosing(self._queued(ticket)) as waiting:
                    async for told in waiting:
                        yield told
                self._keep()
                process = self._process
                if process is None or not process.is_alive:
                    yield Waiting(f"Loading {self.name} …")
                    began = time.monotonic()
                    process = await self._load()
                    yield Waiting(f"Loaded in {time.monotonic() - began:.1f} s.")
                async with aclosing(self._written(ask, process)) as written:
                    async for told in written:
                        yield told
            finally:
                if len(self._turns) == 1:
                    self._unload_later()

    async def close(self) -> None:
        """End the process."""
        self._keep()
        if self._process is not None:
            await self._process.end()
            self._process = None

    async def _queued(self, ticket: Ticket) -> AsyncGenerator[Waiting]:
        patience = self._limits.queue.total_seconds()
        try:
            async with aclosing(ticket.places(patience)) as places:
                async for place in places:
                    yield Waiting(f"{ordinal(place)} in the queue for {self.name}.")
        except TimeoutError as error:
            raise GeneratorAway(
                f"{self.name!r} was busy with other answers for {patience:g} s. DYNAVERA_QUEUE_TIMEOUT sets the limit."
            ) from error

    async def _load(self) -> ModelProcess:
        process = await ModelProcess.started(self._command)
        try:
            with anyio.fail_after(self._limits.load.total_seconds()):
                said = await process.said()
            if not isinstance(said, Loaded):
                reason = said.reason if isinstance(said, Unusable) else "it speaks before it is loaded"
                raise GeneratorUnavailable(f"The model of {self.name!r} cannot be used: {reason}.")
            self._process, self._context = process, said.context
        except TimeoutError as error:
            raise GeneratorSilent(
                f"The model of {self.name!r} was not loaded within {self._limits.load.total_seconds():g} s. "
                "DYNAVERA_LOAD_TIMEOUT sets the limit."
            ) from error
        except ModelDied as error:
            raise self._died(error) from error
        finally:
            if self._process is not process:
                await process.end()
        return process

    async def _written(self, ask: Ask, process: ModelProcess) -> AsyncGenerator[Told]:
        prompt = prompt_for(ask.query, ask.passages, ask.instructions)
        patience = Patience(self.name, self._limits.silence)
        offset = len(ask.prefix)
        grace = GRACE_READING
        ended: Ended | None = None
        left = max(1, ask.max_tokens - tokens_in(ask.prefix))
        process.ask(prompt.system, prompt.user, ask.prefix, left, ask.temperature)
        try:
            while True:
                with patience.waiting():
                    said = await process.said()
                match said:
                    case Text(text=text):
                        patience.hears()
                        grace = GRACE_WRITING
                        yield Piece(offset, text)
                        offset += len(text)
                    case Ended():
                        ended = said
                        yield self._ending(ask, ended)
                        return
                    case Loaded() | Unusable():
                        continue
        except ModelDied as error:
            raise self._died(error) from error
        finally:
            if ended is None:
                await process.stop(grace)

    def _ending(self, ask: Ask, ended: Ended) -> Ending:
        match ended.reason:
            case "stop" | "length" as reason:
                completion = tokens_in(ask.prefix) + ended.completion_tokens
                return Ending(reason, Usage(prompt_tokens=ended.prompt_tokens, completion_tokens=completion))
            case "too_long":
                raise GeneratorRefused(
                    f"The question, its passages and the instructions are longer than {self.name!r} can read: "
                    f"{self._context} tokens. Let the agent take fewer passages, or raise DYNAVERA_MODEL_CONTEXT if "
                    "the model was made for more."
                )
            case "stopped":
                raise GeneratorAway(f"{self.name!r} was stopped before the answer was whole.")

    def _died(self, error: ModelDied) -> GeneratorDied:
        return GeneratorDied(f"The process of {self.name!r} died: {error}. Is there enough memory for the model?")

    def _keep(self) -> None:
        if self._unloading is not None:
            self._unloading.cancel()
            self._unloading = None

    def _unload_later(self) -> None:
        """Free the memory when nobody asks for long."""
        self._keep()
        if self._process is not None:
            idle = self._limits.idle.total_seconds()
            self._unloading = asyncio.get_running_loop().call_later(idle, self._process.kill)


def ordinal(place: int) -> str:
    """1st, 2nd, 3rd …"""
    teen = place % 100 in (11, 12, 13)
    return f"{place}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"
