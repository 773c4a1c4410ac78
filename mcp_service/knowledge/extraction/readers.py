"""The reader of each file type; its libraries are imported with the first such file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TypeAlias

from dynavera.contracts import media_types
from dynavera.records.new_documents import DocumentDetails, NewPassage
from mcp_service.knowledge.extraction import office_files
from mcp_service.knowledge.extraction.content import Content, join_paragraphs, sanitize
from mcp_service.knowledge.extraction.encoded_data import strip_encoded_data
from mcp_service.knowledge.extraction.errors import FileRefused, damaged, empty, too_demanding
from mcp_service.knowledge.extraction.json_files import json_lines_paragraphs, json_paragraphs
from mcp_service.knowledge.extraction.markdown_files import read_markdown
from mcp_service.knowledge.extraction.tables import csv_paragraphs, is_tab_separated
from mcp_service.knowledge.extraction.text_files import declared_encoding, decode_text, is_utf16
from mcp_service.knowledge.splitting import split_passages

MAX_PASSAGES = 50_000
"""Passages of one document; a file of 10 MiB has some 12,000."""

OnProgress: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class FileType:
    """A file type: its name for people, its reader, the slow imports of the reader, and a check before them."""

    name: str
    read: Callable[[bytes, OnProgress], Content]
    imports: tuple[str, ...] = ()
    check: Callable[[bytes], None] = lambda _data: None


def prepare(media_type: str, data: bytes) -> None:
    """Import what the file's reader needs.

    Raises:
        FileRefused: the file cannot be read here.
    """
    file_type = FILE_TYPES[media_type]
    file_type.check(data)
    for module in file_type.imports:
        import_module(module)


def read(media_type: str, data: bytes, on_progress: OnProgress) -> tuple[str, list[NewPassage], DocumentDetails]:
    """The text of a file, its passages and its details; `on_progress` is called after each part.

    Raises:
        FileRefused: the file cannot become a document.
    """
    content = _content(FILE_TYPES[media_type], data, on_progress)
    if not content.text.strip():
        raise empty()
    on_progress()
    passages = split_passages(content.text, content.headings)
    if len(passages) > MAX_PASSAGES:
        raise FileRefused(
            "too_many_passages", f"It has more than {MAX_PASSAGES:,} passages. Split it into smaller files."
        )
    metadata = content.metadata
    details = DocumentDetails(metadata.title, metadata.date, metadata.tags, content.notice)
    return content.text, [_locate(passage, content) for passage in passages], details


def _content(file_type: FileType, data: bytes, on_progress: OnProgress) -> Content:
    try:
        content = file_type.read(data, on_progress)
    except FileRefused:
        raise
    except MemoryError as error:
        raise too_demanding() from error
    except Exception as error:
        # A library can raise anything for a malformed file.
        raise damaged(file_type.name) from error
    return replace(content, text=sanitize(content.text))


def _locate(passage: NewPassage, content: Content) -> NewPassage:
    heading = passage.heading or content.chapter_at(passage.start)
    return replace(passage, heading=heading, page=content.page_at(passage.start))


def _web_page(data: bytes, _on_progress: OnProgress) -> Content:
    from mcp_service.knowledge.extraction.web_pages import read_web_page

    return read_web_page(decode_text(data, declared_encoding(data)))


def _pdf(data: bytes, on_progress: OnProgress) -> Content:
    from mcp_service.knowledge.extraction.pdf_files import read_pdf

    return read_pdf(data, on_progress)


def _plain(data: bytes, _on_progress: OnProgress) -> Content:
    text = decode_text(data)
    if is_utf16(data) and is_tab_separated(text):
        # Excel saves a sheet as "Unicode text" like this.
        return Content(join_paragraphs(csv_paragraphs(text, "\t")))
    return Content(strip_encoded_data(text))


def _markdown(data: bytes, on_progress: OnProgress) -> Content:
    return read_markdown(decode_text(data), on_progress)


def _csv(data: bytes, _on_progress: OnProgress) -> Content:
    return Content(join_paragraphs(csv_paragraphs(decode_text(data))))


def _tsv(data: bytes, _on_progress: OnProgress) -> Content:
    return Content(join_paragraphs(csv_paragraphs(decode_text(data), "\t")))


def _json(data: bytes, _on_progress: OnProgress) -> Content:
    return Content(join_paragraphs(json_paragraphs(decode_text(data))))


def _json_lines(data: bytes, _on_progress: OnProgress) -> Content:
    return Content(join_paragraphs(json_lines_paragraphs(decode_text(data))))


FILE_TYPES: Mapping[str, FileType] = {
    media_types.PLAIN: FileType("text", _plain),
    media_types.MARKDOWN: FileType("Markdown", _markdown),
    media_types.HTML: FileType("HTML", _web_page, imports=("mcp_service.knowledge.extraction.web_pages",)),
    media_types.PDF: FileType("PDF", _pdf, imports=("mcp_service.knowledge.extraction.pdf_files",)),
    media_types.CSV: FileType("CSV", _csv),
    media_types.TSV: FileType("CSV", _tsv),
    media_types.JSON: FileType("JSON", _json),
    media_types.JSON_LINES: FileType("JSON Lines", _json_lines),
    media_types.WORD: FileType("Word", office_files.word, imports=("markitdown.converters",), check=office_files.check),
    media_types.POWERPOINT: FileType(
        "PowerPoint", office_files.powerpoint, imports=("markitdown.converters",), check=office_files.check
    ),
    media_types.EXCEL: FileType("Excel", office_files.excel, imports=("pandas", "openpyxl"), check=office_files.check),
    media_types.OLD_EXCEL: FileType(
        "Excel", office_files.excel, imports=("pandas", "xlrd"), check=office_files.check_installed
    ),
}
"""Every supported type."""
