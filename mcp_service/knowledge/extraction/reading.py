"""Each kind of file by its reader; what a reader needs is imported when the first such file comes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TypeAlias

from dynavera.contracts import media_types
from dynavera.contracts.media_types import MARKDOWN, type_of_text
from dynavera.records.new_documents import NewPassage
from mcp_service.knowledge.extraction import office_files
from mcp_service.knowledge.extraction.content import Content, joined, storable
from mcp_service.knowledge.extraction.json_files import json_lines_paragraphs, json_paragraphs
from mcp_service.knowledge.extraction.refusing import FileRefused, damaged, empty, too_demanding
from mcp_service.knowledge.extraction.tables import table_paragraphs
from mcp_service.knowledge.extraction.text_files import decoded
from mcp_service.knowledge.splitting import passages_of

MOST_PASSAGES = 50_000
"""Passages of one document at most: a file of 10 MiB has some 12,000."""

SaidMore: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Kind:
    """A kind of file: what people call it, how it is read, and what takes seconds to import and is not reading yet."""

    name: str
    content: Callable[[bytes, SaidMore], Content]
    needs: tuple[str, ...] = ()
    check: Callable[[bytes], None] = lambda _data: None


def prepare(media_type: str, data: bytes) -> None:
    """Bring what it takes to read the file.

    Raises:
        FileRefused: it cannot be read here.
    """
    kind = KINDS[media_type]
    kind.check(data)
    for module in kind.needs:
        import_module(module)


def read(media_type: str, data: bytes, said_more: SaidMore) -> tuple[str, list[NewPassage]]:
    """The text of a file and its passages; `said_more` is called whenever a piece of it is done.

    Raises:
        FileRefused: it cannot become a document.
    """
    content = _content(KINDS[media_type], data, said_more)
    if not content.text.strip():
        raise empty()
    said_more()
    passages = passages_of(content.text, headings=type_of_text(media_type) == MARKDOWN)
    if len(passages) > MOST_PASSAGES:
        raise FileRefused(
            "too_many_passages", f"It has more than {MOST_PASSAGES:,} passages. Split it into smaller files."
        )
    return content.text, [_placed(passage, content) for passage in passages]


def _content(kind: Kind, data: bytes, said_more: SaidMore) -> Content:
    try:
        content = kind.content(data, said_more)
    except FileRefused:
        raise
    except MemoryError as error:
        raise too_demanding() from error
    except Exception as error:
        # Whatever a library trips over in a file that it does not understand.
        raise damaged(kind.name) from error
    return replace(content, text=storable(content.text))


def _placed(passage: NewPassage, content: Content) -> NewPassage:
    heading = passage.heading or content.chapter_at(passage.start)
    return replace(passage, heading=heading, page=content.page_at(passage.start))


def _web_page(data: bytes, _said_more: SaidMore) -> Content:
    from mcp_service.knowledge.extraction.web_pages import readable

    return Content(readable(decoded(data)))


def _pdf(data: bytes, said_more: SaidMore) -> Content:
    from mcp_service.knowledge.extraction.pdf_files import pdf_content

    return pdf_content(data, said_more)


def _plain(data: bytes, _said_more: SaidMore) -> Content:
    return Content(decoded(data))


def _markdown(data: bytes, _said_more: SaidMore) -> Content:
    return Content(decoded(data))


def _csv(data: bytes, _said_more: SaidMore) -> Content:
    return Content(joined(table_paragraphs(decoded(data))))


def _tsv(data: bytes, _said_more: SaidMore) -> Content:
    return Content(joined(table_paragraphs(decoded(data), "\t")))


def _json(data: bytes, _said_more: SaidMore) -> Content:
    return Content(joined(json_paragraphs(decoded(data))))


def _json_lines(data: bytes, _said_more: SaidMore) -> Content:
    return Content(joined(json_lines_paragraphs(decoded(data))))


KINDS: Mapping[str, Kind] = {
    media_types.PLAIN: Kind("text", _plain),
    media_types.MARKDOWN: Kind("Markdown", _markdown),
    media_types.HTML: Kind("HTML", _web_page, needs=("mcp_service.knowledge.extraction.web_pages",)),
    media_types.PDF: Kind("PDF", _pdf, needs=("mcp_service.knowledge.extraction.pdf_files",)),
    media_types.CSV: Kind("CSV", _csv),
    media_types.TSV: Kind("CSV", _tsv),
    media_types.JSON: Kind("JSON", _json),
    media_types.JSON_LINES: Kind("JSON Lines", _json_lines),
    media_types.WORD: Kind("Word", office_files.word, needs=("markitdown.converters",), check=office_files.check),
    media_types.POWERPOINT: Kind(
        "PowerPoint", office_files.powerpoint, needs=("markitdown.converters",), check=office_files.check
    ),
    media_types.EXCEL: Kind("Excel", office_files.excel, needs=("pandas", "openpyxl"), check=office_files.check),
    media_types.OLD_EXCEL: Kind(
        "Excel", office_files.excel, needs=("pandas", "xlrd"), check=office_files.check_installed
    ),
}
"""Every kind that is read."""
