"""The process of a model, from the service's side."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

import anyio

from dynavera.environment import without_dynavera_settings
from mcp_service.generators.gpt4all.messages import Ended, Loaded, Stop, Text, Unusable, Write, encode, message_adapter


class ModelDied(Exception):
    """The process ended unexpectedly; the message says how, as the end of a sentence."""


def child_command(path: Path, context: int) -> tuple[str, ...]:
    """The command that starts the process of the model in `path`."""
    # -P: do not import from the working directory.
    return (sys.executable, "-P", "-m", "mcp_service.generators.gpt4all.child", str(path), str(context))


class ModelProcess:
    """The process of a model that is loading, idle, or writing."""

    def __init__(self, process: Process, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._number = 0

    @classmethod
    async def start(cls, command: Sequence[str]) -> "ModelProcess":
        """Start the process, which then loads its model."""
        # Without secrets, which native code does not need; in a new session, so that Ctrl-C reaches only the service.
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=without_dynavera_settings(os.environ), start_new_session=True
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("A process that is started with pipes must have them.")
        return cls(process, process.stdin, process.stdout)

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    def write(self, system: str, user: str, prefix: str, max_tokens: int, temperature: float) -> None:
        """Start an answer, whose messages `receive` returns."""
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

    async def receive(self) -> Loaded | Unusable | Text | Ended:
        """The next message.

        Raises:
            ModelDied: the process has ended.
        """
        line = await self._stdout.readline()
        if not line.endswith(b"\n"):
            raise ModelDied(_exit_reason(await self._process.wait()))
        return message_adapter.validate_json(line)

    async def stop(self, grace_seconds: float) -> None:
        """Stop the current answer; a process that does not stop within `grace_seconds` is killed."""
        self._send(Stop(number=self._number))
        has_stopped = False
        try:
            with anyio.move_on_after(grace_seconds, shield=True):
                has_stopped = await self._has_stopped()
        finally:
            if not has_stopped:
                await self.end()

    async def end(self) -> None:
        """Kill the process, and wait for its end."""
        self.kill()
        with anyio.CancelScope(shield=True):
            await self._process.wait()

    def kill(self) -> None:
        """Kill the process, without waiting."""
        if self.is_alive:
            self._process.kill()

    async def _has_stopped(self) -> bool:
        try:
            while not isinstance(await self.receive(), Ended):
                pass
        except ModelDied:
            return False
        return True

    def _send(self, message: Write | Stop) -> None:
        # If the process has ended, `receive` raises the error.
        self._stdin.write(encode(message))


def _exit_reason(code: int) -> str:
    if code < 0:
        return f"it was killed by signal {-code}"
    return f"it ended with code {code}"
