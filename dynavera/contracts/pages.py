"""A page of a longer list."""

from typing import ClassVar, Generic, TypeVar

from pydantic import ConfigDict, Field

from dynavera.contracts.contract import Contract

T = TypeVar("T")


class Page(Contract, Generic[T]):
    """Part of a list; `next_cursor` asks for the next part and is null at the end."""

    # A page of something has no docstring of its own.
    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra={"description": "Part of a list."})

    items: list[T] = Field(description="The part.")
    next_cursor: str | None = Field(description="Asks for the next part, as `cursor`; null: this was the last.")
