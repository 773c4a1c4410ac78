"""The start of a process. Each error is one sentence that names the setting to change."""

import asyncio
import errno
import gc
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dynavera.limits import READER_TIMEOUT
from dynavera.open_files import raise_open_files_limit
from dynavera.settings import BadSettings, Settings

BACKLOG = 2048
"""Connections that the kernel queues until they are accepted: they may arrive during the whole start of a service."""


class CannotStart(Exception):
    """A process cannot start; the message names what to change."""


STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def service_process() -> Generator[None]:
    """The whole run of a service: one that cannot start prints one sentence and exits with code 1.

    Garbage collection is paused until the service calls `resume_gc`.
    """
    raise_open_files_limit()
    pause_gc()
    try:
        yield
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))


def on_signals(handle: Callable[[signal.Signals], object], signals: Sequence[signal.Signals] = STOP_SIGNALS) -> None:
    """Call `handle` in the running event loop whenever one of `signals` arrives, instead of ending the process."""
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, handle, number)


def pause_gc() -> None:
    """Stop garbage collection during the start, where it takes a sixth of the time and frees almost nothing."""
    gc.disable()


def resume_gc() -> None:
    """Re-enable garbage collection, except for the objects created so far."""
    gc.freeze()
    gc.enable()


def ensure_data_dir(settings: Settings) -> Path:
    """The data directory, created for its owner only when it is missing.

    Raises:
        CannotStart: it is not writable.
    """
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise CannotStart(
            f"The data directory {folder} is not writable ({error.strerror}): "
            "set DYNAVERA_DATA_DIR to a writable folder."
        ) from error


def ensure_records_dir(settings: Settings) -> None:
    """Create the folder of the SQLite database; a database server needs none.

    Raises:
        CannotStart: the data directory is not writable.
    """
    if settings.database_url is None:
        ensure_data_dir(settings)


def open_listener(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket; `setting` is the name of the port's setting, which ends in PORT.

    Raises:
        CannotStart: the address cannot be used.
    """
    try:
        return _open_listener(host, port)
    except (OSError, UnicodeError) as error:
        raise CannotStart(_listener_error(error, host, port, setting)) from error


def _open_listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With an explicit protocol asyncio sets TCP_NODELAY; otherwise each response on a kept connection waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # The kernel drops a client that acknowledges nothing for this long, and its stream ends.
            milliseconds = int(READER_TIMEOUT.total_seconds() * 1000)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _listener_error(error: OSError | UnicodeError, host: str, port: int, setting: str) -> str:
    host_setting = setting.removesuffix("PORT") + "HOST"
    match error:
        case socket.gaierror() | UnicodeError():
            return f"{host!r} is not an address of this machine: set {host_setting} to one."
        case PermissionError():
            return f"Port {port} needs more privileges: set {setting} to a port above 1023."
        case OSError(errno=errno.EADDRINUSE):
            return f"Port {port} is in use by another program: set {setting} to a free port."
        case _:
            return f"{host}:{port} cannot be used ({error.strerror}): set {host_setting} or {setting}."
