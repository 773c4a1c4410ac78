"""The process of a model, as the service sees it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

import anyio

from dynavera.environment import without_dynavera_settings
from mcp_service.generators.gpt4all.messages import Ended, Loaded, Stop, Text, Unusable, Write, line, said


class ModelDied(Exception):
    """The process ended by itself; the message says how, as the end of a sentence."""


def command(path: Path, context: int) -> tuple[str, ...]:
    """What starts the process of the model in `path`."""
    # -P: a folder of that name in the working directory is not ours.
    return (sys.executable, "-P", "-m", "mcp_service.generators.gpt4all.child", str(path), str(context))


class ModelProcess:
    """A model that is being loaded, or waits for orders, or does one."""

    def __init__(self, process: Process, orders: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._process = process
        self._orders = orders
        self._answers = answers
        self._number = 0

    @classmethod
    async def started(cls, words: Sequence[str]) -> "ModelProcess":
        """The process, which loads its model now."""
        # Native code needs no secrets; a session of its own, because Ctrl-C is the service's to understand.
        process = await asyncio.create_subprocess_exec(
            *words, stdin=PIPE, stdout=PIPE, env=without_dynavera_settings(os.environ), start_new_session=True
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("A process that is started with pipes has them.")
        return cls(process, process.stdin, process.stdout)

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ask(self, system: str, user: str, prefix: str, max_tokens: int, temperature: float) -> None:
        """Let it write; what it says is told by `said`."""
        self._number += 1
        self._send(
            Write(
                number=self._number,
                system=system,
                user=user,
                prefix=prefix,
                max_tokens=max_tokens,
                temperature=temperature,
            )
        )

    async def said(self) -> Loaded | Unusable | Text | Ended:
        """The next thing that it says.

        Raises:
            ModelDied: it says no more.
        """
        text = await self._answers.readline()
        if not text.endswith(b"\n"):
            raise ModelDied(_ending(await self._process.wait()))
        return said.validate_json(text)

    async def stop(self, grace: float) -> None:
        """Stop the answer that it writes; a process that has not let go after `grace` seconds is killed."""
        self._send(Stop(number=self._number))
        has_let_go = False
        try:
            with anyio.move_on_after(grace, shield=True):
                has_let_go = await self._has_let_go()
        finally:
            if not has_let_go:
                await self.end()

    async def end(self) -> None:
        """End it now, whatever it does."""
        self.kill()
        with anyio.CancelScope(shield=True):
            await self._process.wait()

    def kill(self) -> None:
        """End it, without waiting."""
        if self.is_alive:
            self._process.kill()

    async def _has_let_go(self) -> bool:
        try:
            while not isinstance(await self.said(), Ended):
                pass
        except ModelDied:
            return False
        return True

    def _send(self, message: Write | Stop) -> None:
        # A process that is gone takes nothing, and `said` tells.
        self._orders.write(line(message))


def _ending(code: int) -> str:
    if code < 0:
        return f"it was killed by signal {-code}"
    return f"it ended with code {code}"
