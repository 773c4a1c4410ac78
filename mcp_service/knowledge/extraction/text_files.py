"""Text files."""

from mcp_service.knowledge.extraction.errors import FileRefused


def decode_text(data: bytes) -> str:
    """The text of a UTF-8 file, with line feeds as line endings.

    Raises:
        FileRefused: it is not text, or has another encoding.
    """
    if b"\x00" in data:
        raise FileRefused("not_text", "It is not text: it contains NUL bytes. Save it as text in UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused("not_text", f"It is not UTF-8 (byte {error.start} is invalid). Save it as UTF-8.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
