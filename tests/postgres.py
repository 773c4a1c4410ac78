"""A PostgreSQL server for the tests, if PostgreSQL is installed."""

import os
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from dynavera.identifiers import new_id

MISSING = "PostgreSQL is not installed: on Debian run `sudo apt-get install postgresql`."


def server_programs() -> Path | None:
    """The folder of PostgreSQL's server programs; None if it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


class PostgresServer:
    """A running server with a database for each test."""

    def __init__(self, bin_folder: Path, folder: Path, port: int) -> None:
        self._bin = bin_folder
        self._folder = folder
        self._port = port

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{new_id().hex}"
        self._run("createdb", "-h", str(self._folder), "-p", str(self._port), "-U", "tester", name)
        return f"postgresql+asyncpg://tester@127.0.0.1:{self._port}/{name}"

    def start(self) -> None:
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder} -c fsync=off"
        self._run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        if os.geteuid() == 0:
            # PostgreSQL does not run as root.
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer | None]:
    """One server for all tests; None where PostgreSQL is not installed."""
    with postgres_server() as server:
        yield server


def required(postgres: PostgresServer | None) -> PostgresServer:
    """The server; the test is skipped where PostgreSQL is not installed. CI installs it and runs all tests."""
    if postgres is None:
        pytest.skip(MISSING)
    return postgres


@contextmanager
def postgres_server() -> Generator[PostgresServer | None]:
    """The server, or None if PostgreSQL is not installed."""
    bin_folder = server_programs()
    if bin_folder is None:
        yield None
        return
    # Not pytest's folder: its path is too long for a socket, and belongs to another user.
    folder = Path(mkdtemp(prefix="dynavera-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = PostgresServer(bin_folder, folder, _free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
