"""The API with a real Temporal, worker and database; only the MCP service is a fake."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import HttpUrl, SecretStr
from sqlalchemy import delete
from temporalio.testing import WorkflowEnvironment
from websockets.asyncio.client import ClientConnection, connect

from api.app import create_app
from api.limits import ApiLimits
from api.process import open_services
from api.temporal import Temporal
from dynavera.bus.open_bus import open_bus
from dynavera.contracts.agents import Agent, AgentSettings
from dynavera.contracts.users import User
from dynavera.limits import GENERATION_SHUTDOWN_GRACE
from dynavera.records import executions as records
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.logs import Logs
from dynavera.records.migrate import migrate
from dynavera.records.tables import EventRow
from dynavera.settings import Settings
from tests.api.openapi import DECLARED
from tests.owner import create_owner
from tests.serving import free_port, serving
from tests.temporal import temporal_away, temporal_server
from tests.workflows.fakes import FakeMcp, Gate
from tests.workflows.sandbox import sandbox
from workflows.worker import running_worker

KEY = "dyn_of-the-first-user"
PATIENCE_SECONDS = 30
TERMINAL = {"execution_completed", "execution_error", "execution_stopped"}

Said = dict[str, Any]


@dataclass
class Conversation:
    """A client of an agent's socket; it keeps the text of every message."""

    connection: ClientConnection
    texts: list[str] = field(default_factory=list[str])

    async def say(self, **action: Any) -> None:
        await self.connection.send(json.dumps(action))

    async def start(self, query: str = "What is fNIRS?", **more: Any) -> UUID:
        """Start an execution; its id, as soon as it is accepted."""
        await self.say(action="start_agent", input_data={"query": query}, **more)
        return UUID((await self.answer("accepted"))["execution_id"])

    async def hear(self, seconds: float = PATIENCE_SECONDS) -> Said:
        """The next message."""
        async with asyncio.timeout(seconds):
            text = await self.connection.recv()
        assert isinstance(text, str)
        self.texts.append(text)
        return json.loads(text)

    async def answer(self, *types: str) -> Said:
        """The next message of one of these types."""
        return (await self.until(lambda said: said["type"] in types))[-1]

    async def until(self, last: Callable[[Said], bool]) -> list[Said]:
        """The next messages, up to the one that is `last`."""
        heard = [await self.hear()]
        while not last(heard[-1]):
            heard.append(await self.hear())
        return heard

    async def log(self, execution_id: UUID) -> list[Said]:
        """The execution's events from here on, up to the terminal one."""
        heard = await self.until(lambda said: _of(execution_id, said) and said["type"] in TERMINAL)
        return [said for said in heard if _of(execution_id, said)]

    async def refusal(self, **action: Any) -> Said:
        await self.say(**action)
        return await self.answer("error")

    async def closed_with(self) -> int:
        """Read until the server closes the socket; its code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code

    def events(self, execution_id: UUID) -> list[str]:
        """The texts of all events of the execution so far."""
        return [text for text in self.texts if _of(execution_id, json.loads(text))]


@dataclass
class Live:
    """One instance, its first user, and that user's agent; `url` is one API process of it."""

    settings: Settings
    database: Database
    temporal: Temporal
    user: User
    agent: Agent
    url: str
    mcp: FakeMcp
    limits: ApiLimits
    generation_grace: timedelta = GENERATION_SHUTDOWN_GRACE

    @property
    def records(self) -> records.Executions:
        return records.Executions(self.database, "http://temporal.test")

    @property
    def logs(self) -> Logs:
        return Logs(self.database)

    @asynccontextmanager
    async def worker(self) -> AsyncGenerator[None]:
        async with (
            open_bus(self.settings) as bus,
            running_worker(
                self.temporal.client,
                self.temporal.task_queue,
                self.mcp,
                self.logs,
                100,
                sandbox(),
                bus,
                self.generation_grace,
            ),
        ):
            yield

    def client(self, url: str | None = None, api_key: str | None = KEY) -> httpx.AsyncClient:
        """A client of the API, by default as the first user."""
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        return httpx.AsyncClient(
            base_url=url or self.url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS, event_hooks=DECLARED
        )

    @asynccontextmanager
    async def socket(
        self, url: str | None = None, agent_id: object = None, **headers: str
    ) -> AsyncGenerator[Conversation]:
        """A socket of the agent, as the first user unless `headers` say otherwise; it has said that it is open."""
        async with self.opened(url, agent_id, headers or {"Authorization": f"Bearer {KEY}"}) as conversation:
            assert (await conversation.hear())["type"] == "connection"
            yield conversation

    @asynccontextmanager
    async def opened(self, url: str | None, agent_id: object, headers: dict[str, str]) -> AsyncGenerator[Conversation]:
        address = f"{(url or self.url).replace('http', 'ws', 1)}/ws/agents/{agent_id or self.agent.id}"
        async with connect(address, additional_headers=headers, max_size=None, proxy=None) as connection:
            yield Conversation(connection)

    async def start(self, query: str = "What is fNIRS?", url: str | None = None) -> UUID:
        """Start an execution by REST."""
        async with self.client(url) as client:
            answer = await client.post(f"/api/agents/{self.agent.id}/executions", json={"input_data": {"query": query}})
        assert answer.status_code == 202
        return UUID(answer.json()["id"])

    async def stop(self, execution_id: UUID) -> None:
        """Stop an execution by REST."""
        async with self.client() as client:
            assert (await client.post(f"/api/executions/{execution_id}/stop")).status_code in (200, 202)

    async def has_status(self, execution_id: UUID, status: str) -> None:
        """Wait until it has."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.logs.status(execution_id) != status:
                await asyncio.sleep(0.02)

    async def spoil(self, execution_id: UUID) -> None:
        """Put something that is no event where the next one of the log is to be read."""
        last = await self.logs.last_sequence(execution_id)
        async with self.database.writing() as session:
            session.add(EventRow(execution_id=execution_id, sequence=last + 1, event="{}"))

    async def mend(self, execution_id: UUID) -> None:
        """Take it away again."""
        async with self.database.writing() as session:
            await session.execute(delete(EventRow).where(EventRow.execution_id == execution_id, EventRow.event == "{}"))

    async def another_agent(self) -> Agent:
        """A new agent of the first user."""
        return await Agents(self.database).create(self.user.id, AgentSettings(name="Another"))

    def writes(self, *words: str, stops_after: int | None = None) -> Gate:
        """Set the generator's words; after `stops_after` of them it waits for the gate."""
        self.mcp.words = list(words)
        gate = Gate()
        if stops_after is not None:
            self.mcp.gate, self.mcp.gate_after = gate, stops_after
        return gate

    @asynccontextmanager
    async def another_api(self, temporal: Temporal | None = None) -> AsyncGenerator[str]:
        """Another API process on the same database, or the same one after a restart."""
        async with _api(self.settings, temporal or self.temporal, self.limits) as url:
            yield url

    async def temporal_that_is_away(self) -> Temporal:
        return await temporal_away(self.settings, self.temporal.task_queue)


