"""What every process says before it starts anything."""

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
PATIENCE = 60


async def started(service: str, folder: Path, **settings: str) -> asyncio.subprocess.Process:
    ours = ("DYNAVERA_", "TEMPORAL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {name: str(free_port()) for name in ("DYNAVERA_PORT", "DYNAVERA_MCP_PORT", "DYNAVERA_TEMPORAL_PORT")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service),
        cwd=folder,
        env=environment | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def said(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(PATIENCE):
        _, words = await process.communicate()
    return words.decode()


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_makes_a_data_directory_for_its_owner_only(service: str, tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    process = await started(service, tmp_path, DYNAVERA_DATA_DIR=str(data))

    await until(lambda: process.returncode is not None or (data / "records.sqlite3").exists(), seconds=PATIENCE)
    ended = process.returncode
    if ended is None:
        process.kill()
    words = await said(process)

    assert ended is None, words
    assert data.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("service", SERVICES)
async def test_a_data_directory_that_cannot_be_written_is_one_sentence(service: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    process = await started(service, tmp_path, DYNAVERA_DATA_DIR=str(tmp_path / "file" / "data"))

    words = await said(process)

    assert process.returncode == 1
    assert "DYNAVERA_DATA_DIR" in words
    assert len(words.splitlines()) == 1, words


@pytest.mark.parametrize("service", ["api", "mcp_service"])
async def test_a_blank_token_file_is_one_sentence(service: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    process = await started(service, tmp_path, DYNAVERA_DATA_DIR=str(tmp_path))

    words = await said(process)

    assert process.returncode == 1
    assert words == f"{tmp_path / 'token'} is blank: restore its content, or delete it.\n"


async def test_processes_with_data_directories_of_their_own_share_one_token(tmp_path: Path) -> None:
    shared = {"DYNAVERA_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}"}
    first, second = tmp_path / "first", tmp_path / "second"
    urls: list[str] = []
    statuses: list[list[int]] = []

    async with AsyncExitStack() as ending, asyncio.timeout(2 * PATIENCE), httpx.AsyncClient(trust_env=False) as client:
        for folder in (first, second, first):
            port = str(free_port())
            process = await started("api", tmp_path, DYNAVERA_DATA_DIR=str(folder), DYNAVERA_PORT=port, **shared)
            ending.push_async_callback(_ended, process)
            urls.append(f"http://127.0.0.1:{port}")
            await _answers(client, urls[-1])
            key = {"Authorization": f"Bearer {(first / 'token').read_text().strip()}"}
            statuses.append([(await client.get(f"{url}/api/me", headers=key)).status_code for url in urls])

    assert statuses == [[200], [200, 200], [200, 200, 200]]
    assert not (second / "token").exists()


async def _answers(client: httpx.AsyncClient, url: str) -> None:
    while True:
        try:
            await client.get(f"{url}/api/health", timeout=PATIENCE)
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return


async def _ended(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    await said(process)


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CannotStart, match=r"is not writable .*: set DYNAVERA_DATA_DIR to a writable folder\.$"):
        ensure_data_dir(Settings(data_dir=tmp_path / "file" / "data"))


def test_a_new_data_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = ensure_data_dir(Settings(data_dir=tmp_path / "data"))

    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="This system cannot be told so.")
def test_a_listening_socket_sends_at_once_and_drops_who_takes_nothing() -> None:
    with open_listener("127.0.0.1", 0, "DYNAVERA_PORT") as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
        with accepted:
            patience = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert listener.proto == socket.IPPROTO_TCP
    assert patience == READER_TIMEOUT.total_seconds() * 1000


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("192.0.2.1", r"set DYNAVERA_MCP_HOST or DYNAVERA_MCP_PORT\.$"),
        ("nowhere.invalid", r"^'nowhere.invalid' is not an address of this machine: set DYNAVERA_MCP_HOST to one\.$"),
        ("a..b", r"^'a..b' is not an address of this machine: set DYNAVERA_MCP_HOST to one\.$"),
    ],
)
def test_an_address_that_is_not_ours_is_refused(host: str, said: str) -> None:
    with pytest.raises(CannotStart, match=said):
        open_listener(host, 0, "DYNAVERA_MCP_PORT")


@pytest.mark.parametrize(("service", "setting"), [("api", "DYNAVERA_PORT"), ("mcp_service", "DYNAVERA_MCP_PORT")])
async def test_a_port_that_is_taken_is_one_sentence(service: str, setting: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        process = await started(service, tmp_path, **{setting: port})
        words = await said(process)

    assert process.returncode == 1
    assert words == f"Port {port} is in use by another program: set {setting} to a free port.\n"


@pytest.mark.parametrize("process", ["api", "workflows"])
def test_who_does_not_call_the_mcp_service_waits_for_no_library_of_its(process: str) -> None:
    asked = f"import sys, {process}.process; print(sorted({{'mcp', 'chromadb', 'alembic'}} & set(sys.modules)))"

    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
