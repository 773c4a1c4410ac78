"""Documents, passages, and search results."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from dynavera.contracts.agents import DEFAULT_TOP_K, TopK
from dynavera.contracts.contract import (
    DEFAULT_COLLECTION,
    NOT_BLANK,
    Collection,
    Contract,
    Request,
    SchemaExtra,
    Text,
    UtcTime,
)


def _check_query(query: str) -> str:
    if not query.strip():
        raise ValueError("must not be blank: it is the question")
    return query


Query = Annotated[
    Text,
    Field(max_length=65_536),
    AfterValidator(_check_query),
    SchemaExtra({"minLength": 1, "pattern": NOT_BLANK}),
]
"""A question: not blank, at most 65,536 characters."""


class Document(Contract):
    """A file in the knowledge base."""

    id: UUID = Field(description="The document's id; a newer file with the same name keeps it.")
    name: str = Field(description="The file's name.")
    collection: str = Field(description="The document's collection.")
    media_type: str = Field(description="The file's media type, e.g. `text/markdown`.")
    bytes: int = Field(description="The size of the file in bytes.")
    sha256: str = Field(description="SHA-256 of the file, in hexadecimal.")
    passages: int = Field(description="The number of passages.")
    created_at: UtcTime = Field(description="When this version was ingested.")
    title: str | None = Field(default=None, description="The title that the file gives itself.")
    date: str | None = Field(default=None, description="The date that the file gives itself, as it is written there.")
    tags: list[str] = Field(default_factory=list[str], description="The tags that the file gives itself.")
    notice: str | None = Field(default=None, description="What was not read, e.g. pages that are pictures.")
    outdated: bool = Field(default=False, description="Read by an earlier version; upload the file again.")


class Refusal(Contract):
    """A refused file and the reason."""

    name: str = Field(description="The file's name.")
    code: str = Field(description="The reason, as a stable code.")
    detail: str = Field(description="The reason, as a sentence.")


class Ingestion(Contract):
    """The result of an upload."""

    items: list[Document] = Field(description="The documents, which can be retrieved now.")
    refused: list[Refusal] = Field(description="The refused files.")
    unchanged: list[UUID] = Field(
        default_factory=list[UUID], description="The ids of those `items` that existed before and have not changed."
    )


class CollectionSummary(Contract):
    """A collection of the user and its size."""

    name: str = Field(description="The collection's name.")
    documents: int = Field(description="The number of documents.")
    passages: int = Field(description="The number of their passages.")


class Collections(Contract):
    """The collections in which the user has documents."""

    items: list[CollectionSummary] = Field(description="The collections, sorted by name.")


class Reindexing(Contract):
    """The progress of rebuilding the search indexes, or its result."""

    state: Literal["never", "running", "done", "failed"] = Field(
        description="`never`: not rebuilt since the service started."
    )
    passages: int = Field(description="The number of passages in both indexes so far.")
    total: int = Field(description="The number of passages when it started.")


class DocumentText(Contract):
    """The text of a document, to which the positions of passages refer."""

    text: str = Field(description="The whole text.")
    media_type: str = Field(description="The text's media type: `text/markdown` or `text/plain`.")


class Passage(Contract):
    """A section of a document; `start` and `end` count code points in the document's text."""

    passage_id: UUID = Field(description="The passage's id.")
    document_id: UUID = Field(description="The id of its document.")
    position: int = Field(description="Its index among the document's passages, starting at 0.")
    heading: str = Field(description="The headings above it.")
    page: int | None = Field(default=None, description="The page where it starts, from 1; null without pages.")
    start: int = Field(description="Its start in the document's text, in code points.")
    end: int = Field(description="Its end, in code points.")
    text: str = Field(description="The passage's text.")
    sha256: str = Field(description="SHA-256 of `text` in UTF-8, in hexadecimal.")


class RetrievedPassage(Contract):
    """A passage that matches a query."""

    document_id: UUID = Field(description="The id of its document.")
    document: str = Field(description="The document's name.")
    passage_id: UUID = Field(description="The passage's id.")
    text: str = Field(description="The passage's text.")
    score: float = Field(description="How well it matches; higher is better.")
    sha256: str = Field(description="SHA-256 of `text` in UTF-8, in hexadecimal.")
    heading: str = Field(default="", description="The headings above it.")
    also_in: list[str] = Field(
        default_factory=list[str], description="The names of other documents with the same text, if they matched too."
    )


class FoundPassage(RetrievedPassage):
    """A retrieved passage with its position in the document and its rank in each of the two indexes."""

    page: int | None = Field(default=None, description="The page where it starts, from 1; null without pages.")
    start: int = Field(description="Its start in the document's text, in code points.")
    end: int = Field(description="Its end, in code points.")
    vector_rank: int | None = Field(description="Its rank in the vector index, from 1; null if not among the best.")
    bm25_rank: int | None = Field(description="Its rank in the BM25 index, from 1; null if not among the best.")

    def retrieved(self) -> RetrievedPassage:
        """The passage without its position and ranks."""
        return RetrievedPassage(**self.model_dump(include=set(RetrievedPassage.model_fields)))


class Search(Request):
    """A search."""

    query: Query = Field(description="The query.")
    collection: Collection = Field(default=DEFAULT_COLLECTION, description="The collection to search.")
    top_k: TopK = DEFAULT_TOP_K


class Found(Contract):
    """The passages that a search found, best first."""

    passages: list[FoundPassage] = Field(description="The matching passages, best first.")


class Source(RetrievedPassage):
    """A passage that the generator was given; `n` is its number in citations."""

    n: int = Field(description="Its number in citations, from 1.")
