"""What a search index is: derived from the records, behind them at times, and able to catch up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from dynavera.records.change_log import CurrentDocument, Scope


@dataclass(frozen=True)
class Hit:
    """A passage that an index names, by its id in hexadecimal, and how well it fits by that index's own measure.

    A search has hundreds of them and looks few of them up, and UUIDs take longer to make and to compare than texts.
    """

    key: str
    score: float

    @property
    def passage_id(self) -> UUID:
        """The passage's id."""
        return UUID(self.key)


class Follower(Protocol):
    """What follows the records. Its calls block, so they are made from threads; only one thread writes at a time."""

    def revision(self) -> int:
        """The last change that it holds."""
        ...

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Hold what `documents` are now, and be at `revision`; doing it twice is doing it once."""
        ...

    def clear(self) -> None:
        """Hold nothing, and be at revision 0."""
        ...


class Index(Follower, Protocol):
    """A search index: it follows the records, and finds what it holds."""

    def search(self, scope: Scope, query: str, limit: int) -> list[Hit]:
        """The passages of `scope` that fit `query`, the best first."""
        ...

    def close(self) -> None:
        """Let go of its files."""
        ...


def indexed_text(heading: str, text: str) -> str:
    """What is indexed of a passage: a heading is often the only place that names what the text is about."""
    return f"{heading}\n{text}" if heading else text
