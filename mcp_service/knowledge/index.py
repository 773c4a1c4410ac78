"""What a search index is: derived from the records, behind them at times, and able to catch up."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from dynavera.records.change_log import CurrentDocument, Scope


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
