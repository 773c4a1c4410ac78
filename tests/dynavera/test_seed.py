from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.identifiers import new_id
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.users import Users
from dynavera.seed import ARTICLES_DIR, DEFAULT_AGENT, Seeder, SeedingFailed, is_seeded
from tests.owner import create_owner


@dataclass
class FakeMcpService:
    """`POST /documents` of the MCP service, which may be unreachable for some requests."""

    failures: int = 0
    refuses: bool = False
    received: list[bytes] = field(default_factory=list[bytes])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.failures:
            self.failures -= 1
            raise httpx.ConnectError("connection refused")
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


def seeder(database: Database, data_dir: Path, service: FakeMcpService) -> Seeder:
    client = httpx.AsyncClient(transport=httpx.MockTransport(service), base_url="http://mcp")
    return Seeder(data_dir, client, Users(database), Agents(database))


async def names(database: Database) -> list[str]:
    owner = await Users(database).first()
    return [agent.name for agent in (await Agents(database).page(owner.id, 100)).items]


async def test_new_instance_gets_the_articles_and_the_agent(database: Database, tmp_path: Path, articles: Path) -> None:
    service = FakeMcpService()

    count = await seeder(database, tmp_path, service).seed(articles)

    assert count == 2
    assert b"# About a" in service.received[0]
    assert b"# About b" in service.received[0]
    assert await names(database) == [DEFAULT_AGENT.name]
    assert is_seeded(tmp_path)


async def test_seeding_after_an_interruption_creates_no_second_agent(
    database: Database, tmp_path: Path, articles: Path
) -> None:
    owner = await Users(database).first()
    await Agents(database).create(owner.id, DEFAULT_AGENT)

    await seeder(database, tmp_path, FakeMcpService()).seed(articles)

    assert await names(database) == [DEFAULT_AGENT.name]


async def test_seeding_waits_for_a_restarting_service(database: Database, tmp_path: Path, articles: Path) -> None:
    service = FakeMcpService(failures=1)

    await seeder(database, tmp_path, service).seed(articles)

    assert len(service.received) == 1


async def test_refused_article_fails_the_start_with_its_reason(
    database: Database, tmp_path: Path, articles: Path
) -> None:
    with pytest.raises(SeedingFailed, match=r"refused the first document 'a\.md': There is no text\."):
        await seeder(database, tmp_path, FakeMcpService(refuses=True)).seed(articles)

    assert not is_seeded(tmp_path)
    assert await names(database) == []


def test_repository_contains_articles() -> None:
    assert len(list(ARTICLES_DIR.glob("*.md"))) >= 7
