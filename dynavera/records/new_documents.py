"""Documents before they are stored: plain values, so that readers of files need no database."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NewPassage:
    """A passage of a new document. `page` counts from 1, and is None for documents without pages."""

    heading: str
    start: int
    end: int
    text: str
    sha256: str
    page: int | None = None


@dataclass(frozen=True)
class FileIdentity:
    """The identity of a file: its name, its media type and the hash of its content."""

    name: str
    media_type: str
    sha256: str


@dataclass(frozen=True)
class DocumentDetails:
    """The metadata in a file; `notice` lists what was not read."""

    title: str | None = None
    date: str | None = None
    tags: Sequence[str] = ()
    notice: str | None = None


@dataclass(frozen=True)
class NewDocument:
    """A new document with its passages in order."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    text: str
    passages: Sequence[NewPassage]
    details: DocumentDetails = DocumentDetails()

    @property
    def identity(self) -> FileIdentity:
        """The identity of its file."""
        return FileIdentity(self.name, self.media_type, self.sha256)
