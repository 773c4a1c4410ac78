"""PDF: the text of the pages with what was typed into forms, and the outline as chapters."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from mcp_service.knowledge.extraction.content import Content, compose, join_pages, sanitize
from mcp_service.knowledge.extraction.errors import FileRefused, damaged
from mcp_service.knowledge.extraction.line_breaks import join_divided_words
from mcp_service.knowledge.extraction.pdf_annotations import typed_lines
from mcp_service.knowledge.extraction.pdf_columns import read_columns
from mcp_service.knowledge.splitting import HEADING_SEPARATOR, MAX_HEADING_LENGTH

MAX_CHAPTERS = 2000

STAMP_CHARACTERS = 80
"""A page that is one picture has no more text of its own: a page number, or the name of the scanner."""

PICTURE_SHARE = 0.5
"""What part of a page a picture covers if the page is one."""

MIN_PATHS = 50
"""Shapes on a page without text, if its letters are drawn."""

UNMAPPED_SHARE = 0.3
"""What part of a page's characters has no meaning if its text is of no use."""

_TRAILER = b"trailer"
_CATALOGUE = re.compile(rb"(\d+)\s+(\d+)\s+obj\s*<<[^<>]{0,200}/Type\s*/Catalog\b")
_PASSWORD_ERRORS = frozenset({raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY})
_NO_MEANING = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffd\ue000-\uf8ff]")
_REST_OF_WORD = re.compile(r"[^\W\d_]+")
_LINE_END = re.compile(r"[ \t]*\r?\n")

_pdfium: Any = pdfium
_raw: Any = raw


@dataclass(frozen=True)
class _Page:
    text: str
    is_picture: bool = False
    is_unmapped: bool = False
    is_damaged: bool = False


def read_pdf(data: bytes, on_progress: Callable[[], None]) -> Content:
    """The text of a PDF; `on_progress` is called after each page.

    Raises:
        FileRefused: it is damaged or encrypted, or has no text.
    """
    with closing(_opened(data)) as document:
        if document.get_formtype() != raw.FORMTYPE_NONE:
            document.init_forms()
        pages: list[_Page] = []
        for number in range(len(document)):
            pages.append(_page(document, number))
            on_progress()
        pages = list(_with_joined_words(pages))
        if not any(page.text for page in pages):
            raise _no_text(pages)
        content = join_pages(Content(page.text) for page in pages)
        chapters = _chapters(document, [page.text for page in pages], content.pages)
        return replace(content, chapters=chapters, notice=_notice(pages))


def _opened(data: bytes) -> Any:
    try:
        document = _pdfium.PdfDocument(data)
    except _pdfium.PdfiumError as error:
        if error.err_code in _PASSWORD_ERRORS:
            raise FileRefused("encrypted", "It has a password. Save it without one.") from error
        if (catalogue := _CATALOGUE.search(data)) is None or _TRAILER in data:
            raise damaged("PDF") from error
        return _opened(data + b"\n%s << /Root %s %s R >>\n%%%%EOF" % (_TRAILER, catalogue[1], catalogue[2]))
    if len(document) == 0:
        document.close()
        raise damaged("PDF")
    return document


def _page(document: Any, number: int) -> _Page:
    try:
        page = document[number]
    except _pdfium.PdfiumError:
        return _Page("", is_damaged=True)
    with closing(page):
        with closing(page.get_textpage()) as text_page:
            written = read_columns(text_page) or text_page.get_text_range(errors="surrogatepass")
        text = _LINE_END.sub("\n", written)
        is_unmapped = len(_NO_MEANING.findall(text)) > UNMAPPED_SHARE * len(text)
        shown = "" if is_unmapped else compose(join_divided_words(sanitize(text))).strip()
        typed = sanitize("\n".join(typed_lines(document, page))).strip()
        is_picture = len(shown) <= STAMP_CHARACTERS and not is_unmapped and _is_picture(page, has_text=bool(shown))
    return _Page("\n\n".join(filter(None, [shown, typed])), is_picture, is_unmapped)


