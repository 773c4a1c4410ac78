"""Cursors of pages: the last id of a page in Base64, opaque to clients."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from uuid import UUID

PATTERN = "^[A-Za-z0-9_-]{21}[AQgw]$"
"""Matches exactly the cursors: 16 bytes as 22 characters of Base64."""

_PADDING = "=="
"""The padding of 16 bytes in Base64, which cursors omit."""


class BadCursor(ValueError):
    """An invalid cursor."""


def cursor_of(last_id: UUID) -> str:
    """The cursor of the page after `last_id`."""
    return urlsafe_b64encode(last_id.bytes).decode().removesuffix(_PADDING)


def cursor_id(cursor: str) -> UUID:
    """The last id of the page before `cursor`.

    Raises:
        BadCursor: it is not a cursor.
    """
    try:
        last_id = UUID(bytes=urlsafe_b64decode(cursor + _PADDING))
    except (Error, ValueError) as error:
        raise BadCursor("The cursor is invalid. Start again without a cursor.") from error
    # The decoder ignores invalid characters and trailing bits.
    if cursor_of(last_id) != cursor:
        raise BadCursor("The cursor is invalid. Start again without a cursor.")
    return last_id
