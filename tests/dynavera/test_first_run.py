from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.first_run import FIRST_AGENT, KNOWLEDGE, FirstRun, FirstRunFailed, is_filled
from dynavera.identifiers import new_id
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.users import Users
from tests.owner import create_owner


@dataclass
class FakeService:
    """The MCP service's `POST /documents`, which may be away for a while."""

    away: int = 0
    refuses: bool = False
    received: list[bytes] = field(default_factory=list[bytes])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            self.away -= 1
            raise httpx.ConnectError("nobody there")
        self.received.append(request.read())
        if self.refuses:
            ingestion = Ingestion(items=[], refused=[Refusal(name="a.md", code="empty", detail="There is no text.")])
        else:
            ingestion = Ingestion(items=[_document("a.md"), _document("b.md")], refused=[])
        return httpx.Response(HTTPStatus.CREATED, content=ingestion.model_dump_json())


def _document(name: str) -> Document:
    return Document(
        id=new_id(),
        name=name,
        collection="default",
        media_type="text/markdown",
        bytes=1,
        sha256="0" * 64,
        passages=1,
        created_at=utc_now(),
    )


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    await create_owner(database)
    yield database
    await database.close()


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "knowledge"
    folder.mkdir()
    (folder / "a.md").write_text("# About a")
    (folder / "b.md").write_text("# About b")
    return folder


def first_run(database: Database, data_dir: Path, service: FakeService) -> FirstRun:
    client = httpx.AsyncClient(transport=httpx.MockTransport(service), base_url="http://mcp")
    return FirstRun(data_dir, client, Users(database), Agents(database))


async def names(database: Database) -> list[str]:
    owner = await Users(database).first()
    return [agent.name for agent in (await Agents(database).page(owner.id, 100)).items]


async def test_a_new_instance_gets_the_articles_and_the_agent(
    database: Database, tmp_path: Path, articles: Path
) -> None:
    service = FakeService()

    count = await first_run(database, tmp_path, service).fill(articles)

    assert count == 2
    assert b"# About a" in service.received[0]
    assert b"# About b" in service.received[0]
    assert await names(database) == [FIRST_AGENT.name]
    assert is_filled(tmp_path)


async def test_one_that_was_interrupted_is_done_again_without_a_second_agent(
    database: Database, tmp_path: Path, articles: Path
) -> None:
    owner = await Users(database).first()
    await Agents(database).create(owner.id, FIRST_AGENT)

    await first_run(database, tmp_path, FakeService()).fill(articles)

    assert await names(database) == [FIRST_AGENT.name]


async def test_a_service_that_comes_back_is_waited_for(database: Database, tmp_path: Path, articles: Path) -> None:
    service = FakeService(away=1)

    await first_run(database, tmp_path, service).fill(articles)

    assert len(service.received) == 1


async def test_an_article_that_is_refused_stops_the_start_in_words(
    database: Database, tmp_path: Path, articles: Path
) -> None:
    with pytest.raises(FirstRunFailed, match=r"refused the first document 'a\.md': There is no text\."):
        await first_run(database, tmp_path, FakeService(refuses=True)).fill(articles)

    assert not is_filled(tmp_path)
    assert await names(database) == []


def test_the_repository_ships_articles() -> None:
    assert len(list(KNOWLEDGE.glob("*.md"))) >= 7
