"""The names of uploaded files, as clients of all kinds send them."""

import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header
from starlette.formparsers import MultiPartParser

_EXTENDED = re.compile(rb";\s*filename\*\s*=\s*\"?([\w.-]+)'[^']*'([^;\"\s]*)\"?", re.IGNORECASE)
_ENCODED_WORDS = re.compile(r"(?:=\?[\w.*-]+\?[bqBQ]\?[^?]*\?=\s*)+")


class FormParser(MultiPartParser):
    """Parses a form; also decodes file names in RFC 5987 (`filename*`) and RFC 2047 (`=?utf-8?B?…?=`) encoding."""

    def on_headers_finished(self) -> None:
        """Read the name of the part and of its file."""
        part = self._current_part
        if part.content_disposition is not None:
            part.content_disposition = with_plain_name(part.content_disposition)
        super().on_headers_finished()


def with_plain_name(disposition: bytes) -> bytes:
    """A Content-Disposition header with its file name in UTF-8."""
    kind, options = parse_options_header(disposition)
    name = _extended(disposition) or _decoded(options.get(b"filename"))
    if name is None:
        return disposition
    options[b"filename"] = unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")
    return b"; ".join([kind, *(b'%s="%s"' % (key, _quoted(value)) for key, value in options.items())])


def _extended(disposition: bytes) -> str | None:
    """The name in `filename*`, which takes precedence over `filename`."""
    found = _EXTENDED.search(disposition)
    if found is None:
        return None
    try:
        return unquote_to_bytes(found[2]).decode(found[1].decode())
    except (LookupError, UnicodeDecodeError):
        return None


def _decoded(sent: bytes | None) -> str | None:
    if sent is None:
        return None
    try:
        name = sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")
    if not _ENCODED_WORDS.fullmatch(name):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return name


def _quoted(value: bytes) -> bytes:
    return value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
