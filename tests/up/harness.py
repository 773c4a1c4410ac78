"""A supervisor of small real processes."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dynavera.log_files import LogFiles
from dynavera.up.pid_files import PidFiles
from dynavera.up.process_spec import ProcessSpec
from dynavera.up.supervisor import RestartPolicy, Supervisor

FAST = RestartPolicy(first_delay=0.05, max_delay=0.2, stable_after=30, ready_timeout=20, max_failures=2)

RUNS_UNTIL_KILLED = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text("ready")
time.sleep(600)
"""
IGNORES_SIGTERM = f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
{RUNS_UNTIL_KILLED}
"""
STARTS_A_CHILD = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1] + ".child").write_text(str(child.pid))
{RUNS_UNTIL_KILLED}
"""
EXITS_WITH_ERROR = """
import sys
sys.exit("DYNAVERA_GENERATOR 'poet' is not known.")
"""


async def always_ready() -> bool:
    return True


@dataclass
class SupervisorHarness:
    """A supervisor with its files in a temporary folder, and its notifications."""

    folder: Path
    policy: RestartPolicy = FAST
    notifications: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.pids = PidFiles(self.folder / "run")
        self.logs = LogFiles(self.folder / "logs")
        self.supervisor = Supervisor(self.pids, self.logs, self.notifications.append, self.policy)

    def spec(self, name: str, program: str, is_ready: Callable[[], Awaitable[bool]] | None = None) -> ProcessSpec:
        """A process that runs `program`, and is ready when the program has written its file."""
        ready_file = self.ready_file(name)

        async def has_written() -> bool:
            return ready_file.exists()

        return ProcessSpec(
            name=name,
            title=f"the {name}",
            command=(sys.executable, "-c", program, str(ready_file)),
            environment=dict(os.environ),
            marker_argument=str(ready_file),
            is_ready=is_ready or has_written,
        )

    def ready_file(self, name: str) -> Path:
        return self.folder / f"{name}.ready"

    def child_pid(self, name: str) -> int:
        """The process that STARTS_A_CHILD started."""
        return int((self.folder / f"{name}.ready.child").read_text())

    def pid(self, name: str) -> int | None:
        """The content of the pid file."""
        file = self.folder / "run" / f"{name}.pid"
        return int(file.read_text()) if file.exists() else None


@contextmanager
def spawned(*command: str) -> Generator[subprocess.Popen[bytes]]:
    """A process in a session of its own, like an orphan of an `up` that was killed."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, start_new_session=True, stdin=pipe, stdout=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
