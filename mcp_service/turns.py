"""Whose turn it is to have the knowledge open: one process at a time, and the others know where to find it.

A service that a desktop client brought along for itself gives the knowledge up for one that somebody started.
"""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = "lock"
"""The file that whoever has the knowledge open holds, see `open_knowledge`."""

WANTED = "wanted"
STARTING = "starting"
ADDRESS = "address"


@contextmanager
def wanted(folder: Path) -> Generator[None]:
    """Ask whoever has the knowledge in `folder` open, and only keeps it warm, to let go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / WANTED).open("a") as wish:
        fcntl.flock(wish, fcntl.LOCK_SH)
        yield


def is_wanted(folder: Path) -> bool:
    """Whether another process asks for the knowledge now."""
    return _is_held(folder / WANTED, fcntl.LOCK_EX)


def is_open(folder: Path) -> bool:
    """Whether any process has the knowledge open now."""
    return _is_held(folder / LOCK, fcntl.LOCK_SH)


def turn_to_start(folder: Path) -> IO[str] | None:
    """The turn to bring a service along, until this is closed; None while another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    turn = (folder / STARTING).open("a")
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        turn.close()
        return None
    return turn


@contextmanager
def served_at(folder: Path, url: str) -> Generator[None]:
    """Say to the other processes of this machine where the knowledge is served; only who has it open may."""
    file = folder / ADDRESS
    draft = folder / f".{ADDRESS}"
    draft.write_text(f"{url}\n")
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def address(folder: Path) -> str | None:
    """Where the knowledge is served now; None when nobody serves it, or not yet."""
    # What a process that was killed left there is nobody's address any more.
    if not is_open(folder):
        return None
    try:
        return (folder / ADDRESS).read_text().strip() or None
    except FileNotFoundError:
        return None


def _is_held(file: Path, how: int) -> bool:
    try:
        with file.open("a") as handle:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
