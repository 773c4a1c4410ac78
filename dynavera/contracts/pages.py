"""A page of a longer list."""

from typing import Generic, TypeVar

from dynavera.contracts.contract import Contract

T = TypeVar("T")


class Page(Contract, Generic[T]):
    """Part of a list; `next_cursor` asks for the next part and is null at the end."""

    items: list[T]
    next_cursor: str | None
