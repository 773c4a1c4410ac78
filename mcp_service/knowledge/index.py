"""The interface of search indexes, which are derived from the records and catch up with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from dynavera.records.change_log import CurrentDocument, Scope


@dataclass(frozen=True)
class Hit:
    """A passage found by an index: its id in hexadecimal, the index's own score, and how exactly it matches.

    `exact` is the share of the query's codes and quoted phrases that the passage has, from 0 to 1.

    A search has hundreds of hits and uses few, and UUIDs are slower to create and compare than strings.
    """

    key: str
    score: float
    exact: float = 0.0

    @property
    def passage_id(self) -> UUID:
        """The passage's id."""
        return UUID(self.key)


class Follower(Protocol):
    """Follows the records. Its methods block, so they run in threads; only one thread writes at a time."""

    def revision(self) -> int:
        """The revision of the records that it has reached."""
        ...

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Store the current state of `documents`, and set the revision; idempotent."""
        ...

    def clear(self) -> None:
        """Remove everything, and set the revision to 0."""
        ...


class Index(Follower, Protocol):
    """A search index over the records."""

    def search(self, scope: Scope, query: str, limit: int) -> list[Hit]:
        """The passages of `scope` that match `query`, best first."""
        ...

    def scores(self, scope: Scope, query: str, keys: Sequence[str]) -> dict[str, float]:
        """The scores of these passages for `query`, by key; those that the index does not have are missing."""
        ...

    def close(self) -> None:
        """Close its files."""
        ...


def indexed_text(heading: str, text: str) -> str:
    """The text of a passage to index: often only its heading names the subject."""
    return f"{heading}\n{text}" if heading else text
