"""From a file's bytes to the text that passages point into."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

import trafilatura
from trafilatura.settings import use_config

from mcp_service.refusals import Refused

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes of a file at most."""

MARKDOWN = "text/markdown"
PLAIN = "text/plain"
HTML = "text/html"

MEDIA_TYPES = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".txt": PLAIN,
    ".text": PLAIN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
}
"""What a file is, by the ending of its name."""

_CONFIG = use_config()
# A page may be as short as a sentence.
for _setting in ("MIN_EXTRACTED_SIZE", "MIN_OUTPUT_SIZE", "MIN_EXTRACTED_COMM_SIZE", "MIN_OUTPUT_COMM_SIZE"):
    _CONFIG["DEFAULT"][_setting] = "1"


class FileRefused(Refused):
    """A file that cannot become a document."""

    code: ClassVar[str] = "not_text"


class UnsupportedType(FileRefused):
    """A kind of file that is not read."""

    code: ClassVar[str] = "unsupported_type"


class NotText(FileRefused):
    """A file that says it is text, and is not."""

    code: ClassVar[str] = "not_text"


class EmptyFile(FileRefused):
    """A file without any text."""

    code: ClassVar[str] = "empty"


class FileTooLarge(FileRefused):
    """A file of more than 10 MiB."""

    code: ClassVar[str] = "too_large"


@dataclass(frozen=True)
class Extracted:
    """The text of a file; HTML has become Markdown. `sha256` and `bytes` are of the file."""

    media_type: str
    bytes: int
    sha256: str
    text: str


def extracted(name: str, declared_type: str | None, data: bytes) -> Extracted:
    """The text of a file; `declared_type` counts only where its name says nothing.

    Raises:
        FileRefused: it is of a kind that is not read, not text, empty or too large.
    """
    media_type = _media_type(name, declared_type)
    if len(data) > LARGEST_FILE:
        raise too_large()
    text = _text(data)
    if media_type == HTML:
        text = _readable(text)
    if not text.strip():
        raise EmptyFile("There is no text in it.")
    return Extracted(media_type, len(data), hashlib.sha256(data).hexdigest(), text)


def too_large() -> FileTooLarge:
    """The refusal of a file that is too large."""
    return FileTooLarge(f"A file may have at most {LARGEST_FILE // (1024 * 1024)} MiB. Split it into smaller ones.")


def _media_type(name: str, declared_type: str | None) -> str:
    ending = PurePosixPath(name).suffix.lower()
    if ending in MEDIA_TYPES:
        return MEDIA_TYPES[ending]
    declared = (declared_type or "").partition(";")[0].strip().lower()
    if not ending and declared in MEDIA_TYPES.values():
        return declared
    raise UnsupportedType(
        f"Files of this kind are not read. Send Markdown, text or HTML ({', '.join(sorted(MEDIA_TYPES))})."
    )


def _text(data: bytes) -> str:
    if b"\x00" in data:
        raise NotText("It is not text: it holds NUL bytes. Save it as text in UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotText(f"It is not text in UTF-8 (byte {error.start} is wrong). Save it as UTF-8.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _readable(html: str) -> str:
    # A fragment is a page too, but is not recognised as one.
    page = html if "<html" in html[:10_000].lower() else f"<html><body>{html}</body></html>"
    return _article(page, favor_recall=True) or _article(page, favor_recall=False) or trafilatura.html2txt(page)


def _article(page: str, *, favor_recall: bool) -> str | None:
    return trafilatura.extract(
        page,
        output_format="markdown",
        include_comments=False,
        include_tables=True,
        favor_recall=favor_recall,
        config=_CONFIG,
    )
