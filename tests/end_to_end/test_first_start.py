"""The first start: one command, one question, and an answer that cites the included articles."""

import json
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from dynavera.settings import Settings
from tests.end_to_end.product import Product, folded, product

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fresh(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Product]:
    async with product(tmp_path_factory.mktemp("fresh"), embedder=Settings().embedder) as instance:
        yield instance


async def test_the_first_answer_cites_an_included_article(fresh: Product) -> None:
    async with fresh.viewer() as viewer:
        execution_id = await viewer.start("What is fNIRS?")
        ending = await viewer.end()

    output = ending["output_data"]
    assert (await fresh.agent())["name"] == "Research assistant"
    assert ending["type"] == "execution_completed"
    assert output["sources"][0]["document"] == "functional-near-infrared-spectroscopy.md"
    assert "[1]" in output["answer"]
    assert folded([json.loads(text) for text in viewer.texts]) == output["answer"]
    async with fresh.client() as client:
        pinned = (await client.get(f"/api/executions/{execution_id}/sources/1")).json()
    assert pinned["state"] == "unchanged"


async def test_the_command_line_writes_the_answer_to_stdout_and_the_log_to_stderr(fresh: Product) -> None:
    command = await fresh.command("run", "What is fNIRS?")
    out, err = await command.communicate()

    assert command.returncode == 0
    answer, sources = out.decode().split("\n\nSources\n")
    assert "[1]" in answer
    assert sources.startswith("[1] functional-near-infrared-spectroscopy.md: ")
    log = err.decode()
    assert "[PROGRESS]" in log
    assert "[STEP]" in log
    assert "[MESSAGE]" in log
    assert "Completed" in log.splitlines()[-1]


async def test_the_execution_is_in_temporal_under_its_id(fresh: Product) -> None:
    async with fresh.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.end()

    execution = await fresh.execution(execution_id)
    assert execution["temporal_url"].endswith(f"/namespaces/default/workflows/{execution_id}")


async def test_documents_and_agents_survive_a_restart(fresh: Product) -> None:
    async with fresh.client() as client:
        before = (await client.get("/api/documents")).json()

        await fresh.stop()
        await fresh.start()

        assert (await client.get("/api/documents")).json() == before
        assert len((await client.get("/api/agents")).json()["items"]) == 1
    assert len(before["items"]) >= 7
