"""The content of a file: its text, and where its pages and chapters begin."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mcp_service.knowledge.extraction.errors import FileRefused, too_much_text
from mcp_service.knowledge.splitting import Heading

MAX_TEXT_CHARACTERS = 12 * 1024 * 1024
"""Code points of a document's text; more than a file has bytes, because table entries repeat the column names."""

MAX_HEADINGS = 50_000
"""Headings of a document, as many as passages."""

SEPARATOR = "\n\n"

_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens and blanks without width, which divide words for programs only."""


@dataclass(frozen=True)
class Metadata:
    """What a file says about itself."""

    title: str | None = None
    date: str | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Content:
    """The text of a file, plain or Markdown depending on its media type.

    `headings` are those in the text; `pages` the offsets of the pages; `chapters` those of an outline that is not part
    of the text, each with its path of headings. `notice` says what was not read.
    """

    text: str
    headings: Sequence[Heading] = ()
    pages: Sequence[int] = ()
    chapters: Sequence[tuple[int, str]] = ()
    metadata: Metadata = Metadata()
    notice: str | None = None

    def page_at(self, offset: int) -> int | None:
        """The page at `offset`, from 1."""
        return bisect_right(self.pages, offset) or None

    def chapter_at(self, offset: int) -> str:
        """The path of headings at `offset`."""
        before = bisect_right(self.chapters, offset, key=lambda chapter: chapter[0])
        return self.chapters[before - 1][1] if before else ""


class TextWriter:
    """Collects a text and its headings, which are placed by offsets."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._headings: list[Heading] = []
        self._size = 0

    @property
    def size(self) -> int:
        """Code points of the text so far."""
        return self._size

    def write(self, text: str) -> None:
        """Append `text`.

        Raises:
            FileRefused: the text is too long.
        """
        self._parts.append(text)
        self._size += len(text)
        if self._size > MAX_TEXT_CHARACTERS:
            raise too_much_text(MAX_TEXT_CHARACTERS)

    def write_heading(self, level: int, title: str, lines: str) -> None:
        """Append the lines of a heading.

        Raises:
            FileRefused: there are too many headings, or the text is too long.
        """
        if len(self._headings) == MAX_HEADINGS:
            raise FileRefused("too_many_passages", f"It has more than {MAX_HEADINGS:,} headings. Split it.")
        start = self._size
        self.write(lines)
        self._headings.append(Heading(level, title, start, self._size))

    def write_content(self, content: Content) -> None:
        """Append a text with its headings."""
        before = self._size
        self.write(content.text)
        self._headings += [replace(each, start=each.start + before, end=each.end + before) for each in content.headings]

    def content(self) -> Content:
        """All that was written."""
        return Content("".join(self._parts), self._headings)


def join_paragraphs(parts: Iterable[str]) -> str:
    """The parts as paragraphs of one text.

    Raises:
        FileRefused: the text is too long.
    """
    joined: list[str] = []
    size = 0
    for part in parts:
        size += len(part) + len(SEPARATOR)
        if size > MAX_TEXT_CHARACTERS:
            raise too_much_text(MAX_TEXT_CHARACTERS)
        joined.append(part)
    return SEPARATOR.join(joined)


def join_pages(pages: Iterable[Content]) -> Content:
    """The pages as one text, with their headings.

    Raises:
        FileRefused: the text is too long.
    """
    writer = TextWriter()
    starts: list[int] = []
    for page in pages:
        if starts:
            writer.write(SEPARATOR)
        starts.append(writer.size)
        writer.write_content(page)
    return replace(writer.content(), pages=starts)


def compose(text: str) -> str:
    """`text` with composed letters (NFC), and without soft hyphens and blanks that have no width."""
    return text if text.isascii() else unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def sanitize(text: str) -> str:
    """`text` without what a database cannot store: NUL, and lone surrogates."""
    without_nul = text.replace("\x00", "�")
    if without_nul.isascii():
        return without_nul
    return without_nul.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
