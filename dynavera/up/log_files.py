"""What the parts say: `logs/NAME.log` in the data directory, of a bounded size."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LARGEST_LOG = 10 * 1024 * 1024
"""Bytes after which a log becomes `NAME.log.1` and starts anew."""

LAST_WORDS = 4096


@dataclass(frozen=True)
class LogFiles:
    """The logs of the parts, and one older of each."""

    folder: Path

    def path(self, name: str) -> Path:
        """Where the part's log is."""
        return self.folder / f"{name}.log"

    def appending(self, name: str) -> BinaryIO:
        """The part's log, to write to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._turn_over(name)
        return self.path(name).open("ab")

    def size(self, name: str) -> int:
        """How much the part has said so far."""
        return self.path(name).stat().st_size if self.path(name).exists() else 0

    def last_line(self, name: str, after: int = 0) -> str:
        """The last thing the part said, from this place of its log on."""
        with self.path(name).open("rb") as log:
            log.seek(max(after, self.size(name) - LAST_WORDS))
            lines = log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")

    def keep_small(self, name: str) -> None:
        """Turn a log over while its part goes on writing to it."""
        if self._is_large(name):
            # The part holds the file open to append, so it goes on at the new end; it is copied, not renamed.
            self._older(name).write_bytes(self.path(name).read_bytes()[-LARGEST_LOG:])
            with self.path(name).open("r+b") as log:
                log.truncate(0)

    def _turn_over(self, name: str) -> None:
        if self._is_large(name):
            self.path(name).replace(self._older(name))

    def _is_large(self, name: str) -> bool:
        return self.size(name) > LARGEST_LOG

    def _older(self, name: str) -> Path:
        return self.folder / f"{name}.log.1"
