"""Parsers of command line values; each rejects an invalid value with a sentence."""

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
    """A parser of one of the `choices`."""

    def parse(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}.") from error

    return parse


def positive_int(text: str | int) -> int:
    """A whole number of at least 1."""
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
    return _validate(
        _collection,
        text,
        "a collection's name has letters, digits, '.', '-' and '_', begins with a letter or a digit, "
        "and has at most 64 characters.",
    )


def name(text: str) -> str:
    """The name of a user."""
    return _validate(_name, text, "a name has 1 to 200 characters, and is not blank.")


def _validate(adapter: TypeAdapter[str], text: str, rule: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(f"{text!r} is invalid: {rule}") from error
