"""Cursors of pages."""

from uuid import UUID

import pytest

from dynavera.identifiers import new_id
from dynavera.records.cursors import BadCursor, cursor_id, cursor_of


def test_a_cursor_goes_on_after_the_id_it_was_made_of() -> None:
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
def test_what_no_page_has_given_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor, match="not one that a page has given"):
        cursor_id(cursor)
