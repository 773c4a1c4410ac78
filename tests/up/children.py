"""Small real processes that stand for the parts."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dynavera.log_files import LogFiles
from dynavera.up.part import Part
from dynavera.up.pid_files import PidFiles
from dynavera.up.supervisor import Patience, Supervisor

QUICK = Patience(first_pause=0.05, longest_pause=0.2, alive=30, ready=20, attempts=2)

RUNS = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text("ready")
time.sleep(600)
"""
RUNS_ON_AFTER_SIGTERM = f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
{RUNS}
"""
HAS_A_CHILD = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1] + ".child").write_text(str(child.pid))
{RUNS}
"""
REFUSES = """
import sys
sys.exit("DYNAVERA_GENERATOR 'poet' is not known.")
"""


async def at_once() -> bool:
    return True


@dataclass
class Workshop:
    """A supervisor with its files in a temporary folder, and what it said."""

    folder: Path
    patience: Patience = QUICK
    said: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.pids = PidFiles(self.folder / "run")
        self.logs = LogFiles(self.folder / "logs")
        self.supervisor = Supervisor(self.pids, self.logs, self.said.append, self.patience)

    def part(
        self, name: str, program: str, is_ready: Callable[[], Awaitable[bool]] | None = None, mark: str | None = None
    ) -> Part:
        """A part that runs `program`; it is ready when the program has written its file."""
        flag = self.flag(name)

        async def has_written() -> bool:
            return flag.exists()

        return Part(
            name=name,
            title=f"the {name}",
            command=(sys.executable, "-c", program, str(flag)),
            environment=dict(os.environ),
            mark=mark or str(flag),
            is_ready=is_ready or has_written,
        )

    def flag(self, name: str) -> Path:
        return self.folder / f"{name}.ready"

    def grandchild(self, name: str) -> int:
        """The process that HAS_A_CHILD started."""
        return int((self.folder / f"{name}.ready.child").read_text())

    def pid(self, name: str) -> int | None:
        """What the pid file says."""
        file = self.folder / "run" / f"{name}.pid"
        return int(file.read_text()) if file.exists() else None


@contextmanager
def spawned(*command: str) -> Generator[subprocess.Popen[bytes]]:
    """A process in a session of its own, as an `up` that was killed leaves it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, start_new_session=True, stdin=pipe, stdout=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def runs(pid: int) -> bool:
    """Whether the process is there, and not only waiting to be forgotten."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
