"""Files that are text already."""

from mcp_service.knowledge.extraction.refusing import FileRefused


def decoded(data: bytes) -> str:
    """The text of a file in UTF-8, its lines ending in a line feed.

    Raises:
        FileRefused: it is not text, or in another encoding.
    """
    if b"\x00" in data:
        raise FileRefused("not_text", "It is not text: it holds NUL bytes. Save it as text in UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(
            "not_text", f"It is not text in UTF-8 (byte {error.start} is wrong). Save it as UTF-8."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
