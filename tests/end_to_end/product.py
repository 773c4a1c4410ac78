"""The whole product as a user runs it: `dynavera up` in its own process, with all four parts."""

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

from mcp_service.knowledge.embedders import WORDLLAMA
from tests.fakes import FakeModel
from tests.serving import free_port, serving

COMMAND = (sys.executable, "-c", "from dynavera.cli import main; main()")
SETTING_PREFIXES = ("DYNAVERA_", "TEMPORAL_", "MCP_AGENT_", "OPENAI_")
READY_TIMEOUT = 90
STOP_TIMEOUT = 10
MESSAGE_TIMEOUT = 60
TERMINAL = {"execution_completed", "execution_error", "execution_stopped"}

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)

JsonObject = dict[str, Any]


@dataclass
class Product:
    """One instance; `model` is the model of its default generator, unless that is the extractive one."""

    data_dir: Path
    environment: dict[str, str]
    model: FakeModel = field(default_factory=FakeModel)
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
        """Start a `dynavera` command of this instance."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
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
        """Start `dynavera up`; the seconds until it was ready."""
        started = time.monotonic()
        self._up = await self.command("up")
        assert self._up.stderr is not None
        output = ""
        async with asyncio.timeout(READY_TIMEOUT):
            while "Dynavera is ready." not in output:
                line = (await self._up.stderr.readline()).decode()
                assert line, f"`dynavera up` ended: {output}"
                output += line
            await self.wait_until_healthy()
        return time.monotonic() - started

    async def stop(self) -> None:
        """Stop it by SIGTERM; it must exit cleanly, in time, and leave no process behind."""
        assert self._up is not None
        children = psutil.Process(self._up.pid).children(recursive=True)
        self._up.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_TIMEOUT):
            await self._up.communicate()
        remaining = [
            process for process in children if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]

        assert self._up.returncode == 0
        assert len(children) >= 4
        assert remaining == []
        assert list((self.data_dir / "run").glob("*.pid")) == []

    def pid(self, part: str) -> int:
        return int((self.data_dir / "run" / f"{part}.pid").read_text())

    def kill(self, part: str) -> None:
        os.kill(self.pid(part), signal.SIGKILL)

    async def wait_until_healthy(self) -> None:
        """Wait until every part is healthy."""
        async with self.client() as client, asyncio.timeout(READY_TIMEOUT):
            while not await _is_ok(client):
                assert self._up is not None
                assert self._up.returncode is None, "`dynavera up` has ended"
                await asyncio.sleep(0.05)

    def client(self) -> httpx.AsyncClient:
        """A client of the API with the owner's key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def silent_client(self) -> socket.socket:
        """A connection whose client never reads."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.connect(("127.0.0.1", int(self.ports["DYNAVERA_PORT"])))
        return client

    def request(self, path: str, *headers: str) -> bytes:
        """The bytes of the owner's request for `path`."""
        host = f"Host: 127.0.0.1:{self.ports['DYNAVERA_PORT']}"
        lines = [f"GET {path} HTTP/1.1", host, f"Authorization: Bearer {self.key}", *headers, "", ""]
        return "\r\n".join(lines).encode()

    def is_connected(self, port: int) -> bool:
        """Whether the API still has the connection from this port."""
        connections = psutil.Process(self.pid("api")).net_connections("tcp")
        return any(each.raddr and each.raddr.port == port for each in connections)

    async def agent(self) -> JsonObject:
        """The agent that the first start created."""
        async with self.client() as client:
            return (await client.get("/api/agents")).json()["items"][0]

    @asynccontextmanager
    async def viewer(self, agent_id: str | None = None) -> AsyncGenerator["Viewer"]:
        """A socket of the agent; by default, of the one that the first start created."""
        address = f"{self.url.replace('http', 'ws', 1)}/ws/agents/{agent_id or (await self.agent())['id']}"
        headers = {"Authorization": f"Bearer {self.key}"}
        async with connect(address, additional_headers=headers, max_size=None, proxy=None) as connection:
            yield Viewer(connection)

    async def execution(self, execution_id: str) -> JsonObject:
        async with self.client() as client:
            return (await client.get(f"/api/executions/{execution_id}")).json()

    async def log_text(self, execution_id: str) -> str:
        """The whole log by REST, as sent."""
        async with self.client() as client:
            response = await client.get(f"/api/executions/{execution_id}/events")
        assert response.status_code == HTTPStatus.OK
        assert response.json()["next_after"] is None
        return response.text


@dataclass
class Viewer:
    """A client that keeps the text of every event that it receives."""

    connection: ClientConnection
    texts: list[str] = field(default_factory=list[str])

    async def start(self, query: str = "What is fNIRS?") -> str:
        """Start an execution; its id."""
        await self.send(action="start_agent", input_data={"query": query})
        return (await self.receive_until(lambda message: message["type"] == "accepted"))["execution_id"]

    async def send(self, **action: Any) -> None:
        await self.connection.send(json.dumps(action))

    async def receive_until(self, is_wanted: Callable[[JsonObject], bool]) -> JsonObject:
        """The next message for which `is_wanted` is true."""
        async with asyncio.timeout(MESSAGE_TIMEOUT):
            async for text in self.connection:
                assert isinstance(text, str)
                message: JsonObject = json.loads(text)
                assert message["type"] != "error", text
                if "sequence" in message:
                    self.texts.append(text)
                if is_wanted(message):
                    return message
        raise AssertionError(f"the socket was closed with {self.connection.close_code}")

    async def wait_for_deltas(self) -> None:
        """Wait for two deltas."""
        for _ in range(2):
            await self.receive_until(lambda message: message.get("event_type") == "delta")

    async def end(self) -> JsonObject:
        return await self.receive_until(lambda message: message["type"] in TERMINAL)


@asynccontextmanager
async def product(
    folder: Path, model: FakeModel | None = None, *, embedder: str = WORDLLAMA
) -> AsyncGenerator[Product]:
    """A running product; with a `model`, it is used instead of the extractive generator."""
    served_model = model or FakeModel()
    async with serving(served_model) as url:
        endpoint = {"DYNAVERA_GENERATOR": "openai:test", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-none"}
        environment = {"DYNAVERA_EMBEDDER": embedder, **(endpoint if model is not None else {})}
        instance = Product(folder / "data", environment, served_model)
        await instance.start()
        try:
            yield instance
        finally:
            await instance.stop()


async def _is_ok(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/api/health")).json()["status"] == "ok"
    except httpx.TransportError:
        # The API itself may be unavailable.
        return False


def text_frame(text: str) -> bytes:
    """A WebSocket frame of less than 126 bytes, as a client masks it."""
    payload, mask = text.encode(), os.urandom(4)
    masked = bytes(byte ^ mask[position % 4] for position, byte in enumerate(payload))
    return bytes([0x81, 0x80 | len(payload)]) + mask + masked


def folded(events: list[JsonObject]) -> str:
    """The answer, folded from the deltas."""
    answer = ""
    for event in events:
        if event.get("event_type") == "delta":
            answer = answer[: event["content"]["offset"]] + event["content"]["text"]
    return answer
