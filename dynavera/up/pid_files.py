"""Pid files, `run/NAME.pid` in the data directory, and the orphans of an `up` that was killed."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dynavera.up.process_spec import ProcessSpec

CLOCK_TOLERANCE_SECONDS = 2
KILL_TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class PidFiles:
    """The process ids of the running processes."""

    folder: Path

    def write(self, spec: ProcessSpec, pid: int) -> None:
        """Record that the process runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self._file(spec).with_suffix(".new")
        draft.write_text(f"{pid}\n")
        draft.replace(self._file(spec))

    def remove(self, spec: ProcessSpec) -> None:
        """Record that the process has ended."""
        self._file(spec).unlink(missing_ok=True)

    def kill_orphans(self, specs: Iterable[ProcessSpec]) -> list[str]:
        """Kill the processes that an `up` that was killed left running; their names.

        On Linux the kernel has already killed them. Nothing is lost: every process survives being killed.
        """
        killed: list[str] = []
        for spec in specs:
            process = self._orphan(spec)
            if process is not None:
                kill_group(process.pid)
                psutil.wait_procs([process], timeout=KILL_TIMEOUT_SECONDS)
                killed.append(spec.name)
            self.remove(spec)
        return killed

    def _orphan(self, spec: ProcessSpec) -> psutil.Process | None:
        try:
            pid = int(self._file(spec).read_text())
            written = self._file(spec).stat().st_mtime
            process = psutil.Process(pid)
            is_ours = spec.marker_argument in process.cmdline()
            is_ours = is_ours and process.create_time() <= written + CLOCK_TOLERANCE_SECONDS
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            # There is no such process, or the pid belongs to another one by now.
            return None
        return process if is_ours else None

    def _file(self, spec: ProcessSpec) -> Path:
        return self.folder / f"{spec.name}.pid"


def kill_group(pid: int) -> None:
    """Kill what is left of the process group that `pid` leads."""
    # macOS raises PermissionError for a group in which only a zombie is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
