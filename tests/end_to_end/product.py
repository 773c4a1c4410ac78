"""The whole product as a user has it: `dynavera up` in a process of its own, with all four parts."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
from websockets.asyncio.client import ClientConnection, connect

from tests.fakes import FakeModel
from tests.serving import free_port, serving

COMMAND = (sys.executable, "-c", "from dynavera.cli import main; main()")
OURS = ("DYNAVERA_", "TEMPORAL_", "MCP_AGENT_", "OPENAI_")
READY_SECONDS = 90
END_SECONDS = 10
PATIENCE_SECONDS = 60
TERMINAL = {"execution_completed", "execution_error", "execution_stopped"}

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)

Said = dict[str, Any]


@dataclass
class Product:
    """One instance; `model` is what its default generator asks, if it is not the extractive one."""

    data_dir: Path
    environment: dict[str, str]
    model: FakeModel
    ports: dict[str, str] = field(
        default_factory=lambda: {
            name: str(free_port())
            for name in ("DYNAVERA_PORT", "DYNAVERA_MCP_PORT", "DYNAVERA_TEMPORAL_PORT", "DYNAVERA_TEMPORAL_UI_PORT")
        }
    )
    _up: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['DYNAVERA_PORT']}"

    @property
    def key(self) -> str:
        return (self.data_dir / "token").read_text().strip()

    @property
    def temporal_address(self) -> str:
        return f"127.0.0.1:{self.ports['DYNAVERA_TEMPORAL_PORT']}"

    async def command(self, *arguments: str) -> asyncio.subprocess.Process:
        """A `dynavera` command of this instance, as a process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            cwd=self.data_dir.parent,
            env=kept | self.ports | self.environment | {"DYNAVERA_DATA_DIR": str(self.data_dir), "COLUMNS": "80"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def start(self) -> float:
        """`dynavera up`, until it is ready; after how many seconds it was."""
        began = time.monotonic()
        self._up = await self.command("up")
        assert self._up.stderr is not None
        said = ""
        async with asyncio.timeout(READY_SECONDS):
            while "Dynavera is ready." not in said:
                line = (await self._up.stderr.readline()).decode()
                assert line, f"`dynavera up` ended: {said}"
                said += line
            await self.healthy()
        return time.monotonic() - began

    async def stop(self) -> None:
        """SIGTERM; it must end in order, in time, and leave no process behind."""
        assert self._up is not None
        family = psutil.Process(self._up.pid).children(recursive=True)
        self._up.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_SECONDS):
            await self._up.communicate()
        left = [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

        assert self._up.returncode == 0
        assert len(family) >= 4
        assert left == []
        assert list((self.data_dir / "run").glob("*.pid")) == []

    def pid(self, part: str) -> int:
        return int((self.data_dir / "run" / f"{part}.pid").read_text())

    def kill(self, part: str) -> None:
        os.kill(self.pid(part), signal.SIGKILL)

    async def healthy(self) -> None:
        """Wait until every part is there."""
        async with self.client() as client, asyncio.timeout(READY_SECONDS):
            while not await _is_ok(client):
                assert self._up is not None
                assert self._up.returncode is None, "`dynavera up` has ended"
                await asyncio.sleep(0.05)

    def client(self) -> httpx.AsyncClient:
        """A client of the API, as the first user."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def silent_client(self) -> socket.socket:
        """A connection that nobody reads."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.connect(("127.0.0.1", int(self.ports["DYNAVERA_PORT"])))
        return client

    def request(self, path: str, *headers: str) -> bytes:
        """The first user's request for `path`, as it goes over the wire."""
        host = f"Host: 127.0.0.1:{self.ports['DYNAVERA_PORT']}"
        lines = [f"GET {path} HTTP/1.1", host, f"Authorization: Bearer {self.key}", *headers, "", ""]
        return "\r\n".join(lines).encode()

    def is_connected(self, port: int) -> bool:
        """Whether the API still holds a connection from there."""
        held = psutil.Process(self.pid("api")).net_connections("tcp")
        return any(one.raddr and one.raddr.port == port for one in held)

    async def agent(self) -> Said:
        """The agent that the first start made."""
        async with self.client() as client:
            return (await client.get("/api/agents")).json()["items"][0]

    @asynccontextmanager
    async def viewer(self, agent_id: str | None = None) -> AsyncGenerator["Viewer"]:
        """A socket of the agent, or of the one that the first start made."""
        address = f"{self.url.replace('http', 'ws', 1)}/ws/agents/{agent_id or (await self.agent())['id']}"
        headers = {"Authorization": f"Bearer {self.key}"}
        async with connect(address, additional_headers=headers, max_size=None, proxy=None) as connection:
            yield Viewer(connection)

    async def execution(self, execution_id: str) -> Said:
        async with self.client() as client:
            return (await client.get(f"/api/executions/{execution_id}")).json()

    async def log_text(self, execution_id: str) -> str:
        """The whole log by REST, as it was sent."""
        async with self.client() as client:
            answer = await client.get(f"/api/executions/{execution_id}/events")
        assert answer.status_code == HTTPStatus.OK
        assert answer.json()["next_after"] is None
        return answer.text


@dataclass
class Viewer:
    """A client that keeps the text of every event it is shown."""

    connection: ClientConnection
    texts: list[str] = field(default_factory=list[str])

    async def start(self, query: str = "What is fNIRS?") -> str:
        """Start an execution; its id."""
        await self.say(action="start_agent", input_data={"query": query})
        return (await self.until(lambda said: said["type"] == "accepted"))["execution_id"]

    async def say(self, **action: Any) -> None:
        await self.connection.send(json.dumps(action))

    async def until(self, wanted: Callable[[Said], bool]) -> Said:
        """The next message that is `wanted`."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for text in self.connection:
                assert isinstance(text, str)
                said: Said = json.loads(text)
                assert said["type"] != "error", text
                if "sequence" in said:
                    self.texts.append(text)
                if wanted(said):
                    return said
        raise AssertionError(f"the socket was closed with {self.connection.close_code}")

    async def in_mid_answer(self) -> None:
        """Until two pieces of the answer have come."""
        for _ in range(2):
            await self.until(lambda said: said.get("event_type") == "delta")

    async def end(self) -> Said:
        return await self.until(lambda said: said["type"] in TERMINAL)


@asynccontextmanager
async def product(folder: Path, model: FakeModel | None = None) -> AsyncGenerator[Product]:
    """A product that runs; with a `model`, it is asked instead of the extractive generator."""
    served = model or FakeModel()
    async with serving(served) as url:
        asked = {"DYNAVERA_GENERATOR": "openai:test", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-none"}
        one = Product(folder / "data", asked if model is not None else {}, served)
        await one.start()
        try:
            yield one
        finally:
            await one.stop()


async def _is_ok(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/api/health")).json()["status"] == "ok"
    except httpx.TransportError:
        # The API itself may be the part that is away.
        return False


def text_frame(text: str) -> bytes:
    """A WebSocket frame of less than 126 bytes, as a client masks it."""
    payload, mask = text.encode(), os.urandom(4)
    masked = bytes(byte ^ mask[position % 4] for position, byte in enumerate(payload))
    return bytes([0x81, 0x80 | len(payload)]) + mask + masked


def folded(events: list[Said]) -> str:
    """The answer that the deltas make."""
    answer = ""
    for event in events:
        if event.get("event_type") == "delta":
            answer = answer[: event["content"]["offset"]] + event["content"]["text"]
    return answer
