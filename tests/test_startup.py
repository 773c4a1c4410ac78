"""The start of each service: data directory, token files, ports."""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from dynavera.limits import READER_TIMEOUT
from dynavera.settings import Settings
from dynavera.startup import CannotStart, ensure_data_dir, open_listener
from tests.serving import free_port, until

SERVICES = ["api", "workflows", "mcp_service"]
TIMEOUT = 60


async def start(service: str, folder: Path, **settings: str) -> asyncio.subprocess.Process:
    prefixes = ("DYNAVERA_", "TEMPORAL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    environment |= {name: str(free_port()) for name in ("DYNAVERA_PORT", "DYNAVERA_MCP_PORT", "DYNAVERA_TEMPORAL_PORT")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service),
        cwd=folder,
        env=environment | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def stderr_of(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(TIMEOUT):
        _, stderr = await process.communicate()
    return stderr.decode()


@pytest.mark.parametrize("service", SERVICES)
async def test_service_creates_a_private_data_directory(service: str, tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    process = await start(service, tmp_path, DYNAVERA_DATA_DIR=str(data))

    await until(lambda: process.returncode is not None or (data / "records.sqlite3").exists(), seconds=TIMEOUT)
    exit_code = process.returncode
    if exit_code is None:
        process.kill()
    stderr = await stderr_of(process)

    assert exit_code is None, stderr
    assert data.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("service", SERVICES)
async def test_unwritable_data_directory_is_one_sentence(service: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    process = await start(service, tmp_path, DYNAVERA_DATA_DIR=str(tmp_path / "file" / "data"))

    stderr = await stderr_of(process)

    assert process.returncode == 1
    assert "DYNAVERA_DATA_DIR" in stderr
    assert len(stderr.splitlines()) == 1, stderr


@pytest.mark.parametrize("service", ["api", "mcp_service"])
async def test_blank_token_file_is_one_sentence(service: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    process = await start(service, tmp_path, DYNAVERA_DATA_DIR=str(tmp_path))

    stderr = await stderr_of(process)

    assert process.returncode == 1
    assert stderr == f"{tmp_path / 'token'} is blank: restore its content, or delete it.\n"


async def test_processes_with_separate_data_directories_share_one_token(tmp_path: Path) -> None:
    shared = {"DYNAVERA_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}"}
    first, second = tmp_path / "first", tmp_path / "second"
    urls: list[str] = []
    statuses: list[list[int]] = []

    async with AsyncExitStack() as stack, asyncio.timeout(2 * TIMEOUT), httpx.AsyncClient(trust_env=False) as client:
        for folder in (first, second, first):
            port = str(free_port())
            process = await start("api", tmp_path, DYNAVERA_DATA_DIR=str(folder), DYNAVERA_PORT=port, **shared)
            stack.push_async_callback(_terminate, process)
            urls.append(f"http://127.0.0.1:{port}")
            await _wait_until_reachable(client, urls[-1])
            key = {"Authorization": f"Bearer {(first / 'token').read_text().strip()}"}
            statuses.append([(await client.get(f"{url}/api/me", headers=key)).status_code for url in urls])

    assert statuses == [[200], [200, 200], [200, 200, 200]]
    assert not (second / "token").exists()


async def _wait_until_reachable(client: httpx.AsyncClient, url: str) -> None:
    while True:
        try:
            await client.get(f"{url}/api/health", timeout=TIMEOUT)
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return


async def _terminate(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    await stderr_of(process)


def test_data_directory_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CannotStart, match=r"is not writable .*: set DYNAVERA_DATA_DIR to a writable folder\.$"):
        ensure_data_dir(Settings(data_dir=tmp_path / "file" / "data"))


def test_new_data_directory_is_private(tmp_path: Path) -> None:
    folder = ensure_data_dir(Settings(data_dir=tmp_path / "data"))

    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="This system has no TCP_USER_TIMEOUT.")
def test_listener_sets_tcp_nodelay_and_user_timeout() -> None:
    with open_listener("127.0.0.1", 0, "DYNAVERA_PORT") as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
        with accepted:
            user_timeout = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert listener.proto == socket.IPPROTO_TCP
    assert user_timeout == READER_TIMEOUT.total_seconds() * 1000


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", r"set DYNAVERA_MCP_HOST or DYNAVERA_MCP_PORT\.$"),
        ("nowhere.invalid", r"^'nowhere.invalid' is not an address of this machine: set DYNAVERA_MCP_HOST to one\.$"),
        ("a..b", r"^'a..b' is not an address of this machine: set DYNAVERA_MCP_HOST to one\.$"),
    ],
)
def test_address_of_another_machine_is_refused(host: str, message: str) -> None:
    with pytest.raises(CannotStart, match=message):
        open_listener(host, 0, "DYNAVERA_MCP_PORT")


@pytest.mark.parametrize(("service", "setting"), [("api", "DYNAVERA_PORT"), ("mcp_service", "DYNAVERA_MCP_PORT")])
async def test_port_in_use_is_one_sentence(service: str, setting: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        process = await start(service, tmp_path, **{setting: port})
        stderr = await stderr_of(process)

    assert process.returncode == 1
    assert stderr == f"Port {port} is in use by another program: set {setting} to a free port.\n"


@pytest.mark.parametrize("process", ["api", "workflows"])
def test_process_does_not_import_libraries_of_other_services(process: str) -> None:
    script = f"import sys, {process}.process; print(sorted({{'mcp', 'chromadb', 'alembic'}} & set(sys.modules)))"

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
