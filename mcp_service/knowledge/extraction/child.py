"""The process that reads files: `python -m mcp_service.knowledge.extraction.child`, one file after the other.

It is told of a file by two frames, its media type and its bytes, and answers by frames of JSON: `["loading"]`,
`["reading"]`, `["more"]` for each piece that is done, and at last `["read", text, passages]` or
`["refused", code, detail]`. A frame is its length in four bytes, then its bytes.
"""

import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from mcp_service.knowledge.extraction.frames import LENGTH_BYTES, LOADING_SECONDS, frame
from mcp_service.knowledge.extraction.reading import prepare, read
from mcp_service.knowledge.extraction.refusing import FileRefused, too_demanding

MEMORY_BYTES = 1024 * 1024 * 1024
"""What the process may map at most, its libraries included (some 300 MB of them)."""

ALARM_SECONDS = 30
"""Without a word for so long, or longer while it loads, it is ended by the kernel: who would have ended it is gone."""


def main() -> None:
    """Read files until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # What a library prints must not come between the frames.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while (media_type := _frame(sys.stdin.buffer)) is not None:
        data = _frame(sys.stdin.buffer)
        if data is None:
            return
        _answer(out, media_type.decode(), data)
        signal.alarm(0)


def _answer(out: BinaryIO, media_type: str, data: bytes) -> None:
    try:
        _say(out, "loading")
        signal.alarm(LOADING_SECONDS)
        prepare(media_type, data)
        _say(out, "reading")
        text, passages = read(media_type, data, lambda: _say(out, "more"))
        places = [[each.start, each.end, each.page, each.heading, each.sha256] for each in passages]
        _say(out, "read", text, places)
    except FileRefused as refusal:
        _say(out, "refused", refusal.code, str(refusal))
    except MemoryError:
        refusal = too_demanding()
        _say(out, "refused", refusal.code, str(refusal))


def _say(out: BinaryIO, *words: Any) -> None:
    signal.alarm(ALARM_SECONDS)
    out.write(frame(json.dumps(words).encode()))
    out.flush()


def _frame(source: BinaryIO) -> bytes | None:
    length = source.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    size = int.from_bytes(length)
    data = source.read(size)
    return data if len(data) == size else None


if __name__ == "__main__":
    main()
