"""The embedded Temporal server: the development server of the `temporal` command, with a database that lasts."""

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
from dynavera.up.part import Part, accepts_connections

DYNAMIC_CONFIG = Path(__file__).parents[2] / "temporal" / "dynamic-config" / "development.yaml"
ADDRESS = "127.0.0.1"
ALONE = ("--disable-config-file", "--disable-config-env")
"""The `temporal` command would otherwise read addresses and keys that are meant for other servers."""


class TemporalBinaryMissing(CannotStart):
    """There is no `temporal` command."""


def find_binary(settings: Settings) -> Path:
    """The `temporal` command: the setting's, the one in this environment, or the one on the PATH.

    Raises:
        TemporalBinaryMissing: it is in none of them.
    """
    if settings.temporal_binary is not None:
        if os.access(settings.temporal_binary, os.X_OK) and settings.temporal_binary.is_file():
            return settings.temporal_binary.absolute()
        raise TemporalBinaryMissing(
            f"{str(settings.temporal_binary)!r} is not a program: set DYNAVERA_TEMPORAL_BINARY to the temporal command."
        )
    beside = Path(sys.executable).parent
    found = shutil.which("temporal", path=os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise TemporalBinaryMissing(
            "The temporal command is missing: run `make setup`, or set DYNAVERA_TEMPORAL_BINARY to where it is."
        )
    return Path(found).absolute()


def dynamic_config() -> list[str]:
    """What the server is told, as `KEY=JSON`, from the file of this machine."""
    values = cast("dict[str, list[dict[str, object]]]", yaml.safe_load(DYNAMIC_CONFIG.read_text()))
    return [f"{key}={json.dumps(constraints[0]['value'])}" for key, constraints in values.items()]


@dataclass(frozen=True)
class TemporalFile:
    """The server's database.

    A server that is killed during its first start leaves a half-made file, with which it never starts again. It keeps
    the file open, so the file cannot be made under another name and renamed while the server runs; instead a marker
    beside it says that a server has been healthy with it once, and a file without the marker is made anew.
    """

    database: Path

    @property
    def marker(self) -> Path:
        """The file that says that the database is whole."""
        return self.database.with_name(f"{self.database.name}.ready")

    def prepare(self) -> None:
        """Clear away a half-made database."""
        if self.marker.exists() and self.database.exists():
            return
        self.marker.unlink(missing_ok=True)
        for ending in ("", "-wal", "-shm", "-journal"):
            self.database.with_name(self.database.name + ending).unlink(missing_ok=True)

    def is_whole(self) -> None:
        """Remember that a server has been healthy with it."""
        self.marker.touch()


def temporal_part(settings: Settings, environment: Mapping[str, str]) -> Part:
    """The embedded server, ready when it has the namespace with our retention.

    Raises:
        TemporalBinaryMissing: there is no `temporal` command.
    """
    binary = str(find_binary(settings))
    file = TemporalFile(settings.data_dir.absolute() / "temporal.sqlite3")
    namespace = environment.get("TEMPORAL_NAMESPACE") or "default"
    theirs = without_dynavera_settings(environment)
    retention = f"{TEMPORAL_RETENTION // timedelta(hours=1)}h"
    update = (binary, "operator", "namespace", "update", "--namespace", namespace, "--retention", retention)
    client = (*update, "--address", f"{ADDRESS}:{settings.temporal_port}", "--command-timeout", "5s", *ALONE)

    async def is_ready() -> bool:
        if not await accepts_connections(ADDRESS, settings.temporal_port) or not await _succeeds(client, theirs):
            return False
        file.is_whole()
        return True

    return Part(
        name="temporal",
        title="the Temporal server",
        command=_server(binary, settings, file.database.name, namespace),
        environment=theirs,
        mark=file.database.name,
        is_ready=is_ready,
        prepare=file.prepare,
        # The server makes a URL of the file's path as it is, so that one with a ? or % in it would be another file's.
        folder=file.database.parent,
    )


def _server(binary: str, settings: Settings, database: str, namespace: str) -> tuple[str, ...]:
    options = {
        "--ip": ADDRESS,
        "--port": str(settings.temporal_port),
        "--ui-port": str(settings.temporal_ui_port),
        "--db-filename": database,
        "--namespace": namespace,
        "--log-level": "error",
    }
    return (
        *(binary, "server", "start-dev", "--ui-disable-news-fetch", *ALONE),
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