@dataclass(frozen=True)
class Frame:
    """One server-sent event, field by field."""

    fields: dict[str, str]

    @property
    def data(self) -> str:
        return self.fields["data"]

    @property
    def json(self) -> Said:
        return json.loads(self.data)


@asynccontextmanager
async def frames(client: httpx.AsyncClient, path: str, **headers: str) -> AsyncGenerator[AsyncGenerator[Frame]]:
    """The server-sent events at `path`, as they come."""
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        coming = _frames(response)
        try:
            yield coming
        finally:
            await coming.aclose()


async def all_frames(client: httpx.AsyncClient, path: str, **headers: str) -> list[Frame]:
    """All server-sent events at `path`, up to the end of the stream."""
    async with asyncio.timeout(PATIENCE_SECONDS), frames(client, path, **headers) as coming:
        return [frame async for frame in coming]


async def _frames(response: httpx.Response) -> AsyncGenerator[Frame]:
    # Not by httpx's lines: they end at U+2028 too, which a server-sent event may contain.
    received = b""
    async for part in response.aiter_raw():
        received = (received + part).replace(b"\r\n", b"\n")
        while b"\n\n" in received:
            block, received = received.split(b"\n\n", 1)
            lines = [line for line in block.decode().split("\n") if line and not line.startswith(":")]
            if lines:
                fields = [line.partition(": ") for line in lines]
                yield Frame({name: value for name, _, value in fields})


