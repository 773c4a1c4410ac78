"""Documents, collections and sources through the API and a real MCP service behind it."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from dynavera.contracts.documents import Source
from tests.answers import answer_with
from tests.knowledge_base import KnowledgeBase, knowledge_base
from tests.mcp_service.knowledge.sample_files import pdf

BEFORE = "# Light\n\n" + "Light is absorbed by blood. " * 200 + "\n\n# Cited\n\nAn optode sends light.\n"
AFTER = BEFORE.replace("Light is absorbed", "Some light is absorbed")
WITHOUT = BEFORE.replace("An optode sends light.", "An optode sends nothing.")


@pytest.fixture
async def base(tmp_path: Path) -> AsyncGenerator[KnowledgeBase]:
    async with knowledge_base(tmp_path) as running:
        yield running


async def send(client: httpx.AsyncClient, name: str, text: str | bytes, collection: str = "default") -> dict[str, Any]:
    data = text if isinstance(text, bytes) else text.encode()
    answer = await client.post("/api/documents", files={"file": (name, data)}, data={"collection": collection})
    assert answer.status_code == 201, answer.text
    return answer.json()["items"][0]


async def found(client: httpx.AsyncClient, query: str, collection: str = "default") -> list[dict[str, Any]]:
    answer = await client.post("/api/search", json={"query": query, "collection": collection, "top_k": 50})
    assert answer.status_code == 200, answer.text
    return answer.json()["passages"]


async def cited(base: KnowledgeBase, client: httpx.AsyncClient, text: str) -> str:
    """The path of a source that an answer cites: the passage that holds `text`."""
    passage = next(passage for passage in await found(client, text) if text in passage["text"])
    agent = (await client.post("/api/agents", json={"name": "Asker"})).json()
    started = await client.post(f"/api/agents/{agent['id']}/executions", json={"input_data": {"query": text}})
    wanted = {name: value for name, value in passage.items() if name in Source.model_fields}
    execution_id = started.json()["id"]
    await answer_with(base.mcp.database, UUID(agent["id"]), UUID(execution_id), Source(n=1, **wanted))
    return f"/api/executions/{execution_id}/sources/1"


async def test_a_source_shows_the_current_state_of_its_document(base: KnowledgeBase) -> None:
    async with base.client() as client:
        document = await send(client, "light.md", BEFORE)
        source = await cited(base, client, "An optode sends light.")
        states: list[tuple[str, bool, bool]] = []
        places: list[tuple[int, int, str]] = []
        for text in (BEFORE, AFTER, WITHOUT, AFTER, None, BEFORE):
            if text is None:
                await client.delete(f"/api/documents/{document['id']}")
            else:
                await send(client, "light.md", text)
            pinned = (await client.get(source)).json()
            states.append((pinned["state"], pinned["document"] is not None, pinned["passage"] is not None))
            assert "An optode sends light." in pinned["source"]["text"]
            if pinned["passage"] is not None:
                whole = (await client.get(f"/api/documents/{document['id']}/text")).json()
                passage = pinned["passage"]
                assert whole["text"][passage["start"] : passage["end"]] == pinned["source"]["text"]
                places.append((passage["start"], passage["end"], passage["heading"]))

    assert states == [
        ("unchanged", True, True),
        ("unchanged", True, True),
        ("changed", True, False),
        ("unchanged", True, True),
        ("gone", False, False),
        # The document that was cited was deleted; one of the same name that comes later is another one.
        ("gone", False, False),
    ]
    assert places[1][0] > places[0][0]
    assert {heading for _, _, heading in places} == {"Cited"}


async def test_passages_of_a_pdf_have_pages(base: KnowledgeBase) -> None:
    async with base.client() as client:
        document = await send(client, "two.pdf", pdf("First page.\n" + "Light.\n" * 600, "Optodes on the second page."))
        passages = (await client.get(f"/api/documents/{document['id']}/passages")).json()["items"]
        text = (await client.get(f"/api/documents/{document['id']}/text")).json()

    assert (document["media_type"], text["media_type"]) == ("application/pdf", "text/plain")
    assert passages[0]["page"] == 1
    assert all(text["text"][each["start"] : each["end"]] == each["text"] for each in passages)


async def test_a_search_finds_only_the_users_documents_of_the_collection(base: KnowledgeBase) -> None:
    stranger = await base.mcp.another_user()
    async with base.client() as mine, base.client(stranger.api_key) as theirs:
        secret = await send(mine, "secret.md", "Light is secret.", "vault")
        await send(mine, "open.md", "Light is open.")
        await send(theirs, "theirs.md", "Light is theirs.")
        seen = {
            "mine": [each["document"] for each in await found(mine, "light")],
            "vault": [each["document"] for each in await found(mine, "light", "vault")],
            "theirs": [each["document"] for each in await found(theirs, "light")],
        }
        elsewhere = await theirs.post("/api/search", json={"query": "light", "collection": "vault"})
        nowhere = await theirs.post("/api/search", json={"query": "light", "collection": "nothing"})
        hidden = [await theirs.get(f"/api/documents/{secret['id']}{rest}") for rest in ("", "/text", "/passages")] + [
            await theirs.delete(f"/api/documents/{secret['id']}")
        ]
        counted = [(await client.get("/api/collections")).json()["items"] for client in (mine, theirs)]

    assert seen == {"mine": ["open.md"], "vault": ["secret.md"], "theirs": ["theirs.md"]}
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "unknown_collection")
    assert elsewhere.json() == {**nowhere.json(), "detail": elsewhere.json()["detail"]}
    assert [answer.status_code for answer in hidden] == [404] * 4
    assert counted == [
        [
            {"name": "default", "documents": 1, "passages": 1},
            {"name": "vault", "documents": 1, "passages": 1},
        ],
        [{"name": "default", "documents": 1, "passages": 1}],
    ]


async def test_a_collection_that_is_emptied_is_unknown_again(base: KnowledgeBase) -> None:
    async with base.client() as client:
        document = await send(client, "a.md", "Light.", "vault")
        await client.delete(f"/api/documents/{document['id']}")
        answer = await client.post("/api/search", json={"query": "light", "collection": "vault"})
        default = await client.post("/api/search", json={"query": "light"})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_collection")
    assert default.json() == {"passages": []}


async def test_searches_are_refused_while_indexes_are_rebuilt(base: KnowledgeBase) -> None:
    async with base.client() as client:
        for number in range(3):
            await send(client, f"{number}.md", f"Light number {number}.")
        never = (await client.get("/api/reindex")).json()
        began = await client.post("/api/reindex")
        states: set[str] = set()
        while (now := (await client.get("/api/reindex")).json())["state"] == "running":
            answer = await client.post("/api/search", json={"query": "light"})
            states.add(answer.json().get("code", "found"))
        after = await found(client, "light")

    assert never == {"state": "never", "passages": 0, "total": 0}
    assert began.status_code == 202
    assert now == {"state": "done", "passages": 3, "total": 3}
    assert states <= {"rebuilding", "found"}
    assert len(after) == 3


async def test_only_the_owner_rebuilds_indexes(base: KnowledgeBase) -> None:
    stranger = await base.mcp.another_user()

    async with base.client(stranger.api_key) as theirs, base.mcp.client(stranger.api_key) as directly:
        answers = [
            await theirs.post("/api/reindex"),
            await theirs.get("/api/reindex"),
            await directly.post("/reindex"),
            await directly.get("/reindex"),
        ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "owner_only")] * 4


async def test_unknown_documents_are_not_found(base: KnowledgeBase) -> None:
    async with base.client() as client:
        answer = await client.get(f"/api/documents/{UUID(int=7)}/text")

    assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")
