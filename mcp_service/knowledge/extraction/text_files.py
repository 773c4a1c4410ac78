"""Text files."""

import codecs

from mcp_service.knowledge.extraction.content import compose
from mcp_service.knowledge.extraction.errors import FileRefused

_MARKS = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8"),
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF32_BE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
"""Encodings by their byte order marks."""


def is_utf16(data: bytes) -> bool:
    """Whether the file has a byte order mark of UTF-16."""
    return _encoding(data)[0] == "utf-16"


def decode_text(data: bytes) -> str:
    """The text of a UTF-8 file, or one with a byte order mark.

    It has line feeds as line endings, composed characters and no invisible ones.

    Raises:
        FileRefused: it is not text, or has another encoding.
    """
    encoding, name = _encoding(data)
    if encoding == "utf-8" and b"\x00" in data:
        raise FileRefused("not_text", "It is not text: it contains NUL bytes. Save it as text in UTF-8.")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileRefused("not_text", f"It is not {name} (byte {error.start} is invalid). Save it as UTF-8.") from error
    return compose(text.replace("\r\n", "\n").replace("\r", "\n"))


def _encoding(data: bytes) -> tuple[str, str]:
    """The encoding and its name for people."""
    return next((named for mark, named in _MARKS.items() if data.startswith(mark)), ("utf-8", "UTF-8"))
