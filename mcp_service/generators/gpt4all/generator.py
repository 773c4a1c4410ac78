"""The generator for a GPT4All model: loaded on first use, kept in memory, one answer at a time."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

import anyio

from dynavera.contracts.executions import Usage
from dynavera.web.errors import GeneratorUnavailable
from mcp_service.generator_prompt import build_prompt
from mcp_service.generators.generator import (
    Finished,
    GenerationItem,
    GeneratorAway,
    GeneratorDied,
    GeneratorInput,
    GeneratorRefused,
    GeneratorSilent,
    StatusNote,
    TextDelta,
)
from mcp_service.generators.gpt4all.messages import Ended, Loaded, Text, Unusable
from mcp_service.generators.gpt4all.process import ModelDied, ModelProcess
from mcp_service.generators.silence_timeout import SilenceLimits, SilenceTimer
from mcp_service.generators.wait_queue import WaitQueue
from mcp_service.limits import StopGrace
from mcp_service.token_estimates import estimate_tokens


@dataclass(frozen=True)
class Gpt4AllLimits:
    """The time limits for waiting in the queue, loading, and the model's tokens, and how long it stays loaded."""

    queue: timedelta
    load: timedelta
    silence: SilenceLimits
    idle: timedelta
    stop_grace: StopGrace = field(default_factory=StopGrace)


class Gpt4All:
    """A model in its own process, which `command` starts; concurrent calls are queued first in, first out."""

    def __init__(self, name: str, command: Sequence[str], limits: Gpt4AllLimits) -> None:
        self.name = name
        self._command = command
        self._limits = limits
        self._queue = WaitQueue()
        self._process: ModelProcess | None = None
        self._context = 0
        self._unload_timer: asyncio.TimerHandle | None = None
        self.rejection: str | None = None
        """Why the file could not be loaded, as the end of a sentence; None unless a load has failed."""

    async def check(self, seconds: float) -> None:
        """Check that the model can be loaded; one that takes longer than `seconds` is taken for usable.

        Raises:
            GeneratorUnavailable: it cannot; the message says why.
        """
        if self._process is not None or len(self._queue):
            return
        with anyio.move_on_after(seconds), self._queue.ticket():
            try:
                await self._load()
            except (GeneratorSilent, GeneratorDied):
                return
            finally:
                self._unload_later()

    async def stream(self, inputs: GeneratorInput) -> AsyncGenerator[GenerationItem]:
        """The answer, continuing the prefix; before it, notes on the queue and on loading."""
        with self._queue.ticket() as ticket:
            try:
                async with aclosing(ticket.notes(self.name, self._limits.queue)) as notes:
                    async for note in notes:
                        yield note
                self._cancel_unload()
                process = self._process
                if process is None or not process.is_alive:
                    yield StatusNote(f"Loading {self.name} …")
                    start = time.monotonic()
                    process = await self._load()
                    yield StatusNote(f"Loaded in {time.monotonic() - start:.1f} s.")
                async with aclosing(self._write(inputs, process)) as items:
                    async for item in items:
                        yield item
            finally:
                if len(self._queue) == 1:
                    self._unload_later()

    async def close(self) -> None:
        """End the process."""
        self._cancel_unload()
        if self._process is not None:
            await self._process.end()
            self._process = None

    async def _load(self) -> ModelProcess:
        process = await ModelProcess.start(self._command)
        try:
            with anyio.fail_after(self._limits.load.total_seconds()):
                message = await process.receive()
            if not isinstance(message, Loaded):
                self.rejection = (
                    message.reason if isinstance(message, Unusable) else "it sent text before it was loaded"
                )
                raise GeneratorUnavailable(f"The model of {self.name!r} cannot be used: {self.rejection}.")
            self._process, self._context = process, message.context
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

    async def _write(self, inputs: GeneratorInput, process: ModelProcess) -> AsyncGenerator[GenerationItem]:
        prompt = build_prompt(inputs.query, inputs.passages, inputs.instructions)
        timer = SilenceTimer(self.name, self._limits.silence)
        offset = len(inputs.prefix)
        grace = self._limits.stop_grace.reading
        ended: Ended | None = None
        max_tokens = max(1, inputs.max_tokens - estimate_tokens(inputs.prefix))
        process.write(prompt.system, prompt.user, inputs.prefix, max_tokens, inputs.temperature)
        try:
            while True:
                with timer.running():
                    message = await process.receive()
                match message:
                    case Text(text=text):
                        timer.restart()
                        grace = self._limits.stop_grace.writing
                        yield TextDelta(offset, text)
                        offset += len(text)
                    case Ended():
                        ended = message
                        yield self._finished(inputs, ended)
                        return
                    case Loaded() | Unusable():
                        continue
        except ModelDied as error:
            raise self._died(error) from error
        finally:
            if ended is None:
                await process.stop(grace.total_seconds())

    def _finished(self, inputs: GeneratorInput, ended: Ended) -> Finished:
        match ended.reason:
            case "stop" | "length" as reason:
                completion = estimate_tokens(inputs.prefix) + ended.completion_tokens
                return Finished(reason, Usage(prompt_tokens=ended.prompt_tokens, completion_tokens=completion))
            case "too_long":
                raise GeneratorRefused(
                    f"The question, its passages and the instructions are longer than the context of {self.name!r}: "
                    f"{self._context} tokens. Use fewer passages, or raise DYNAVERA_MODEL_CONTEXT if the model "
                    "supports more."
                )
            case "stopped":
                raise GeneratorAway(f"{self.name!r} was stopped before the answer was complete.")

    def _died(self, error: ModelDied) -> GeneratorDied:
        return GeneratorDied(f"The process of {self.name!r} died: {error}. Is there enough memory for the model?")

    def _cancel_unload(self) -> None:
        if self._unload_timer is not None:
            self._unload_timer.cancel()
            self._unload_timer = None

    def _unload_later(self) -> None:
        """Unload the model, to free its memory, once it has been idle for long enough."""
        self._cancel_unload()
        if self._process is not None:
            idle = self._limits.idle.total_seconds()
            self._unload_timer = asyncio.get_running_loop().call_later(idle, self._process.kill)
