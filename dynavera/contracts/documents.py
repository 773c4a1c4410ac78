"""Documents, their passages, and what a search finds in them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from dynavera.contracts.agents import TopK
from dynavera.contracts.contract import NOT_BLANK, Collection, Contract, Request, SchemaExtra, Text, UtcTime


def _asks_something(query: str) -> str:
    if not query.strip():
        raise ValueError("must not be blank: it is the question")
    return query


Query = Annotated[
    Text,
    Field(max_length=65_536),
    AfterValidator(_asks_something),
    SchemaExtra({"minLength": 1, "pattern": NOT_BLANK}),
]
"""A question: not blank, at most 65,536 characters."""


class Document(Contract):
    """A file in the knowledge base; `sha256` is of the file, `passages` their number."""

    id: UUID = Field(description="The document's id; a newer file of the same name keeps it.")
    name: str = Field(description="The file's name.")
    collection: str = Field(description="The collection it is in.")
    media_type: str = Field(description="What kind of file it was read as, e.g. `text/markdown`.")
    bytes: int = Field(description="The size of the file.")
    sha256: str = Field(description="SHA-256 of the file, in hexadecimal.")
    passages: int = Field(description="How many passages it was cut into.")
    created_at: UtcTime = Field(description="When this version of it was taken in.")


class Refusal(Contract):
    """A file that was not taken, and why."""

    name: str = Field(description="The file's name.")
    code: str = Field(description="Why it was not taken, for programs.")
    detail: str = Field(description="Why it was not taken, in words.")


class Ingestion(Contract):
    """What became of the files that were sent."""

    items: list[Document] = Field(description="The documents that can be retrieved now.")
    refused: list[Refusal] = Field(description="The files that were not taken.")
    unchanged: list[UUID] = Field(
        default_factory=list[UUID], description="Those of `items` whose file was there already, and was not read again."
    )


class CollectionSummary(Contract):
    """A collection of the user, and how much is in it."""

    name: str = Field(description="The collection's name.")
    documents: int = Field(description="How many documents it has.")
    passages: int = Field(description="How many passages they have.")


class Collections(Contract):
    """The collections in which the user has documents."""

    items: list[CollectionSummary] = Field(description="The collections, by name.")


class Reindexing(Contract):
    """The search indexes made anew: how far it is now, or was when it ended."""

    state: Literal["never", "running", "done", "failed"] = Field(
        description="`never`: nobody has asked since the service started."
    )
    passages: int = Field(description="How many passages both indexes hold again.")
    total: int = Field(description="How many there were to hold when it began.")


class DocumentText(Contract):
    """What was read from a document: the text that its passages point into."""

    text: str = Field(description="The text, whole.")
    media_type: str = Field(description="What the text is: `text/markdown` or `text/plain`.")


class Passage(Contract):
    """A piece of a document; `start` and `end` count code points in the document's text."""

    passage_id: UUID = Field(description="The passage's id.")
    document_id: UUID = Field(description="The document it is a piece of.")
    position: int = Field(description="Its place among the document's passages, from 0 on.")
    heading: str = Field(description="The headings above it.")
    page: int | None = Field(default=None, description="The page it starts on, from 1 on; null: it has no pages.")
    start: int = Field(description="Where it starts in the document's text, in code points.")
    end: int = Field(description="Where it ends, in code points.")
    text: str = Field(description="The passage itself.")
    sha256: str = Field(description="SHA-256 of `text` in UTF-8, in hexadecimal.")


class RetrievedPassage(Contract):
    """A passage that fits a query; a higher `score` fits better. `sha256` is of `text` in UTF-8."""

    document_id: UUID = Field(description="The document it is a piece of.")
    document: str = Field(description="The document's name.")
    passage_id: UUID = Field(description="The passage's id.")
    text: str = Field(description="The passage itself.")
    score: float = Field(description="How well it fits; higher is better.")
    sha256: str = Field(description="SHA-256 of `text` in UTF-8, in hexadecimal.")


class FoundPassage(RetrievedPassage):
    """A retrieved passage with its place in the document and its rank in each of the two indexes."""

    heading: str = Field(description="The headings above it.")
    page: int | None = Field(default=None, description="The page it starts on, from 1 on; null: it has no pages.")
    start: int = Field(description="Where it starts in the document's text, in code points.")
    end: int = Field(description="Where it ends, in code points.")
    vector_rank: int | None = Field(description="Its rank by meaning, from 1 on; null: not among the best.")
    bm25_rank: int | None = Field(description="Its rank by words, from 1 on; null: not among the best.")

    def retrieved(self) -> RetrievedPassage:
        """The passage without its place and its ranks."""
        return RetrievedPassage(**self.model_dump(include=set(RetrievedPassage.model_fields)))


class Search(Request):
    """What to look for, and where."""

    query: Query = Field(description="What to look for.")
    collection: Collection = Field(default="default", description="Where to look.")
    top_k: TopK = 4


class Found(Contract):
    """The passages that a search found, the best first."""

    passages: list[FoundPassage] = Field(description="The passages that fit, the best first.")


class Source(RetrievedPassage):
    """A passage that an answer was given; `n` is its number in the answer's citations."""

    n: int = Field(description="The number by which the answer cites it, from 1 on.")
