"""Which processes run: `run/NAME.pid` in the data directory, and what an `up` that was killed left behind."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dynavera.up.part import Part

CLOCK_SLACK_SECONDS = 2
PATIENCE_SECONDS = 5


@dataclass(frozen=True)
class PidFiles:
    """The process ids of the parts, for whoever wants to look at them."""

    folder: Path

    def write(self, part: Part, pid: int) -> None:
        """The part runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self._file(part).with_suffix(".new")
        draft.write_text(f"{pid}\n")
        draft.replace(self._file(part))

    def remove(self, part: Part) -> None:
        """The part has ended."""
        self._file(part).unlink(missing_ok=True)

    def end_leftovers(self, parts: Iterable[Part]) -> list[str]:
        """Kill what an `up` that was killed left running; the names of the parts that were.

        On Linux the kernel has killed them already. Nothing of theirs is lost: every part survives being killed.
        """
        ended: list[str] = []
        for part in parts:
            process = self._leftover(part)
            if process is not None:
                end_group(process.pid)
                psutil.wait_procs([process], timeout=PATIENCE_SECONDS)
                ended.append(part.name)
            self.remove(part)
        return ended

    def _leftover(self, part: Part) -> psutil.Process | None:
        try:
            pid = int(self._file(part).read_text())
            written = self._file(part).stat().st_mtime
            process = psutil.Process(pid)
            is_it = part.mark in process.cmdline() and process.create_time() <= written + CLOCK_SLACK_SECONDS
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            # No such process, or one that only has the same number by now.
            return None
        return process if is_it else None

    def _file(self, part: Part) -> Path:
        return self.folder / f"{part.name}.pid"


def end_group(pid: int) -> None:
    """Kill the process group that `pid` leads, whatever is left of it."""
    # macOS answers PermissionError for a group in which only a zombie is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
