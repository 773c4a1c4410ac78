"""Cursors of pages: opaque to clients, the last id of the page to us."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from uuid import UUID

PATTERN = "^[A-Za-z0-9_-]{21}[AQgw]$"
"""Every cursor and nothing else: the 22 characters of Base64 that stand for 16 bytes."""

_PADDING = "=="
"""What Base64 adds to the 16 bytes of a UUID, and a cursor leaves out."""


class BadCursor(ValueError):
    """A cursor that no page has given."""


def cursor_of(last_id: UUID) -> str:
    """The cursor that goes on after `last_id`."""
    return urlsafe_b64encode(last_id.bytes).decode().removesuffix(_PADDING)


def cursor_id(cursor: str) -> UUID:
    """The id that `cursor` goes on after.

    Raises:
        BadCursor: it is not one that `cursor_of` made.
    """
    try:
        last_id = UUID(bytes=urlsafe_b64decode(cursor + _PADDING))
    except (Error, ValueError) as error:
        raise BadCursor("The cursor is not one that a page has given. Start again without it.") from error
    # Base64 forgives what it does not know; only the one right spelling is ours.
    if cursor_of(last_id) != cursor:
        raise BadCursor("The cursor is not one that a page has given. Start again without it.")
    return last_id
