"""What the native library prints to standard error: the only place where llama.cpp says why it cannot load a model."""

import os
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager

MAX_BYTES = 64 * 1024
"""The end of the output that is kept."""

_REASON = re.compile(r"error loading model[^:\n]*:\s*(?P<reason>[^\n]*\S)", re.IGNORECASE)


class NativeErrors:
    """The end of the output so far."""

    def __init__(self) -> None:
        self._output = b""

    def add(self, output: bytes) -> None:
        """More of the output."""
        self._output = (self._output + output)[-MAX_BYTES:]

    @property
    def reason(self) -> str | None:
        """Llama.cpp's own reason why it did not load a model; None if there is none."""
        found = _REASON.findall(self._output.decode(errors="replace"))
        return found[-1].rstrip(".") if found else None


@contextmanager
def native_errors() -> Generator[NativeErrors]:
    """Collect the standard error of this process, which is also passed on."""
    errors = NativeErrors()
    original = os.dup(2)
    readable, writable = os.pipe()
    # In a thread: a full pipe would block the native code.
    thread = threading.Thread(target=_pass_on, args=(readable, original, errors))
    thread.start()
    os.dup2(writable, 2)
    os.close(writable)
    try:
        yield errors
    finally:
        # Closes the pipe's last writable end, which ends the thread.
        os.dup2(original, 2)
        thread.join()
        os.close(readable)
        os.close(original)


def _pass_on(readable: int, original: int, errors: NativeErrors) -> None:
    while output := os.read(readable, MAX_BYTES):
        errors.add(output)
        os.write(original, output)
