"""`dynavera up` with all four processes, on free ports."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil
import pytest

from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.users import Users
from tests.owner import create_owner
from tests.serving import free_port, until
from tests.up.harness import is_running

COMMAND = (sys.executable, "-c", "from dynavera.cli import main; main()", "up")
PROCESSES = ["api", "mcp", "temporal", "worker"]
START_TIMEOUT = 120
STOP_TIMEOUT = 10


@dataclass
class Instance:
    """A data directory, and the `up` that runs on it."""

    data_dir: Path
    ports: dict[str, str] = field(
        default_factory=lambda: {
            name: str(free_port())
            for name in ("DYNAVERA_PORT", "DYNAVERA_MCP_PORT", "DYNAVERA_TEMPORAL_PORT", "DYNAVERA_TEMPORAL_UI_PORT")
        }
    )

    async def up(self, **settings: str) -> asyncio.subprocess.Process:
        prefixes = ("DYNAVERA_", "TEMPORAL_", "MCP_AGENT_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            cwd=self.data_dir.parent,
            env=environment
            | self.ports
            | {"DYNAVERA_EMBEDDER": "wordllama"}
            | settings
            | {"DYNAVERA_DATA_DIR": str(self.data_dir)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def output_until(self, process: asyncio.subprocess.Process, text: str) -> str:
        """Its standard error up to `text`."""
        assert process.stderr is not None
        output = ""
        async with asyncio.timeout(START_TIMEOUT):
            while text not in output:
                line = (await process.stderr.readline()).decode()
                assert line, f"It ended: {output}"
                output += line
        return output

    def pids(self) -> dict[str, int]:
        """The process ids in the pid files."""
        return {file.stem: int(file.read_text()) for file in (self.data_dir / "run").glob("*.pid")}

    def client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {(self.data_dir / 'token').read_text().strip()}"}
        url = f"http://127.0.0.1:{self.ports['DYNAVERA_PORT']}"
        return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=10)


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path / "data")


async def wait_for_exit(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.timeout(240)
async def test_up_starts_a_working_instance_and_stops_all_of_it(instance: Instance) -> None:
    process = await instance.up()
    output = await instance.output_until(process, "Ctrl-C stops everything")
    pids = instance.pids()

    assert sorted(pids) == PROCESSES
    assert all(psutil.pid_exists(pid) for pid in pids.values())
    assert f"http://127.0.0.1:{instance.ports['DYNAVERA_PORT']}/login" in output
    async with instance.client() as client:
        health = (await client.get("/api/health")).json()
        agents = (await client.get("/api/agents")).json()["items"]
        documents = (await client.get("/api/documents")).json()["items"]
        system = (await client.get("/api/system")).json()
    assert health["status"] == "ok"
    assert [agent["name"] for agent in agents] == ["Research assistant"]
    assert len(documents) >= 7
    assert system["temporal_ui"] == f"http://127.0.0.1:{instance.ports['DYNAVERA_TEMPORAL_UI_PORT']}"

    code, _, err = await wait_for_exit(await instance.up())
    assert code == 1
    assert err.startswith(f"Another `dynavera up` runs on {instance.data_dir}")
    assert len(err.splitlines()) == 1

    started = time.monotonic()
    process.terminate()
    code, out, _ = await wait_for_exit(process)
    assert (code, out) == (0, "")
    assert time.monotonic() - started < STOP_TIMEOUT
    assert not [name for name, pid in pids.items() if is_running(pid)]
    assert instance.pids() == {}


@pytest.mark.timeout(360)
async def test_up_recovers_by_itself_after_being_killed_in_its_first_start(instance: Instance) -> None:
    process = await instance.up()
    await until(lambda: (instance.data_dir / "temporal.sqlite3").exists(), seconds=START_TIMEOUT)
    process.kill()
    await process.communicate()

    process = await instance.up()
    await instance.output_until(process, "First start")
    before = instance.pids()
    process.kill()
    await process.communicate()

    process = await instance.up()
    await instance.output_until(process, "Ctrl-C stops everything")
    assert not [pid for pid in before.values() if is_running(pid)]
    async with instance.client() as client:
        agents = (await client.get("/api/agents")).json()["items"]
        documents = (await client.get("/api/documents")).json()["items"]
        started = await client.post(
            f"/api/agents/{agents[0]['id']}/executions", json={"input_data": {"query": "What is fNIRS?"}}
        )
    process.send_signal(signal.SIGINT)
    code, _, _ = await wait_for_exit(process)

    assert [agent["name"] for agent in agents] == ["Research assistant"]
    assert len({document["name"] for document in documents}) == len(documents) >= 7
    assert started.status_code == HTTPStatus.ACCEPTED
    assert code == 130


@pytest.mark.timeout(240)
async def test_up_without_the_owners_token_says_where_to_log_in(instance: Instance) -> None:
    url = f"sqlite+aiosqlite:///{instance.data_dir.parent / 'shared.sqlite3'}"
    database = Database(url)
    await migrate(database)
    await create_owner(database)

    process = await instance.up(DYNAVERA_DATABASE_URL=url)
    output = await instance.output_until(process, "Ctrl-C stops everything")
    process.terminate()
    code, out, _ = await wait_for_exit(process)
    owner = await Users(database).by_api_key("dyn_first")
    await database.close()

    assert "This data directory has no owner's token" in output
    assert "run `dynavera login` where the owner's token is" in output
    assert "#code=" not in output
    assert not (instance.data_dir / "token").exists()
    assert (code, out) == (0, "")
    assert owner is not None


async def test_up_starts_nothing_if_a_port_is_in_use(instance: Instance) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    instance.ports["DYNAVERA_MCP_PORT"] = port = str(server.sockets[0].getsockname()[1])

    async with server:
        code, out, err = await wait_for_exit(await instance.up())

    assert (code, out) == (1, "")
    assert err == f"Port {port} is in use by another program: set DYNAVERA_MCP_PORT to a free port.\n"
    assert not (instance.data_dir / "logs").exists()