def _with_joined_words(pages: Sequence[_Page]) -> Iterator[_Page]:
    """The pages; a word that is divided between two of them is whole on the first."""
    taken = 0
    for page, following in zip(pages, [*pages[1:], _Page("")], strict=True):
        text = page.text[taken:].lstrip()
        rest = _REST_OF_WORD.match(following.text)
        taken = 0
        if rest and rest[0].islower() and text.endswith(("-", "‐")) and text[-2:-1].isalpha():
            beginning = text.rsplit(maxsplit=1)[-1]
            whole = join_divided_words(f"{beginning}\n{rest[0]}")
            text = text.removesuffix(beginning) + whole
            taken = len(rest[0])
        yield replace(page, text=text)


def _is_picture(page: Any, *, has_text: bool) -> bool:
    objects = list(page.get_objects())
    images = [each for each in objects if each.type == raw.FPDF_PAGEOBJ_IMAGE]
    if any(_is_recognized(each) for each in objects):
        return False
    if not has_text:
        return bool(images) or len(objects) >= MIN_PATHS
    width, height = page.get_size()
    return any(_area(image) >= PICTURE_SHARE * width * height for image in images)


def _is_recognized(text: Any) -> bool:
    """Whether it is invisible text, which text recognition puts over a picture."""
    is_text = text.type == raw.FPDF_PAGEOBJ_TEXT
    return is_text and _raw.FPDFTextObj_GetTextRenderMode(text.raw) == raw.FPDF_TEXTRENDERMODE_INVISIBLE


def _area(image: Any) -> float:
    left, bottom, right, top = image.get_bounds()
    return abs(right - left) * abs(top - bottom)


def _no_text(pages: Sequence[_Page]) -> FileRefused:
    if all(page.is_damaged for page in pages):
        return damaged("PDF")
    if any(page.is_unmapped for page in pages):
        return FileRefused(
            "no_text", "Its fonts do not say which letters they show. Run text recognition (OCR) on it first."
        )
    return FileRefused("no_text", "It has no text: its pages are images. Run text recognition (OCR) on it first.")


def _notice(pages: Sequence[_Page]) -> str | None:
    pictures = sum(page.is_picture for page in pages)
    unmapped = sum(page.is_unmapped for page in pages)
    lost = sum(page.is_damaged for page in pages)
    parts: list[str] = []
    if pictures:
        parts.append(f"{_counted(pictures, len(pages), 'is a picture', 'are pictures')}: not read.")
    if unmapped:
        parts.append(f"{_counted(unmapped, len(pages), 'has', 'have')} fonts without letters: not read.")
    if lost:
        parts.append(f"{_counted(lost, len(pages), 'is damaged', 'are damaged')}: not read.")
    return " ".join(parts) or None


def _counted(number: int, total: int, singular: str, plural: str) -> str:
    return f"{number} of {total} pages {singular if number == 1 else plural}"


def _chapters(document: Any, texts: Sequence[str], starts: Sequence[int]) -> list[tuple[int, str]]:
    chapters: list[tuple[int, str]] = []
    for path, number in _outline(document):
        # A chapter begins at its title on the page, or else at the top of the page.
        on_page = max(texts[number].find(path[-1]), 0)
        title = HEADING_SEPARATOR.join(filter(None, path))[:MAX_HEADING_LENGTH]
        chapters.append((starts[number] + on_page, title))
        if len(chapters) == MAX_CHAPTERS:
            break
    return sorted(chapters, key=lambda chapter: chapter[0])


def _outline(document: Any) -> Iterator[tuple[list[str], int]]:
    """The path and the page number of each entry."""
    path: list[str] = []
    for bookmark in document.get_toc():
        path = [*path[: bookmark.level], " ".join(sanitize(bookmark.get_title()).split())]
        target = bookmark.get_dest()
        number = target.get_index() if target is not None else None
        if number is not None and 0 <= number < len(document):
            yield path, number
