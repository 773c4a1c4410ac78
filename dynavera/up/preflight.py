"""Checks before `up` starts anything. Each error is one sentence that names what to change."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dynavera.page import PAGE_DIR
from dynavera.settings import Settings
from dynavera.startup import CannotStart, open_listener

LOCALHOST = "127.0.0.1"


@contextmanager
def instance_lock(folder: Path) -> Generator[None]:
    """Lock the data directory; the kernel releases the lock when the process ends in any way.

    Raises:
        CannotStart: another `up` holds the lock.
    """
    try:
        with FileLock(folder / "up.lock", timeout=0):
            yield
    except Timeout as error:
        raise CannotStart(
            f"Another `dynavera up` runs on {folder}: stop it, or set DYNAVERA_DATA_DIR to another folder."
        ) from error


def check_page(folder: Path = PAGE_DIR) -> None:
    """Check that the page is built.

    Raises:
        CannotStart: it is not.
    """
    if not (folder / "index.html").is_file():
        raise CannotStart("The page is not built: run `make ui`.")


def check_ports(settings: Settings, *, temporal: bool, mcp: bool) -> None:
    """Check that the ports are free; `temporal` and `mcp` tell whether these are started here.

    Raises:
        CannotStart: a port is in use, or configured twice.
    """
    addresses = {"DYNAVERA_PORT": (settings.host, settings.port)}
    if mcp:
        addresses["DYNAVERA_MCP_PORT"] = (settings.mcp_host, settings.mcp_port)
    if temporal:
        addresses["DYNAVERA_TEMPORAL_PORT"] = (LOCALHOST, settings.temporal_port)
        addresses["DYNAVERA_TEMPORAL_UI_PORT"] = (LOCALHOST, settings.temporal_ui_port)
    seen: dict[int, str] = {}
    for name, (host, port) in addresses.items():
        if port in seen:
            raise CannotStart(f"{seen[port]} and {name} are both {port}: set one of them to another port.")
        seen[port] = name
        open_listener(host, port, name).close()
