"""Cursors of pages."""

from uuid import UUID

import pytest

from dynavera.identifiers import new_id
from dynavera.records.cursors import BadCursor, cursor_id, cursor_of


def test_a_cursor_continues_after_its_id() -> None:
    last_id = new_id()

    cursor = cursor_of(last_id)

    assert cursor_id(cursor) == last_id
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?# ")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "next",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAAA\n",
        "AAAAAAAAAA AAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "ÄAAAAAAAAAAAAAAAAAAAAA",
        "A" * 10_000,
        str(UUID(int=0)),
    ],
)
def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor, match="The cursor is invalid"):
        cursor_id(cursor)
