"""Pagination of lists."""

from typing import ClassVar, Generic, TypeVar

from pydantic import ConfigDict, Field

from dynavera.contracts.contract import Contract

T = TypeVar("T")


class Page(Contract, Generic[T]):
    """Part of a list; `next_cursor` is null on the last page."""

    # Generic types do not inherit the docstring.
    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra={"description": "Part of a list."})

    items: list[T] = Field(description="The items of this page.")
    next_cursor: str | None = Field(description="The value of `cursor` for the next page; null on the last page.")
