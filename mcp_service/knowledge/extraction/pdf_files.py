"""PDF: the text of its pages, and the outline as chapters."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from pypdf import PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError
from pypdf.generic import Destination

from mcp_service.knowledge.extraction.content import Content, paged, storable
from mcp_service.knowledge.extraction.refusing import FileRefused, too_demanding
from mcp_service.knowledge.splitting import HEADING_SEPARATOR, LONGEST_HEADING

MOST_CHAPTERS = 2000

OUTLINE_ERRORS = (PyPdfError, AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError)
"""What a broken outline can raise: a document is as good without one."""


def pdf_content(data: bytes, said_more: Callable[[], None]) -> Content:
    """The text of a PDF; `said_more` is called after each page.

    Raises:
        FileRefused: it is encrypted, has no text, or inflates to more than is read.
    """
    reader = PdfReader(io.BytesIO(data))
    _open(reader)
    texts: list[str] = []
    try:
        for page in reader.pages:
            texts.append(storable(page.extract_text()).strip())
            said_more()
    except LimitReachedError as error:
        raise too_demanding() from error
    if not any(texts):
        raise FileRefused(
            "no_text", "There is no text in it: its pages are pictures. Run text recognition (OCR) on it first."
        )
    content = paged(texts)
    return replace(content, chapters=_chapters(reader, texts, content.pages))


def _open(reader: PdfReader) -> None:
    try:
        # Many files are encrypted with an empty password, only to say what may be done with them.
        opened = not reader.is_encrypted or reader.decrypt("")
    except DependencyError:
        opened = False
    if not opened:
        raise FileRefused("encrypted", "It is protected by a password. Save it without one.")


def _chapters(reader: PdfReader, texts: Sequence[str], starts: Sequence[int]) -> list[tuple[int, str]]:
    chapters: list[tuple[int, str]] = []
    try:
        for path, number in _outline(reader, reader.outline, ()):
            # A chapter begins where its title stands on the page, or else with the page.
            on_page = max(texts[number].find(path[-1]), 0)
            chapters.append((starts[number] + on_page, HEADING_SEPARATOR.join(path)[:LONGEST_HEADING]))
            if len(chapters) == MOST_CHAPTERS:
                break
    except OUTLINE_ERRORS:
        return []
    return sorted(chapters, key=lambda chapter: chapter[0])


def _outline(reader: PdfReader, items: Sequence[Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """The path and the page of each entry; what is below an entry follows it as a list."""
    path = above
    for item in items:
        if isinstance(item, list):
            yield from _outline(reader, cast("list[Any]", item), path)
        elif isinstance(item, Destination):
            path = (*above, " ".join(storable(str(item.title)).split()))
            number = reader.get_destination_page_number(item)
            if number is not None:
                yield path, number
