"""What people type, read into what the commands take; what cannot be is said in words."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import typer
from pydantic import TypeAdapter, ValidationError

from dynavera.contracts.contract import Collection, Name

Choice = TypeVar("Choice", bound=StrEnum)
_collection: TypeAdapter[str] = TypeAdapter(Collection)
_name: TypeAdapter[str] = TypeAdapter(Name)


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """Reads one of the `choices`."""

    def chosen(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}.") from error

    return chosen


def at_least_one(text: str | int) -> int:
    """A number of things."""
    number = int(text) if str(text).isdecimal() else 0
    if number < 1:
        raise typer.BadParameter(f"{text!r} is not a whole number of at least 1.")
    return number


def execution_id(text: str) -> UUID:
    """The id of an execution."""
    try:
        return UUID(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not the id of an execution: see `dynavera executions`.") from error


def collection(text: str) -> str:
    """The name of a collection."""
    return _valid(
        _collection,
        text,
        "a collection's name has letters, digits, '.', '-' and '_', begins with a letter or a digit, "
        "and has at most 64 characters.",
    )


def name(text: str) -> str:
    """A name that a person gives."""
    return _valid(_name, text, "a name has 1 to 200 characters, and is not blank.")


def _valid(kind: TypeAdapter[str], text: str, rule: str) -> str:
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(f"{text!r} cannot be used: {rule}") from error