async def item_texts(client: httpx.AsyncClient, execution_id: UUID, limit: int = 1000) -> list[str]:
    """The JSON text of each event of the log by REST, as it was sent, page after page."""
    texts: list[str] = []
    after: int | None = 0
    while after is not None:
        answer = await client.get(f"/api/executions/{execution_id}/events", params={"after": after, "limit": limit})
        assert answer.status_code == 200, answer.text
        texts += _items(answer.text)
        after = answer.json()["next_after"]
    return texts


def sequences(events: Sequence[Said]) -> list[int]:
    return [event["sequence"] for event in events]


def dense(events: Sequence[Said], first: int = 1) -> bool:
    """Whether the events' sequences rise by exactly one from `first` on, up to a terminal event."""
    whole = sequences(events) == list(range(first, first + len(events)))
    return whole and events[-1]["type"] in TERMINAL


def _items(page: str) -> list[str]:
    decoder = json.JSONDecoder()
    opening = '{"items":['
    assert page.startswith(opening)
    texts: list[str] = []
    position = len(opening)
    while page[position] != "]":
        position += page[position] == ","
        _, end = decoder.raw_decode(page, position)
        texts.append(page[position:end])
        position = end
    return texts


def _of(execution_id: UUID, said: Said) -> bool:
    return said.get("execution_id") == str(execution_id) and "sequence" in said


@asynccontextmanager
async def _api(settings: Settings, temporal: Temporal, limits: ApiLimits) -> AsyncGenerator[str]:
    """One API, with parts of its own."""
    database = Database(settings.records_url)
    async with open_services(settings, database, temporal, SecretStr("mcp_of-the-service"), limits) as (
        services,
        sweep,
    ):
        sweeping = asyncio.create_task(sweep.run())
        try:
            async with serving(
                create_app(services),
                settings=services.settings,
                largest_message=limits.socket_message_bytes,
                limits=limits.http,
            ) as url:
                yield url
        finally:
            sweeping.cancel()
            # The relay's readers are only cancelled; their connections close once they have ended.
            await asyncio.wait({task for task in asyncio.all_tasks() if task.cancelling()})
            await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal_environment() -> AsyncGenerator[WorkflowEnvironment]:
    """One Temporal server for the tests of a module; they run in its event loop."""
    async with temporal_server() as environment:
        yield environment


@pytest.fixture
def database_url() -> str | None:
    """Where the records are; None: in SQLite."""
    return None


@pytest_asyncio.fixture(loop_scope="module")
async def live(
    tmp_path: Path, temporal_environment: WorkflowEnvironment, database_url: str | None, limits: ApiLimits
) -> AsyncGenerator[Live]:
    """An instance of its own for each test, without a worker yet."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=None if database_url is None else SecretStr(database_url),
        mcp_url=HttpUrl(f"http://127.0.0.1:{free_port()}"),
        allowed_origins=("http://localhost:5173",),
    )
    database = Database(settings.records_url)
    await migrate(database)
    user = await create_owner(database, KEY)
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))
    temporal = Temporal(temporal_environment.client, str(uuid4()), timedelta(hours=1))
    async with _api(settings, temporal, limits) as url:
        yield Live(settings, database, temporal, user, agent, url, FakeMcp(), limits)
    await database.close()


@pytest.fixture
def impatient_workers(live: Live) -> None:
    """Workers that shut down at once, whatever runs."""
    live.generation_grace = timedelta(milliseconds=50)
