"""Text files."""

import re
import unicodedata

from mcp_service.knowledge.extraction.errors import FileRefused

_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens and blanks without width, which divide words for programs only."""


def decode_text(data: bytes) -> str:
    """The text of a UTF-8 file, with line feeds as line endings, composed characters and no invisible ones.

    Raises:
        FileRefused: it is not text, or has another encoding.
    """
    if b"\x00" in data:
        raise FileRefused("not_text", "It is not text: it contains NUL bytes. Save it as text in UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused("not_text", f"It is not UTF-8 (byte {error.start} is invalid). Save it as UTF-8.") from error
    visible = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return unicodedata.normalize("NFC", visible)
