"""`python -m mcp_service.generators.gpt4all.child FILE CONTEXT`: one model as a process.

It says what it does on standard output, does what standard input says, and ends when that is closed: with the service,
however that ended.
"""

import os
import queue
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from mcp_service.generators.gpt4all.messages import Loaded, Said, Stop, Text, Unusable, Write, line, order
from mcp_service.generators.gpt4all.model import Model
from mcp_service.generators.gpt4all.model_file import NotAModel


class _Orders:
    """What the service wants, read beside the model, which keeps its own thread busy."""

    def __init__(self) -> None:
        self._writes: queue.SimpleQueue[Write] = queue.SimpleQueue()
        self._stopped = 0
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Write:
        return self._writes.get()

    def is_stopped(self, number: int) -> bool:
        return number <= self._stopped

    def _read(self) -> None:
        for text in sys.stdin.buffer:
            match order.validate_json(text):
                case Write() as write:
                    self._writes.put(write)
                case Stop(number=number):
                    self._stopped = number
        # Native code does not end when it is asked to.
        os._exit(0)


def main() -> None:
    """Load the model, and write until the service is gone."""
    out = _answers()
    orders = _Orders()
    try:
        model = Model(Path(sys.argv[1]), int(sys.argv[2]))
    except (NotAModel, OSError) as error:
        _say(out, Unusable(reason=str(error)))
        sys.exit(1)
    _say(out, Loaded(context=model.context))
    while True:
        _write(model, orders, out)


def _write(model: Model, orders: _Orders, out: BinaryIO) -> None:
    write = orders.next()
    _say(out, model.write(write, lambda text: _say(out, Text(text=text)), lambda: orders.is_stopped(write.number)))


def _answers() -> BinaryIO:
    """Standard output, for us alone: what native code prints there goes to standard error."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(ours, "wb", buffering=0)


def _say(out: BinaryIO, message: Said) -> None:
    out.write(line(message))


if __name__ == "__main__":
    main()
