"""The client of the MCP service, against a real service."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from activities.mcp_client import McpService, StatusLine, TextPiece
from activities.mcp_errors import McpAway, McpRefused
from dynavera.contracts.documents import RetrievedPassage
from dynavera.contracts.mcp import GenerateCall, Generated
from tests.fakes import FakeModel
from tests.mcp_service.running import Running, running_service, upload
from tests.serving import free_port, serving, until

FNIRS = "# fNIRS\n\nFunctional near-infrared spectroscopy (fNIRS) is an optical method that measures blood oxygen.\n"
PASSAGE = RetrievedPassage(
    document_id=uuid4(), document="fnirs.md", passage_id=uuid4(), text=FNIRS, score=1, sha256="0" * 64
)


@asynccontextmanager
async def model_and_service(folder: Path, model: FakeModel) -> AsyncGenerator[tuple[Running, McpService]]:
    async with (
        serving(model) as model_url,
        running_service(folder, openai_base_url=f"{model_url}/v1", generator="openai:fake") as service,
        McpService(service.url, service.service_token) as mcp,
    ):
        yield service, mcp


async def generate(mcp: McpService, user_id: UUID, call: GenerateCall) -> list[TextPiece | StatusLine | Generated]:
    return [item async for item in mcp.generate(user_id, call)]


def folded(items: list[TextPiece | StatusLine | Generated], prefix: str = "") -> str:
    answer = prefix
    for item in items:
        if isinstance(item, TextPiece):
            assert item.offset <= len(answer)
            answer = answer[: item.offset] + item.text
    return answer


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async with (
        running_service(tmp_path) as service,
        McpService(service.url, service.service_token) as mcp,
        service.client() as client,
    ):
        await upload(client, fnirs_md=FNIRS)
        found = await mcp.retrieve(service.owner.id, "What is fNIRS?", "default", 4)
        items = await generate(
            mcp, service.owner.id, GenerateCall(query="What is fNIRS?", passages=found.passages, operation_id="one")
        )

    assert [passage.document for passage in found.passages] == ["fnirs.md"]
    assert isinstance(items[-1], Generated)
    assert items[-1].text.startswith("Functional near-infrared spectroscopy (fNIRS) is an optical method")
    assert folded(items) == items[-1].text


async def test_calls_are_made_for_the_user(tmp_path: Path) -> None:
    async with (
        running_service(tmp_path) as service,
        McpService(service.url, service.service_token) as mcp,
        service.client() as client,
    ):
        other = await service.another_user()
        await upload(client, fnirs_md=FNIRS)
        found = await mcp.retrieve(other.id, "What is fNIRS?", "default", 4)

    assert found.passages == []


async def test_an_answer_restarts_if_its_beginning_was_reasoning(tmp_path: Path) -> None:
    model = FakeModel(words=["Let", "me", "think.", "</think>", "Light", "is", "red."], delay=0.05)

    async with model_and_service(tmp_path, model) as (service, mcp):
        items = await generate(mcp, service.owner.id, GenerateCall(query="Which light?", passages=[PASSAGE]))

    offsets = [item.offset for item in items if isinstance(item, TextPiece)]
    assert folded(items) == "Light is red."
    assert offsets.count(0) == 2
    assert isinstance(items[-1], Generated)
    assert (items[-1].text, items[-1].reasoning) == ("Light is red.", "Let me think.")


async def test_many_pieces_arrive_in_order_and_complete(tmp_path: Path) -> None:
    model = FakeModel(words=[f"wörd{number}🧠" for number in range(300)], delay=0.001)

    async with model_and_service(tmp_path, model) as (service, mcp):
        items = await generate(mcp, service.owner.id, GenerateCall(query="q", passages=[PASSAGE], max_tokens=1000))

    assert len(items) > 50
    assert folded(items) == model.text
    assert isinstance(items[-1], Generated)
    assert items[-1].usage.completion_tokens == 300


async def test_an_answer_is_continued_where_the_prefix_ends(tmp_path: Path) -> None:
    model = FakeModel(words=["some", "words", "that", "are", "sent", "one", "after", "another"])
    prefix = "some words that are sent one"

    async with model_and_service(tmp_path, model) as (service, mcp):
        items = await generate(mcp, service.owner.id, GenerateCall(query="q", passages=[PASSAGE], prefix=prefix))

    first = items[0]
    assert isinstance(first, TextPiece)
    assert first.offset == len(prefix)
    assert folded(items, prefix) == model.text


async def test_an_endpoint_that_restarts_the_answer_starts_at_offset_0(tmp_path: Path) -> None:
    model = FakeModel(words=["some", "words", "that", "are", "sent", "one", "after", "another"], restarts_answer=True)
    prefix = "some words that are sent one"

    async with model_and_service(tmp_path, model) as (service, mcp):
        items = await generate(mcp, service.owner.id, GenerateCall(query="q", passages=[PASSAGE], prefix=prefix))

    assert folded(items, prefix) == model.text
    assert isinstance(items[0], TextPiece)
    assert items[0].offset == 0


async def test_closing_a_generation_stops_the_model(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.02)

    async with model_and_service(tmp_path, model) as (service, mcp):
        async with aclosing(mcp.generate(service.owner.id, GenerateCall(query="q", passages=[PASSAGE]))) as items:
            await anext(items)
        await until(lambda: bool(model.disconnected_at), seconds=1)

    assert model.emitted_after_disconnect == 0


async def test_cancelling_the_reader_of_a_generation_stops_the_model(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.02)

    async with model_and_service(tmp_path, model) as (service, mcp):
        call = GenerateCall(query="q", passages=[PASSAGE])
        reading = asyncio.create_task(generate(mcp, service.owner.id, call))
        await until(lambda: model.emitted > 3)
        reading.cancel()
        await until(lambda: bool(model.disconnected_at), seconds=1)

    assert reading.cancelled()


async def test_a_stop_is_acknowledged_and_leaves_the_partial_answer(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.02)

    async with model_and_service(tmp_path, model) as (service, mcp):
        call = GenerateCall(query="q", passages=[PASSAGE], operation_id="one")
        reading = asyncio.create_task(generate(mcp, service.owner.id, call))
        await until(lambda: model.emitted > 3)
        stopped = await mcp.stop_generation(service.owner.id, "one")
        items = await reading
        again = await mcp.stop_generation(service.owner.id, "one")

    generated = items[-1]
    assert isinstance(generated, Generated)
    assert generated.finish_reason == "stopped"
    assert (stopped.stopped, stopped.characters) == (True, len(generated.text))
    assert folded(items) == generated.text
    assert again.stopped is False


async def test_many_generations_do_not_delay_a_short_call(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 200, delay=0.5)

    async with model_and_service(tmp_path, model) as (service, mcp):
        call = GenerateCall(query="q", passages=[PASSAGE])
        reading = [asyncio.create_task(generate(mcp, service.owner.id, call)) for _ in range(120)]
        await until(lambda: len(model.requests) == 120, seconds=60)
        found = await mcp.retrieve(service.owner.id, "q", "default", 4)
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)

    assert found.passages == []


@pytest.mark.parametrize(
    ("model", "code", "retryable", "after"),
    [
        (FakeModel(fails_with=400), "generator_refused", False, None),
        (FakeModel(fails_with=401), "generator_refused", False, None),
        (FakeModel(fails_with=429, retry_after="7"), "generator_away", True, 7),
        (FakeModel(fails_with=503), "generator_away", True, None),
        (FakeModel(fails_with=500), "generator_away", True, None),
        (FakeModel(breaks_after=2), "generator_away", True, None),
    ],
    ids=["400", "401", "429", "503", "500", "breaks off"],
)
async def test_a_failing_model_is_a_structured_refusal(
    tmp_path: Path, model: FakeModel, code: str, after: float | None, *, retryable: bool
) -> None:
    async with model_and_service(tmp_path, model) as (service, mcp):
        with pytest.raises(McpRefused) as refused:
            await generate(mcp, service.owner.id, GenerateCall(query="q", passages=[PASSAGE]))

    assert refused.value.refusal.code == code
    assert refused.value.refusal.retryable is retryable
    assert refused.value.refusal.retry_after_seconds == after


async def test_an_unknown_collection_is_refused(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, McpService(service.url, service.service_token) as mcp:
        with pytest.raises(McpRefused) as refused:
            await mcp.retrieve(service.owner.id, "q", "nope", 4)

    assert refused.value.refusal.code == "unknown_collection"
    assert refused.value.refusal.retryable is False


async def test_a_wrong_token_is_refused_and_names_the_setting(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, McpService(service.url, SecretStr("wrong")) as mcp:
        with pytest.raises(McpRefused) as refused:
            await mcp.retrieve(service.owner.id, "q", "default", 4)

    assert refused.value.refusal.code == "mcp_not_allowed"
    assert "DYNAVERA_MCP_TOKEN" in refused.value.refusal.detail


async def test_a_service_is_reached_after_an_outage(tmp_path: Path) -> None:
    port = free_port()

    async with McpService(f"http://127.0.0.1:{port}", SecretStr("mcp_secret")) as mcp:
        with pytest.raises(McpAway):
            await mcp.retrieve(uuid4(), "q", "default", 4)
        with pytest.raises(McpAway):
            await generate(mcp, uuid4(), GenerateCall(query="q", passages=[]))
        async with running_service(tmp_path, port=port, mcp_token=SecretStr("mcp_secret")) as service:
            found = await mcp.retrieve(service.owner.id, "q", "default", 4)
            items = await generate(mcp, service.owner.id, GenerateCall(query="q", passages=[]))

    assert found.passages == []
    assert isinstance(items[-1], Generated)


async def test_a_service_that_ends_during_a_generation_is_unavailable(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.02)

    async with serving(model) as model_url:
        running = running_service(tmp_path, openai_base_url=f"{model_url}/v1", generator="openai:fake")
        service = await running.__aenter__()
        async with McpService(service.url, service.service_token) as mcp:
            reading = asyncio.create_task(generate(mcp, service.owner.id, GenerateCall(query="q", passages=[PASSAGE])))
            await until(lambda: model.emitted > 3)
            await running.__aexit__(None, None, None)
            with pytest.raises(McpAway):
                await reading
            with pytest.raises(McpAway):
                await mcp.stop_generation(service.owner.id, "one")


async def test_a_wrong_citation_is_removed_and_reported(tmp_path: Path) -> None:
    model = FakeModel(words=["Light", "is", "red", "[1", ",", "9", "].", "It", "shines", "[7]."])

    async with model_and_service(tmp_path, model) as (service, mcp):
        items = await generate(mcp, service.owner.id, GenerateCall(query="q", passages=[PASSAGE]))

    assert isinstance(items[-1], Generated)
    assert folded(items) == items[-1].text == "Light is red [1]. It shines."
    assert [item for item in items if isinstance(item, StatusLine)] == [
        StatusLine("Removed a citation of passage 9, which does not exist."),
        StatusLine("Removed a citation of passage 7, which does not exist."),
    ]


async def test_a_failure_of_the_service_itself_is_an_internal_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mcp_service.generation.Generations.run", fail)
    async with running_service(tmp_path) as service, McpService(service.url, service.service_token) as mcp:
        with pytest.raises(McpRefused) as refused:
            await generate(mcp, service.owner.id, GenerateCall(query="What?", passages=[]))

    assert (refused.value.refusal.code, refused.value.refusal.retryable) == ("internal_error", True)
