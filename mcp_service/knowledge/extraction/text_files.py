"""Text files."""

import codecs
import re

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


_DECLARATION = re.compile(rb"""<(?:meta|\?xml)\b[^>]*?\b(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_DECLARED_WITHIN = 4096
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
"""What browsers use for a declared encoding; they take its additional characters for granted."""


def declared_encoding(page: bytes) -> str | None:
    """The encoding that a web page declares, if it is known and is no form of Unicode."""
    found = _DECLARATION.search(page[:_DECLARED_WITHIN])
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1].decode()).name
        name.encode().decode(name)
    except (LookupError, UnicodeError):
        return None
    return None if name.startswith("utf") else _SUPERSETS.get(name, name)


def decode_text(data: bytes, declared: str | None = None) -> str:
    """The text of a UTF-8 file, one with a byte order mark, or else one in the `declared` encoding.

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
        if declared is not None and encoding == "utf-8":
            return _normalized(data.decode(declared, "replace"))
        raise FileRefused("not_text", f"It is not {name} (byte {error.start} is invalid). Save it as UTF-8.") from error
    return _normalized(text)


def _normalized(text: str) -> str:
    return compose(text.replace("\r\n", "\n").replace("\r", "\n"))


def _encoding(data: bytes) -> tuple[str, str]:
    """The encoding and its name for people."""
    return next((named for mark, named in _MARKS.items() if data.startswith(mark)), ("utf-8", "UTF-8"))
