"""What every shape on the wire shares: frozen, exact, and safe to store."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

DEEPEST_JSON = 64
"""Levels of nesting that a JSON object may have."""

COLLECTION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"
"""A regular expression in JSON Schema for a text that is storable and not blank."""

_ISO_8601 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})", re.IGNORECASE
)


class Contract(BaseModel):
    """A shape that clients rely on."""

    # Defaults count as present in what we send, so the generated TypeScript has `type`, not `type?`.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Request(Contract):
    """A shape that clients send: a field we do not know is refused, never ignored."""

    model_config = ConfigDict(extra="forbid")


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be in the years 1 to 9999, in UTC too") from error


def _is_iso_8601(moment: object) -> object:
    # Pydantic also takes numbers, as seconds since 1970, and numbers as strings.
    if isinstance(moment, str) and not _ISO_8601.fullmatch(moment):
        raise ValueError(
            "must be a time in ISO 8601 with its offset from UTC, such as 2026-01-31T09:30:00Z "
            "(in a URL, write + as %2B)"
        )
    return moment


def storable(text: str) -> str:
    """`text`, if every store can keep it.

    Raises:
        ValueError: it holds NUL, which PostgreSQL refuses, or half a surrogate pair, which is not text.
    """
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode text (it holds half of a surrogate pair)") from error
    return text


def not_blank(text: str) -> str:
    """`text`, if there is something to read in it.

    Raises:
        ValueError: it is empty or all white space.
    """
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def storable_json(value: dict[str, Any]) -> dict[str, Any]:
    """`value`, if it can be stored and sent as JSON.

    Raises:
        ValueError: a text that is not storable, a number that is not finite, or nesting deeper than 64.
    """
    _check_object(value, 0)
    return value


def _check_object(value: dict[str, Any], depth: int) -> None:
    for key, item in value.items():
        storable(key)
        _check_json(item, depth + 1)


def _check_json(value: Any, depth: int) -> None:
    if depth > DEEPEST_JSON:
        raise ValueError(f"must not be nested deeper than {DEEPEST_JSON} levels")
    if isinstance(value, str):
        storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must hold finite numbers only (no NaN, no Infinity)")
    elif isinstance(value, dict):
        _check_object(cast("dict[str, Any]", value), depth)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            _check_json(item, depth + 1)


@dataclass(frozen=True, eq=False)
class SchemaExtra:
    """Adds to the JSON schema of a type what its validators enforce and Pydantic cannot tell."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """The type's own schema, with the keywords."""
        return {**handler(core_schema), **self.keywords}


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment, ISO 8601 in UTC with `Z` on the wire."""

TimeParameter = Annotated[UtcTime, BeforeValidator(_is_iso_8601)]
"""A moment in a URL: ISO 8601 with an offset, and none of the other forms that Pydantic reads as a time."""

Text = Annotated[str, AfterValidator(storable), SchemaExtra({"pattern": r"^[^\x00]*$"})]
"""Text that every store can keep."""

Name = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(storable),
    AfterValidator(not_blank),
    SchemaExtra({"pattern": NOT_BLANK}),
]
"""A name a person gives: 1 to 200 characters, not blank."""

Collection = Annotated[str, Field(pattern=COLLECTION_PATTERN, description="A collection of documents.")]
"""The name of a collection of documents: letters, digits, dot, hyphen and underscore, at most 64."""

JsonObject = Annotated[dict[str, Any], AfterValidator(storable_json)]
"""Any JSON object that can be stored."""
