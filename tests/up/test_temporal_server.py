import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from dynavera.settings import Settings
from dynavera.up.temporal_server import TemporalBinaryMissing, dynamic_config, find_binary, temporal_process
from tests.serving import free_port
from tests.up.harness import SupervisorHarness


@asynccontextmanager
async def embedded_server(folder: Path) -> AsyncGenerator[Client]:
    settings = Settings(data_dir=folder, temporal_port=free_port(), temporal_ui_port=free_port())
    supervisor = SupervisorHarness(folder).supervisor
    await supervisor.start(temporal_process(settings, dict(os.environ)))
    try:
        yield await Client.connect(f"127.0.0.1:{settings.temporal_port}")
    finally:
        await supervisor.stop("temporal", timeout=10)


async def test_retention_is_thirty_days(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as client:
        answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))

    assert answer.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=30)


async def test_incomplete_database_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "temporal.sqlite3").write_bytes(b"half of a database")

    async with embedded_server(tmp_path) as client:
        assert await client.service_client.check_health()


async def test_complete_database_is_kept(tmp_path: Path) -> None:
    async with embedded_server(tmp_path):
        pass
    before = (tmp_path / "temporal.sqlite3").stat().st_ino

    async with embedded_server(tmp_path):
        pass

    assert (tmp_path / "temporal.sqlite3").stat().st_ino == before


def databases_below(folder: Path) -> list[Path]:
    return list(folder.rglob("*.sqlite3"))


async def test_database_is_in_a_folder_with_url_characters_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "50%41? #1"

    async with embedded_server(folder) as client:
        assert await client.service_client.check_health()

    assert databases_below(tmp_path) == [folder / "temporal.sqlite3"]


def test_dynamic_config_is_read_from_the_development_file() -> None:
    values = dynamic_config()

    assert "history.transferProcessorMaxPollRPS=5000" in values
    assert "matching.numTaskqueueReadPartitions=1" in values
    assert "system.enableActivityEagerExecution=true" in values


def test_missing_binary_is_refused_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(TemporalBinaryMissing, match="DYNAVERA_TEMPORAL_BINARY"):
        find_binary(Settings(temporal_binary=tmp_path / "temporal"))


def test_binary_is_found_in_the_environment() -> None:
    assert find_binary(Settings()).name == "temporal"


def test_server_gets_no_secrets(tmp_path: Path) -> None:
    spec = temporal_process(
        Settings(data_dir=tmp_path), {"PATH": "/bin", "DYNAVERA_TOKEN": "dyn_x", "OPENAI_API_KEY": "sk-x"}
    )

    assert spec.environment == {"PATH": "/bin"}
