"""The base classes and field types of all contracts: immutable, strict, and safe to store."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

MAX_JSON_DEPTH = 64
"""Levels of nesting in a JSON object."""

COLLECTION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"
"""A regular expression, for JSON Schema, of a text that is storable and not blank."""

_ISO_8601 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})", re.IGNORECASE
)


class Contract(BaseModel):
    """A data type that clients rely on."""

    # Fields with defaults are required in responses, so the generated TypeScript has `type`, not `type?`.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Request(Contract):
    """A data type that clients send: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


def _remove_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Patch(Request):
    """A request that changes some fields: omitted ones stay unchanged, so the schema has no defaults."""

    model_config = ConfigDict(json_schema_extra=_remove_defaults)


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be in the years 1 to 9999, in UTC too") from error


def _is_iso_8601(moment: object) -> object:
    # Pydantic also accepts numbers, as seconds since 1970, and numbers as strings.
    if isinstance(moment, str) and not _ISO_8601.fullmatch(moment):
        raise ValueError(
            "must be a time in ISO 8601 with its offset from UTC, such as 2026-01-31T09:30:00Z "
            "(in a URL, write + as %2B)"
        )
    return moment


def storable(text: str) -> str:
    """`text`, if every database can store it.

    Raises:
        ValueError: it contains NUL, which PostgreSQL refuses, or a lone surrogate, which is not valid text.
    """
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode text (it holds half of a surrogate pair)") from error
    return text


def not_blank(text: str) -> str:
    """`text`, if it is not blank.

    Raises:
        ValueError: it is empty or only white space.
    """
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def storable_json(value: dict[str, Any]) -> dict[str, Any]:
    """`value`, if it can be stored and sent as JSON.

    Raises:
        ValueError: it contains text that is not storable, a number that is not finite, or deeper nesting than 64.
    """
    _check_object(value, 0)
    return value


def _check_object(value: dict[str, Any], depth: int) -> None:
    for key, item in value.items():
        storable(key)
        _check_json(item, depth + 1)


def _check_json(value: Any, depth: int) -> None:
    if depth > MAX_JSON_DEPTH:
        raise ValueError(f"must not be nested deeper than {MAX_JSON_DEPTH} levels")
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
    """Adds keywords to a type's JSON schema that describe its validators."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """The type's schema with the keywords."""
        return {**handler(core_schema), **self.keywords}


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time; on the wire ISO 8601 in UTC with `Z`."""

TimeParameter = Annotated[UtcTime, BeforeValidator(_is_iso_8601)]
"""A point in time in a URL: only ISO 8601 with an offset, not the other forms that Pydantic accepts."""

Text = Annotated[str, AfterValidator(storable), SchemaExtra({"pattern": r"^[^\x00]*$"})]
"""Text that every database can store."""

Name = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(storable),
    AfterValidator(not_blank),
    SchemaExtra({"pattern": NOT_BLANK}),
]
"""A name: 1 to 200 characters, not blank."""

DEFAULT_COLLECTION = "default"

Collection = Annotated[str, Field(pattern=COLLECTION_PATTERN, description="A collection of documents.")]
"""The name of a collection of documents: letters, digits, dot, hyphen and underscore, at most 64."""

JsonObject = Annotated[dict[str, Any], AfterValidator(storable_json)]
"""Any JSON object that can be stored."""
