"""Documents as they are before they are stored: plain values, which no reader of files needs a database for."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NewPassage:
    """A passage of a document that is about to be stored; `page` counts from 1, where the document has pages."""

    heading: str
    start: int
    end: int
    text: str
    sha256: str
    page: int | None = None


@dataclass(frozen=True)
class FileIdentity:
    """What tells a file from another: its name, and its content under the kind that it is read as."""

    name: str
    media_type: str
    sha256: str


@dataclass(frozen=True)
class NewDocument:
    """A document that is about to be stored, with its passages in order."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    text: str
    passages: Sequence[NewPassage]

    @property
    def identity(self) -> FileIdentity:
        """What tells its file from another."""
        return FileIdentity(self.name, self.media_type, self.sha256)
