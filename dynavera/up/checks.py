"""What must be so before `up` starts anything; each refusal is one sentence that names what to change."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dynavera.page import PAGE_DIR
from dynavera.settings import Settings
from dynavera.startup import CannotStart, open_listener

LOCAL = "127.0.0.1"


@contextmanager
def only_one(folder: Path) -> Generator[None]:
    """Hold the data directory; the lock goes when the process does, however it ends.

    Raises:
        CannotStart: another `up` has it.
    """
    with (folder / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(
                f"Another `dynavera up` runs on {folder}: stop it, or set DYNAVERA_DATA_DIR to another folder."
            ) from error
        yield


def check_ui(folder: Path = PAGE_DIR) -> None:
    """See that the page was built.

    Raises:
        CannotStart: it was not.
    """
    if not (folder / "index.html").is_file():
        raise CannotStart("The page is not built: run `make ui`.")


def check_ports(settings: Settings, *, temporal: bool, mcp: bool) -> None:
    """See that the ports are free; `temporal` and `mcp` say whether these are started here.

    Raises:
        CannotStart: one is taken, or named twice.
    """
    wanted = {"DYNAVERA_PORT": (settings.host, settings.port)}
    if mcp:
        wanted["DYNAVERA_MCP_PORT"] = (settings.mcp_host, settings.mcp_port)
    if temporal:
        wanted["DYNAVERA_TEMPORAL_PORT"] = (LOCAL, settings.temporal_port)
        wanted["DYNAVERA_TEMPORAL_UI_PORT"] = (LOCAL, settings.temporal_ui_port)
    seen: dict[int, str] = {}
    for name, (host, port) in wanted.items():
        if port in seen:
            raise CannotStart(f"{seen[port]} and {name} are both {port}: set one of them to another port.")
        seen[port] = name
        open_listener(host, port, name).close()
