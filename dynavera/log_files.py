"""The log files of the processes, `logs/NAME.log` in the data directory, limited in size."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_LOG_BYTES = 10 * 1024 * 1024
"""A log that is larger is rotated to `NAME.log.1`."""

TAIL_BYTES = 4096


@dataclass(frozen=True)
class LogFiles:
    """One log file per process, and one rotated file of each."""

    folder: Path

    def path(self, name: str) -> Path:
        """The path of a process's log."""
        return self.folder / f"{name}.log"

    def open(self, name: str) -> BinaryIO:
        """Open a process's log for appending; rotate it first when it is large."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._is_large(name):
            self.path(name).replace(self._rotated_path(name))
        return self.path(name).open("ab")

    def size(self, name: str) -> int:
        """The size of a process's log in bytes."""
        return self.path(name).stat().st_size if self.path(name).exists() else 0

    def last_line(self, name: str, after: int = 0) -> str:
        """The last line that is not blank, from the offset `after` on."""
        with self.path(name).open("rb") as log:
            log.seek(max(after, self.size(name) - TAIL_BYTES))
            lines = log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")

    def rotate_if_large(self, name: str) -> None:
        """Rotate a log while its process writes to it."""
        if self._is_large(name):
            # The process has opened the file for appending, so it continues at the new end: copy, do not rename.
            self._rotated_path(name).write_bytes(self.path(name).read_bytes()[-MAX_LOG_BYTES:])
            with self.path(name).open("r+b") as log:
                log.truncate(0)

    def _is_large(self, name: str) -> bool:
        return self.size(name) > MAX_LOG_BYTES

    def _rotated_path(self, name: str) -> Path:
        return self.folder / f"{name}.log.1"
