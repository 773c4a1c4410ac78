"""Documents, their passages, and what a search finds in them."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from dynavera.contracts.agents import TopK
from dynavera.contracts.contract import Collection, Contract, Request, Text, UtcTime


def _asks_something(query: str) -> str:
    if not query.strip():
        raise ValueError("must not be blank: it is the question")
    return query


Query = Annotated[Text, Field(max_length=16_384), AfterValidator(_asks_something)]
"""A question: not blank, at most 16,384 characters."""


class Document(Contract):
    """A file in the knowledge base; `sha256` is of the file, `passages` their number."""

    id: UUID
    name: str
    collection: str
    media_type: str
    bytes: int
    sha256: str
    passages: int
    created_at: UtcTime


class Refusal(Contract):
    """A file that was not taken, and why."""

    name: str
    code: str
    detail: str


class Ingestion(Contract):
    """What became of the files that were sent."""

    items: list[Document]
    refused: list[Refusal]


class Passage(Contract):
    """A piece of a document; `start` and `end` count code points in the document's text."""

    passage_id: UUID
    document_id: UUID
    position: int
    heading: str
    start: int
    end: int
    text: str
    sha256: str


class RetrievedPassage(Contract):
    """A passage that fits a query; a higher `score` fits better. `sha256` is of `text` in UTF-8."""

    document_id: UUID
    document: str
    passage_id: UUID
    text: str
    score: float
    sha256: str


class FoundPassage(RetrievedPassage):
    """A retrieved passage with its place in the document and its rank in each of the two indexes."""

    heading: str
    start: int
    end: int
    vector_rank: int | None
    bm25_rank: int | None


class Search(Request):
    """What to look for, and where."""

    query: Query
    collection: Collection = "default"
    top_k: TopK = 4


class Found(Contract):
    """The passages that a search found, the best first."""

    passages: list[FoundPassage]


class Source(RetrievedPassage):
    """A passage that an answer was given; `n` is its number in the answer's citations."""

    n: int
