"""What a process needs before anything else; each refusal is one sentence that names what to change."""

import errno
import gc
import socket
import tempfile
from pathlib import Path

from dynavera.limits import READER_PATIENCE
from dynavera.settings import Settings
from dynavera.web.open_files import raise_open_files_limit

MOST_WAITING = 2048
"""Connections that the kernel takes before they are looked at: a whole start of a service may pass until then."""


class CannotStart(Exception):
    """A process cannot start; the message names what to change."""


def begin() -> None:
    """Take what the system gives, and collect no garbage while nearly all that is made is there to stay.

    Looking for garbage would take a sixth of the time that a start takes.
    """
    raise_open_files_limit()
    gc.disable()


def done() -> None:
    """Look for garbage from now on, but not in what the start has made."""
    gc.freeze()
    gc.enable()


def prepared_data_dir(settings: Settings) -> Path:
    """The data directory, made when it is missing, for its owner only.

    Raises:
        CannotStart: it cannot be written.
    """
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise CannotStart(
            f"The data directory {folder} cannot be written ({error.strerror}): "
            "set DYNAVERA_DATA_DIR to a folder that can be."
        ) from error


def prepare_records_folder(settings: Settings) -> None:
    """See that the records have a folder, unless they are in a database elsewhere.

    Raises:
        CannotStart: the data directory cannot be written.
    """
    if settings.database_url is None:
        prepared_data_dir(settings)


def listening(host: str, port: int, setting: str) -> socket.socket:
    """A socket that takes connections from now on; `setting` is the port's, whose name ends in PORT.

    Raises:
        CannotStart: it cannot listen there.
    """
    try:
        return _listening(host, port)
    except (OSError, UnicodeError) as error:
        raise CannotStart(_why_not(error, host, port, setting)) from error


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sets TCP_NODELAY; without, each answer on a kept connection waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Whoever takes nothing for so long is gone; the kernel drops it, and its stream ends.
            milliseconds = int(READER_PATIENCE.total_seconds() * 1000)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        listener.bind((host, port))
        listener.listen(MOST_WAITING)
    except BaseException:
        listener.close()
        raise
    return listener


def _why_not(error: OSError | UnicodeError, host: str, port: int, setting: str) -> str:
    host_setting = setting.removesuffix("PORT") + "HOST"
    match error:
        case socket.gaierror() | UnicodeError():
            return f"{host!r} is no address of this machine: set {host_setting} to one."
        case PermissionError():
            return f"Port {port} needs more rights: set {setting} to a port above 1023."
        case OSError(errno=errno.EADDRINUSE):
            return f"Port {port} is taken by another program: set {setting} to a free port."
        case _:
            return f"{host}:{port} cannot be used ({error.strerror}): set {host_setting} or {setting}."
