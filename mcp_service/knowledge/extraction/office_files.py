"""Word, PowerPoint and Excel, with the extra `office`."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mcp_service.knowledge.extraction.content import SEPARATOR, Content, TextWriter, compose, join_pages, sanitize
from mcp_service.knowledge.extraction.entries import one_line, row_paragraphs
from mcp_service.knowledge.extraction.errors import FileRefused, damaged, too_demanding
from mcp_service.knowledge.extraction.markdown_files import read_markdown

MAX_INFLATED_BYTES = 256 * 1024 * 1024
"""Uncompressed bytes of the file, which is a ZIP archive."""

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""The signature of files in the old formats, and of encrypted files in the new ones."""

_IMAGE = re.compile(r"!\[([^\]\n]{0,1000})\]\([^)\n]{0,10000}\)")
_SLIDE = re.compile(r"<!-- Slide number: \d+ -->")


def check_installed(_data: bytes) -> None:
    """Check that office files can be read.

    Raises:
        FileRefused: the extra is not installed.
    """
    if find_spec("markitdown") is None:
        raise FileRefused(
            "extra_missing",
            "Word, PowerPoint and Excel files need the extra 'office', which is not installed: run "
            "`make setup EXTRAS=office` where the MCP service runs, and restart it.",
        )


def check(data: bytes) -> None:
    """Check that the file can be opened, before anything slow is imported.

    Raises:
        FileRefused: the extra is not installed, or the file is encrypted, damaged or a bomb.
    """
    check_installed(data)
    if data.startswith(_OLE):
        raise FileRefused(
            "encrypted",
            "It has a password, or is in an old format. Save it as .docx, .pptx or .xlsx without a password.",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inflated = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise damaged("an office file") from error
    if inflated > MAX_INFLATED_BYTES:
        raise too_demanding()


def word(data: bytes, on_progress: Callable[[], None]) -> Content:
    """A document as Markdown; each row of a table is an entry."""
    return read_markdown(_markdown("DocxConverter", ".docx", data), on_progress)


def powerpoint(data: bytes, on_progress: Callable[[], None]) -> Content:
    """A presentation as Markdown; each slide is a page."""
    slides = _SLIDE.split(_markdown("PptxConverter", ".pptx", data))[1:]
    return join_pages(read_markdown(slide.strip(), on_progress) for slide in slides)


def excel(data: bytes, _on_progress: Callable[[], None]) -> Content:
    """A workbook: a heading for each sheet, an entry for each row."""
    writer = TextWriter()
    for name, rows in _sheets(data):
        if writer.size:
            writer.write(SEPARATOR)
        writer.write_heading(2, name, f"## {name}")
        for row in rows:
            writer.write(SEPARATOR + row)
    return writer.content()


def _markdown(converter: str, extension: str, data: bytes) -> str:
    # The converters directly: the library's main class loads a model that guesses file types.
    library: Any = import_module("markitdown")
    converters: Any = import_module("markitdown.converters")
    result = getattr(converters, converter)().convert(io.BytesIO(data), library.StreamInfo(extension=extension))
    return _IMAGE.sub(r"\1", compose(sanitize(result.markdown)))


def _sheets(data: bytes) -> Iterator[tuple[str, list[str]]]:
    """The name and the entries of each sheet that is not empty."""
    pandas: Any = import_module("pandas")
    sheets = pandas.read_excel(io.BytesIO(data), sheet_name=None, header=None, dtype=str, na_filter=False)
    for name, sheet in sheets.items():
        rows = [compose(sanitize(row)) for row in row_paragraphs(sheet.values.tolist())]
        if rows:
            yield one_line(sanitize(name)), rows
