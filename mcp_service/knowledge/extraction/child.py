"""`python -m mcp_service.knowledge.extraction.child`: the process that reads files, one after another.

For each file it receives two frames, the media type and the content, and answers with JSON frames: `["loading"]`,
`["reading"]`, `["more"]` for each part that is done, and finally `["read", text, passages, details]` or
`["refused", code, detail]`. A frame is its length in four bytes, then its content.
"""

import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

from mcp_service.knowledge.extraction.errors import FileRefused, too_demanding
from mcp_service.knowledge.extraction.frames import LENGTH_BYTES, LOADING_SECONDS, frame
from mcp_service.knowledge.extraction.readers import prepare, read

MEMORY_BYTES = 1024 * 1024 * 1024
"""The address space of the process, including some 300 MB of libraries."""

ALARM_SECONDS = 30
"""After so long without a frame (longer while loading), the kernel ends the process: the service must be gone."""


def main() -> None:
    """Read files until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # Keep what libraries print out of the frames.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while (media_type := _read_frame(sys.stdin.buffer)) is not None:
        data = _read_frame(sys.stdin.buffer)
        if data is None:
            return
        _answer(out, media_type.decode(), data)
        signal.alarm(0)


def _answer(out: BinaryIO, media_type: str, data: bytes) -> None:
    try:
        _send(out, "loading")
        signal.alarm(LOADING_SECONDS)
        prepare(media_type, data)
        _send(out, "reading")
        text, passages, details = read(media_type, data, lambda: _send(out, "more"))
        positions = [[each.start, each.end, each.page, each.heading, each.sha256] for each in passages]
        _send(out, "read", text, positions, asdict(details))
    except FileRefused as refusal:
        _send(out, "refused", refusal.code, str(refusal))
    except MemoryError:
        refusal = too_demanding()
        _send(out, "refused", refusal.code, str(refusal))


def _send(out: BinaryIO, *message: Any) -> None:
    signal.alarm(ALARM_SECONDS)
    out.write(frame(json.dumps(message).encode()))
    out.flush()


def _read_frame(source: BinaryIO) -> bytes | None:
    length = source.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    size = int.from_bytes(length)
    data = source.read(size)
    return data if len(data) == size else None


if __name__ == "__main__":
    main()
