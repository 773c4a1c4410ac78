"""The content of a file: its text, and where its pages and chapters begin."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_service.knowledge.extraction.errors import too_much_text

MAX_TEXT_CHARACTERS = 12 * 1024 * 1024
"""Code points of a document's text; more than a file has bytes, because table entries repeat the column names."""


SEPARATOR = "\n\n"


@dataclass(frozen=True)
class Content:
    """The text of a file, plain or Markdown depending on its media type.

    `pages` are the offsets of the pages; `chapters` those of an outline that is not part of the text, each with its
    path of headings.
    """

    text: str
    pages: Sequence[int] = ()
    chapters: Sequence[tuple[int, str]] = ()

    def page_at(self, offset: int) -> int | None:
        """The page at `offset`, from 1."""
        return bisect_right(self.pages, offset) or None

    def chapter_at(self, offset: int) -> str:
        """The path of headings at `offset`."""
        before = bisect_right(self.chapters, offset, key=lambda chapter: chapter[0])
        return self.chapters[before - 1][1] if before else ""


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


def join_pages(pages: Sequence[str]) -> Content:
    """The pages as one text.

    Raises:
        FileRefused: the text is too long.
    """
    text = join_paragraphs(pages)
    starts: list[int] = []
    offset = 0
    for page in pages:
        starts.append(offset)
        offset += len(page) + len(SEPARATOR)
    return Content(text, pages=starts)


def sanitize(text: str) -> str:
    """`text` without what a database cannot store: NUL, and lone surrogates."""
    without_nul = text.replace("\x00", "�")
    if without_nul.isascii():
        return without_nul
    return without_nul.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
