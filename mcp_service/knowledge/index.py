"""What a search index is: derived from the records, behind them at times, and able to catch up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from dynavera.records.documents import IndexedPassage


@dataclass(frozen=True)
class Scope:
    """Whose documents, and which of them: each scope is searched alone, and ranked alone."""

    user_id: UUID
    collection: str


@dataclass(frozen=True)
class CurrentDocument:
    """A document that has changed, with the passages that it has now; none when it is deleted."""

    scope: Scope
    document_id: UUID
    passages: Sequence[IndexedPassage]


class Index(Protocol):
    """A search index. Its calls block, so they are made from threads; only one thread writes at a time."""

    def revision(self) -> int:
        """The last change that it holds."""
        ...

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Hold what `documents` are now, and be at `revision`; doing it twice is doing it once."""
        ...

    def clear(self) -> None:
        """Hold nothing, and be at revision 0."""
        ...

    def search(self, scope: Scope, query: str, limit: int) -> list[UUID]:
        """The passages of `scope` that fit `query`, the best first."""
        ...

    def close(self) -> None:
        """Let go of its files."""
        ...
