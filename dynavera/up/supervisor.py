"""Keep parts running: start them, start them again when they die, and end them all."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from dynavera.log_files import LogFiles
from dynavera.startup import CannotStart
from dynavera.up import leash
from dynavera.up.part import Part, until
from dynavera.up.pid_files import PidFiles, end_group

Say: TypeAlias = Callable[[str], None]
"""Tell the person at the terminal, in one line."""


class PartFailed(CannotStart):
    """A part did not come up."""


@dataclass(frozen=True)
class Patience:
    """How long things may take, in seconds."""

    first_pause: float = 0.2
    longest_pause: float = 10
    alive: float = 30
    """A part that lived this long starts again after the first pause."""
    ready: float = 180
    """A first start with a model of several GB is slow."""
    attempts: int = 2
    """How often a part that was never ready may fail by itself."""


@dataclass
class _Kept:
    part: Part
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    failures: int = 0
    log_size: int = 0
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Runs parts, each in a session of its own, so that Ctrl-C reaches nobody but us."""

    def __init__(self, pids: PidFiles, logs: LogFiles, say: Say, patience: Patience | None = None) -> None:
        self._pids = pids
        self._logs = logs
        self._say = say
        self._patience = patience or Patience()
        self._kept: dict[str, _Kept] = {}
        self._ending: set[str] = set()

    async def start(self, part: Part) -> None:
        """Start `part` and keep it running from now on; come back when it is ready.

        Raises:
            PartFailed: it ends by itself again and again, or is not ready in time.
        """
        kept = self._kept[part.name] = _Kept(part, log_size=self._logs.size(part.name))
        kept.task = asyncio.create_task(self._keep(kept), name=part.name)
        probing = asyncio.create_task(until(part.is_ready))
        try:
            await asyncio.wait({kept.task, probing}, timeout=self._patience.ready, return_when=asyncio.FIRST_COMPLETED)
            if probing.done():
                probing.result()
        finally:
            probing.cancel()
        if kept.task.done():
            kept.task.result()
            raise PartFailed(f"{_sentence(part.title)} was ended before it was ready.")
        if not probing.done():
            raise PartFailed(
                f"{_sentence(part.title)} was not ready after {self._patience.ready:.0f} s. {self._words_of(kept)}"
            )
        kept.ready.set()

    async def watch(self) -> None:
        """Come back, with what went wrong, when a part cannot be kept running any more."""
        done, _ = await asyncio.wait(
            [kept.task for kept in self._kept.values() if kept.task is not None], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()

    async def stop(self, *names: str, patience: float) -> None:
        """End parts side by side; those that take longer than `patience` are killed."""
        self._ending.update(names)
        kept = [self._kept[name] for name in names if name in self._kept]
        for one in kept:
            _signal(one.process, signal.SIGTERM)
            if one.process is None and one.task is not None:
                one.task.cancel()
        tasks = [one.task for one in kept if one.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=patience)
        if late:
            for one in kept:
                _signal(one.process, signal.SIGKILL)
            await asyncio.wait(late)

    def kill_all(self) -> None:
        """End every part at once."""
        self._ending.update(self._kept)
        for kept in self._kept.values():
            _signal(kept.process, signal.SIGKILL)

    async def _keep(self, kept: _Kept) -> None:
        part, pause = kept.part, self._patience.first_pause
        clock = asyncio.get_running_loop().time
        while part.name not in self._ending:
            began = clock()
            code = await self._run(kept)
            if part.name in self._ending:
                return
            self._count(kept, code)
            if clock() - began >= self._patience.alive:
                pause = self._patience.first_pause
            if kept.ready.is_set() or code < 0:
                log = self._logs.path(part.name)
                self._say(f"{_sentence(part.title)} {_how(code)}; it is started again. Its log: {log}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._patience.longest_pause)

    async def _run(self, kept: _Kept) -> int:
        part = kept.part
        part.prepare()
        with self._logs.open(part.name) as log:
            kept.process = process = await asyncio.create_subprocess_exec(
                *_leashed(part.command),
                cwd=part.folder,
                env=part.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pids.write(part, process.pid)
        if part.name in self._ending:
            _signal(process, signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            kept.process = None
            # What it had started itself goes with it.
            end_group(process.pid)
            self._pids.remove(part)

    def _count(self, kept: _Kept, code: int) -> None:
        # A part that somebody killed is no reason to give up; one that says no is.
        if kept.ready.is_set() or code <= 0:
            return
        kept.failures += 1
        if kept.failures >= self._patience.attempts:
            raise PartFailed(f"{_sentence(kept.part.title)} does not start. {self._words_of(kept)}")

    def _words_of(self, kept: _Kept) -> str:
        name = kept.part.name
        return f"It says: {self._logs.last_line(name, kept.log_size)} (in {self._logs.path(name)})"


def _leashed(command: tuple[str, ...]) -> tuple[str, ...]:
    if sys.platform != "linux":
        return command
    return (sys.executable, "-I", "-S", str(Path(leash.__file__)), str(os.getpid()), *command)


def _signal(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _sentence(title: str) -> str:
    return title[0].upper() + title[1:]
