"""What must be so before `up` starts anything; each refusal is one sentence that names what to change."""

import errno
import fcntl
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dynavera.settings import Settings
from dynavera.starting import CannotStart

UI = Path(__file__).parents[2] / "ui" / "dist"
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


def check_ui(folder: Path = UI) -> None:
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
        _check_port(name, host, port)


def _check_port(name: str, host: str, port: int) -> None:
    host_name = name.replace("PORT", "HOST")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except socket.gaierror as error:
        raise CannotStart(f"{host!r} is no address of this machine: set {host_name} to one.") from error
    except PermissionError as error:
        raise CannotStart(f"Port {port} needs more rights: set {name} to a port above 1023.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(f"Port {port} is taken by another program: set {name} to a free port.") from error
        raise CannotStart(f"{host}:{port} cannot be used ({error.strerror}): set {host_name} or {name}.") from error
