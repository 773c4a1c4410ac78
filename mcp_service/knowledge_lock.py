"""Which process has the knowledge open: one at a time, and the others can find its address.

A service that a desktop client started on demand releases the knowledge for one that somebody starts.
"""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "lock"
HANDOVER = "wanted"
STARTING = "starting"
ADDRESS = "address"


@contextmanager
def knowledge_lock(folder: Path, wait_seconds: float) -> Generator[None]:
    """Hold the lock on the knowledge in `folder`; the kernel releases it when the process ends, however it ends.

    Raises:
        Timeout: another process held it for longer than `wait_seconds`.
    """
    # Not thread-local: a thread acquires it, and the event loop releases it.
    with FileLock(folder / LOCK, timeout=wait_seconds, thread_local=False):
        yield


def start_lock(folder: Path) -> FileLock | None:
    """The acquired lock for starting a service on demand; None while another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / STARTING)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


@contextmanager
def request_handover(folder: Path) -> Generator[None]:
    """Ask an on-demand service that has the knowledge in `folder` open to release it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / HANDOVER).open("a") as file:
        # flock, because several processes may ask at once, and filelock's locks are exclusive.
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def is_handover_requested(folder: Path) -> bool:
    """Whether another process asks for the knowledge."""
    return _is_held(folder / HANDOVER, fcntl.LOCK_EX)


def is_locked(folder: Path) -> bool:
    """Whether any process has the knowledge open."""
    return _is_held(folder / LOCK, fcntl.LOCK_SH)


@contextmanager
def published_address(folder: Path, url: str) -> Generator[None]:
    """Publish to other processes where the knowledge is served; only for the process that has the lock."""
    file = folder / ADDRESS
    draft = folder / f".{ADDRESS}"
    draft.write_text(f"{url}\n")
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def read_address(folder: Path) -> str | None:
    """Where the knowledge is served; None when no process serves it, or not yet."""
    # A process that was killed may have left its address behind.
    if not is_locked(folder):
        return None
    try:
        return (folder / ADDRESS).read_text().strip() or None
    except FileNotFoundError:
        return None


def _is_held(file: Path, mode: int) -> bool:
    # flock, because a shared probe does not keep another probe from seeing the lock as free.
    try:
        with file.open("a") as handle:
            fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
