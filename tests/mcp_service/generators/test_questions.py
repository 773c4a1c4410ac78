"""How often quotations answer: questions about the shipped knowledge base, through the real service."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from pydantic import BaseModel, ConfigDict

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.extractive import Extractive
from mcp_service.generators.generator import GeneratorInput, TextDelta
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from tests.mcp_service.running import Running

HERE = Path(__file__).parent
ARTICLES = Path(__file__).parents[3] / "knowledge"
REFUSAL = "not found in the documents"
PASSAGES, MAX_TOKENS = 4, 200
"""What an agent asks for by default."""


class Question(BaseModel):
    """A question, and the sentences of which each answers it."""

    model_config = ConfigDict(extra="forbid")

    question: str
    sentences: list[str] = []


class Questions(BaseModel):
    """What the documents answer, and what they do not."""

    model_config = ConfigDict(extra="forbid")

    answerable: list[Question]
    unanswerable: list[str]


@dataclass(frozen=True)
class Shares:
    """Of the answers: how many have an expected sentence, begin with one, and are rightly refused."""

    found: float
    first: float
    refused: float


def questions(name: str) -> Questions:
    return Questions.model_validate(yaml.safe_load((HERE / f"{name}.yaml").read_text()))


async def ingest_articles(client: httpx.AsyncClient) -> None:
    files = [("file", (file.name, file.read_bytes())) for file in sorted(ARTICLES.glob("*.md"))]
    response = await client.post("/documents", files=files)
    assert response.status_code == httpx.codes.CREATED, response.text


async def answers(service: Running, asked: Sequence[str]) -> list[str]:
    """The answer to each question, from the passages that the service finds."""
    extractive = Extractive(WordLlamaEmbedder())
    written: list[str] = []
    async with service.client() as client:
        await ingest_articles(client)
        for question in asked:
            found = await client.post("/search", json={"query": question, "collection": "default", "top_k": PASSAGES})
            passages = [GivenPassage(text=it["text"], document=it["document"]) for it in found.json()["passages"]]
            told = extractive.stream(GeneratorInput(question, passages, "", MAX_TOKENS, 0.2))
            written.append("".join([item.text async for item in told if isinstance(item, TextDelta)]))
    return written


async def shares(service: Running, name: str) -> Shares:
    asked = questions(name)
    known = asked.answerable
    written = await answers(service, [item.question for item in known] + asked.unanswerable)
    pairs = list(zip(known, written[: len(known)], strict=True))
    return Shares(
        found=sum(any(told in answer for told in item.sentences) for item, answer in pairs) / len(known),
        first=sum(answer.startswith(tuple(item.sentences)) for item, answer in pairs) / len(known),
        refused=sum(REFUSAL in answer for answer in written[len(known) :]) / len(asked.unanswerable),
    )


async def test_most_questions_are_answered_by_the_sentence_that_answers_them(service: Running) -> None:
    got = await shares(service, "questions")

    assert got.found >= 0.9
    assert got.first >= 0.75
    assert got.refused >= 0.9


async def test_questions_that_no_choice_was_made_by_are_answered_nearly_as_well(service: Running) -> None:
    got = await shares(service, "held_out")

    assert got.found >= 0.8
    assert got.first >= 0.65
    assert got.refused >= 0.85


@pytest.mark.parametrize(("name", "known", "unknown"), [("questions", 40, 12), ("held_out", 20, 8)])
def test_each_expected_sentence_is_in_the_documents(name: str, known: int, unknown: int) -> None:
    articles = " ".join(" ".join(file.read_text().split()) for file in ARTICLES.glob("*.md"))

    asked = questions(name)

    assert len(asked.answerable) >= known
    assert len(asked.unanswerable) >= unknown
    assert all(item.sentences for item in asked.answerable)
    assert [told for item in asked.answerable for told in item.sentences if told not in articles] == []
