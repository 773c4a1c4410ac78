"""`python -m mcp_service.generators.gpt4all.child FILE CONTEXT`: the process of one model.

It reads commands from standard input, writes messages to standard output, and ends when standard input is closed, which
happens when the service ends, however it ends.
"""

import os
import queue
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from dynavera.models.model_file import NotAModel
from mcp_service.generators.gpt4all.messages import (
    Loaded,
    Message,
    Stop,
    Text,
    Unusable,
    Write,
    command_adapter,
    encode,
)
from mcp_service.generators.gpt4all.model import Model


class _Commands:
    """The service's commands, read in a thread, because the model blocks the main one."""

    def __init__(self) -> None:
        self._writes: queue.SimpleQueue[Write] = queue.SimpleQueue()
        self._stopped = 0
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Write:
        return self._writes.get()

    def is_stopped(self, number: int) -> bool:
        return number <= self._stopped

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            match command_adapter.validate_json(line):
                case Write() as write:
                    self._writes.put(write)
                case Stop(number=number):
                    self._stopped = number
        # Native code cannot be interrupted otherwise.
        os._exit(0)


def main() -> None:
    """Load the model, and write answers until the service is gone."""
    out = _private_stdout()
    commands = _Commands()
    try:
        model = Model(Path(sys.argv[1]), int(sys.argv[2]))
    except (NotAModel, OSError) as error:
        _send(out, Unusable(reason=str(error)))
        # Without the interpreter's clean-up, which would wait for the thread that reads the commands.
        os._exit(1)
    _send(out, Loaded(context=model.context))
    while True:
        _write(model, commands, out)


def _write(model: Model, commands: _Commands, out: BinaryIO) -> None:
    write = commands.next()
    ended = model.write(write, lambda text: _send(out, Text(text=text)), lambda: commands.is_stopped(write.number))
    _send(out, ended)


def _private_stdout() -> BinaryIO:
    """Standard output for messages only: what native code prints goes to standard error instead."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(ours, "wb", buffering=0)


def _send(out: BinaryIO, message: Message) -> None:
    out.write(encode(message))


if __name__ == "__main__":
    main()
