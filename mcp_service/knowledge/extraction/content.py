"""What a file says: its text, and where in it pages and chapters begin."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_service.knowledge.extraction.refusing import too_much_text

LARGEST_TEXT = 12 * 1024 * 1024
"""Code points of a document's text at most; a table can grow a little, for each entry repeats the names."""


SEPARATOR = "\n\n"


@dataclass(frozen=True)
class Content:
    """The text of a file, plain or Markdown as its media type says.

    `pages` are the places where the pages begin, the first one's included; `chapters` those of an outline, which are
    not in the text, each with its path of headings.
    """

    text: str
    pages: Sequence[int] = ()
    chapters: Sequence[tuple[int, str]] = ()

    def page_at(self, place: int) -> int | None:
        """The page that `place` is on, from 1 on."""
        return bisect_right(self.pages, place) or None

    def chapter_at(self, place: int) -> str:
        """The path of headings that `place` is under."""
        before = bisect_right(self.chapters, place, key=lambda chapter: chapter[0])
        return self.chapters[before - 1][1] if before else ""


def joined(parts: Iterable[str]) -> str:
    """The parts as paragraphs of one text.

    Raises:
        FileRefused: there is too much of it.
    """
    kept: list[str] = []
    size = 0
    for part in parts:
        size += len(part) + len(SEPARATOR)
        if size > LARGEST_TEXT:
            raise too_much_text(LARGEST_TEXT)
        kept.append(part)
    return SEPARATOR.join(kept)


def paged(pages: Sequence[str]) -> Content:
    """The pages as one text.

    Raises:
        FileRefused: there is too much of it.
    """
    text = joined(pages)
    starts: list[int] = []
    place = 0
    for page in pages:
        starts.append(place)
        place += len(page) + len(SEPARATOR)
    return Content(text, pages=starts)


def storable(text: str) -> str:
    """`text` without what no store can keep: NUL, and halves of surrogate pairs."""
    whole = text.replace("\x00", "�")
    if whole.isascii():
        return whole
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
