"""The embedded Temporal server: the development server of the `temporal` command with a persistent database."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import yaml

from dynavera.environment import without_dynavera_settings
from dynavera.limits import TEMPORAL_RETENTION
from dynavera.settings import Settings
from dynavera.startup import CannotStart
from dynavera.up.process_spec import ProcessSpec, accepts_connections

DYNAMIC_CONFIG = Path(__file__).parents[2] / "temporal" / "dynamic-config" / "development.yaml"
HOST = "127.0.0.1"
ISOLATION_OPTIONS = ("--disable-config-file", "--disable-config-env")
"""Without them the `temporal` command would read addresses and API keys of other servers."""


class TemporalBinaryMissing(CannotStart):
    """There is no `temporal` command."""


def find_binary(settings: Settings) -> Path:
    """The `temporal` command: the setting's, the one in this environment, or the one on the PATH.

    Raises:
        TemporalBinaryMissing: there is none.
    """
    if settings.temporal_binary is not None:
        if os.access(settings.temporal_binary, os.X_OK) and settings.temporal_binary.is_file():
            return settings.temporal_binary.absolute()
        raise TemporalBinaryMissing(
            f"{str(settings.temporal_binary)!r} is not a program: set DYNAVERA_TEMPORAL_BINARY to the temporal command."
        )
    environment_bin = Path(sys.executable).parent
    found = shutil.which("temporal", path=os.pathsep.join([str(environment_bin), os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise TemporalBinaryMissing(
            "The temporal command is missing: run `make setup`, or set DYNAVERA_TEMPORAL_BINARY to its path."
        )
    return Path(found).absolute()


def dynamic_config() -> list[str]:
    """The dynamic configuration of the embedded server, as `KEY=JSON`."""
    values = cast("dict[str, list[dict[str, object]]]", yaml.safe_load(DYNAMIC_CONFIG.read_text()))
    return [f"{key}={json.dumps(constraints[0]['value'])}" for key, constraints in values.items()]


@dataclass(frozen=True)
class TemporalDatabase:
    """The server's database file.

    A server that is killed during its first start leaves an incomplete file, with which it never starts again. It keeps
    the file open, so the file cannot be created under another name and then renamed. Instead, a marker file records
    that a server has been healthy with the database, and a database without the marker is deleted.
    """

    path: Path

    @property
    def marker(self) -> Path:
        """The file that marks the database as complete."""
        return self.path.with_name(f"{self.path.name}.ready")

    def delete_if_incomplete(self) -> None:
        """Delete a database without the marker."""
        if self.marker.exists() and self.path.exists():
            return
        self.marker.unlink(missing_ok=True)
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def mark_complete(self) -> None:
        """Record that a server has been healthy with it."""
        self.marker.touch()


def temporal_process(settings: Settings, environment: Mapping[str, str]) -> ProcessSpec:
    """The embedded server; it is ready when it has the namespace with our retention.

    Raises:
        TemporalBinaryMissing: there is no `temporal` command.
    """
    binary = str(find_binary(settings))
    database = TemporalDatabase(settings.data_dir.absolute() / "temporal.sqlite3")
    namespace = environment.get("TEMPORAL_NAMESPACE") or "default"
    server_environment = without_dynavera_settings(environment)
    retention = f"{TEMPORAL_RETENTION // timedelta(hours=1)}h"
    set_retention = (
        *(binary, "operator", "namespace", "update", "--namespace", namespace, "--retention", retention),
        *("--address", f"{HOST}:{settings.temporal_port}", "--command-timeout", "5s", *ISOLATION_OPTIONS),
    )

    async def is_ready() -> bool:
        if not await accepts_connections(HOST, settings.temporal_port):
            return False
        if not await _succeeds(set_retention, server_environment):
            return False
        database.mark_complete()
        return True

    return ProcessSpec(
        name="temporal",
        title="the Temporal server",
        command=_server(binary, settings, database.path.name, namespace),
        environment=server_environment,
        marker_argument=database.path.name,
        is_ready=is_ready,
        before_start=database.delete_if_incomplete,
        # The server puts the path into a URL unescaped, so a ? or % in a folder's name would name another file.
        cwd=database.path.parent,
    )


def _server(binary: str, settings: Settings, database: str, namespace: str) -> tuple[str, ...]:
    options = {
        "--ip": HOST,
        "--port": str(settings.temporal_port),
        "--ui-port": str(settings.temporal_ui_port),
        "--db-filename": database,
        "--namespace": namespace,
        "--log-level": "error",
    }
    return (
        *(binary, "server", "start-dev", "--ui-disable-news-fetch", *ISOLATION_OPTIONS),
        *(part for option in options.items() for part in option),
        *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
        *(part for value in dynamic_config() for part in ("--dynamic-config-value", value)),
    )


async def _succeeds(command: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
