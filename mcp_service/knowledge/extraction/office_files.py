"""Word, PowerPoint and Excel, by the extra `office`."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mcp_service.knowledge.extraction.content import Content, joined, paged, storable
from mcp_service.knowledge.extraction.entries import of_table, one_line
from mcp_service.knowledge.extraction.refusing import FileRefused, damaged, too_demanding

LARGEST_INFLATED = 256 * 1024 * 1024
"""Bytes of all that is in the archive that such a file is."""

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""What a file of the old formats begins with, and a new one that is encrypted."""

_IMAGE = re.compile(r"!\[([^\]\n]{0,1000})\]\([^)\n]{0,10000}\)")
_SLIDE = re.compile(r"<!-- Slide number: \d+ -->")


def check_installed(_data: bytes) -> None:
    """See that such files can be read here.

    Raises:
        FileRefused: the extra is not installed.
    """
    if find_spec("markitdown") is None:
        raise FileRefused(
            "extra_missing",
            "Word, PowerPoint and Excel files need the extra 'office', which is not installed: run "
            "`make setup EXTRAS=office` where the MCP service runs, and start it again.",
        )


def check(data: bytes) -> None:
    """See that the file can be opened, before anything that takes time is imported.

    Raises:
        FileRefused: the extra is not installed, or the file is encrypted, damaged or a bomb.
    """
    check_installed(data)
    if data.startswith(_OLE):
        raise FileRefused("encrypted", "It is protected by a password, or of an old format. Save it anew without one.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inflated = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise damaged("an office file") from error
    if inflated > LARGEST_INFLATED:
        raise too_demanding()


def word(data: bytes, _said_more: Callable[[], None]) -> Content:
    """A text, as Markdown."""
    return Content(_markdown("DocxConverter", ".docx", data))


def powerpoint(data: bytes, _said_more: Callable[[], None]) -> Content:
    """A presentation, as Markdown; its slides are the pages."""
    slides = [slide.strip() for slide in _SLIDE.split(_markdown("PptxConverter", ".pptx", data))[1:]]
    return paged(slides)


def excel(data: bytes, _said_more: Callable[[], None]) -> Content:
    """The sheets of a workbook, each under a heading; its rows as entries."""
    return Content(joined(_sheets(data)))


def _markdown(converter: str, ending: str, data: bytes) -> str:
    # The converters by themselves: the library's front door loads a model that guesses what a file is.
    library: Any = import_module("markitdown")
    converters: Any = import_module("markitdown.converters")
    told = getattr(converters, converter)().convert(io.BytesIO(data), library.StreamInfo(extension=ending))
    return _IMAGE.sub(r"\1", storable(told.markdown))


def _sheets(data: bytes) -> Iterator[str]:
    pandas: Any = import_module("pandas")
    sheets = pandas.read_excel(io.BytesIO(data), sheet_name=None, header=None, dtype=str, na_filter=False)
    for name, sheet in sheets.items():
        told = list(of_table(sheet.values.tolist()))
        if told:
            yield f"## {one_line(storable(name))}"
            yield from map(storable, told)
