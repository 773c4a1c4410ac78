"""PDF: the text of the pages, and the outline as chapters."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from pypdf import PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError
from pypdf.generic import Destination

from mcp_service.knowledge.extraction.content import Content, join_pages, sanitize
from mcp_service.knowledge.extraction.errors import FileRefused, too_demanding
from mcp_service.knowledge.splitting import HEADING_SEPARATOR, MAX_HEADING_LENGTH

MAX_CHAPTERS = 2000

OUTLINE_ERRORS = (PyPdfError, AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError)
"""Errors of a broken outline, which a document can do without."""


def read_pdf(data: bytes, on_progress: Callable[[], None]) -> Content:
    """The text of a PDF; `on_progress` is called after each page.

    Raises:
        FileRefused: it is encrypted, has no text, or is too large when decompressed.
    """
    reader = PdfReader(io.BytesIO(data))
    _open(reader)
    texts: list[str] = []
    try:
        for page in reader.pages:
            texts.append(sanitize(page.extract_text()).strip())
            on_progress()
    except LimitReachedError as error:
        raise too_demanding() from error
    if not any(texts):
        raise FileRefused("no_text", "It has no text: its pages are images. Run text recognition (OCR) on it first.")
    content = join_pages(texts)
    return replace(content, chapters=_chapters(reader, texts, content.pages))


def _open(reader: PdfReader) -> None:
    try:
        # Many files are encrypted with an empty password, only to restrict printing or copying.
        opened = not reader.is_encrypted or reader.decrypt("")
    except DependencyError:
        opened = False
    if not opened:
        raise FileRefused("encrypted", "It has a password. Save it without one.")


def _chapters(reader: PdfReader, texts: Sequence[str], starts: Sequence[int]) -> list[tuple[int, str]]:
    chapters: list[tuple[int, str]] = []
    try:
        for path, number in _outline(reader, reader.outline, ()):
            # A chapter begins at its title on the page, or else at the top of the page.
            on_page = max(texts[number].find(path[-1]), 0)
            chapters.append((starts[number] + on_page, HEADING_SEPARATOR.join(path)[:MAX_HEADING_LENGTH]))
            if len(chapters) == MAX_CHAPTERS:
                break
    except OUTLINE_ERRORS:
        return []
    return sorted(chapters, key=lambda chapter: chapter[0])


def _outline(reader: PdfReader, items: Sequence[Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """The path and the page number of each entry; the children of an entry follow it as a list."""
    path = above
    for item in items:
        if isinstance(item, list):
            yield from _outline(reader, cast("list[Any]", item), path)
        elif isinstance(item, Destination):
            path = (*above, " ".join(sanitize(str(item.title)).split()))
            number = reader.get_destination_page_number(item)
            if number is not None:
                yield path, number
