"""Kills the service at random moments; the next start must bring both indexes in sync with the records."""

import asyncio
import random
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from dynavera.records.change_log import ChangeLog, Scope
from dynavera.records.database import Database
from dynavera.records.users import Users
from mcp_service.knowledge.knowledge import Knowledge, open_knowledge
from tests.mcp_service.processes import is_up, process
from tests.serving import free_port, until

KILLS = 5
NAMES = 40
SEED = 7


class Writer:
    """Writes, replaces and deletes documents until the service dies, and keeps what was acknowledged."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self._random = random.Random(SEED)
        self.acknowledged: dict[str, str] = {}
        self.unsure: set[str] = set()
        """Documents whose last write was not acknowledged."""

    @property
    def certain(self) -> dict[str, str]:
        """The texts of the documents whose last write was acknowledged."""
        return {name: text for name, text in self.acknowledged.items() if name not in self.unsure}

    async def write(self) -> None:
        """Continue until the service is gone."""
        try:
            while True:
                await self._put()
                await self._delete()
        except httpx.TransportError:
            return

    async def close(self) -> None:
        await self._http.aclose()

    async def _put(self) -> None:
        names = self._random.sample(range(NAMES), 8)
        texts = {f"{name}.md": f"# Light {name}\n\nLight of version {self._random.random()}." for name in names}
        self.unsure |= set(texts)
        answer = await self._http.post(
            "/documents", files=[("file", (name, text.encode())) for name, text in texts.items()]
        )
        assert answer.status_code == httpx.codes.CREATED
        self.acknowledged |= texts
        self.unsure -= set(texts)

    async def _delete(self) -> None:
        documents = (await self._http.get("/documents", params={"limit": 1000})).json()["items"]
        gone = self._random.choice(documents)
        self.unsure.add(gone["name"])
        answer = await self._http.delete(f"/documents/{gone['id']}")
        assert answer.status_code == httpx.codes.NO_CONTENT
        self.acknowledged.pop(gone["name"], None)
        self.unsure.discard(gone["name"])


@pytest.mark.timeout(300)
async def test_the_next_start_repairs_the_indexes_after_kills_at_random_moments(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    moments = random.Random(SEED)
    writer: Writer | None = None

    for kills_left in reversed(range(KILLS)):
        async with process(tmp_path, port) as service:
            await is_up(url)
            writer = writer or Writer(url, (tmp_path / "token").read_text().strip())
            writing = asyncio.create_task(writer.write())
            if kills_left == 0:
                # On a slow machine no write may have been acknowledged so far.
                await until(lambda known=writer: bool(known.certain), seconds=60)
            await asyncio.wait([writing], timeout=moments.uniform(0.1, 1.5))
            service.kill()
            await writing
    assert writer is not None
    await writer.close()

    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    owner = (await Users(database).first()).id
    async with open_knowledge(tmp_path / "knowledge", "wordllama", database) as knowledge:
        texts, indexed = await both(knowledge, owner)
        changes = await ChangeLog(database).after(0, most_passages=100_000)
    await database.close()

    stored = {passage.text for document in changes.documents for passage in document.passages}
    assert indexed == (stored, stored)
    assert writer.certain
    assert {name: texts.get(name) for name in writer.certain} == writer.certain
    assert set(texts) <= set(writer.certain) | writer.unsure


async def both(knowledge: Knowledge, owner: UUID) -> tuple[dict[str, str], tuple[set[str], set[str]]]:
    """The text of each document by name, and the passages in each index."""
    documents = (await knowledge.records.page(owner, None, 1000, None)).items
    texts = {document.name: await knowledge.records.text(owner, document.id) for document in documents}
    named: list[set[str]] = []
    for index in (knowledge.indexes.vectors, knowledge.indexes.bm25):
        hits = index.search(Scope(owner, "default"), "light version", 1000)
        located = await knowledge.records.located(owner, "default", [hit.passage_id for hit in hits])
        assert len(located) == len(hits), "an index names a passage that is gone"
        named.append({place.passage.text for place in located.values()})
    return texts, (named[0], named[1])
