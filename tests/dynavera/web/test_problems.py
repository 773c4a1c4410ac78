"""The messages of invalid requests."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from dynavera.contracts.documents import Query
from dynavera.contracts.mcp import OperationId
from dynavera.contracts.system import FieldError
from dynavera.web.problems import error_summary, field_errors, status_title
from dynavera.web.strict_bodies import InvalidJson, strict_json


def errors_of(kind: Any, value: object) -> list[FieldError]:
    with pytest.raises(ValidationError) as invalid:
        TypeAdapter(kind).validate_python(value)
    return field_errors(invalid.value.errors())


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Query, "", "must not be blank: it is the question"),
        (Query, "a\0", "must not contain the NUL character"),
        (Query, "a" * 65_537, "must have at most 65536 characters, and has 65537"),
        (OperationId, "", "must not be empty"),
        (Query, 7, "Input should be a valid string"),
    ],
)
def test_the_error_of_a_refused_value_is_readable(kind: Any, value: object, said: str) -> None:
    assert [error.message for error in errors_of(kind, value)] == [said]


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


def test_many_errors_are_limited_and_encodable() -> None:
    errors = errors_of(Nothing, {f"{number}" + "a" * 10_000: 1 for number in range(100)})
    unsendable = field_errors([{"type": "extra_forbidden", "loc": ("body", "\ud800"), "msg": "No.", "input": 1}])

    assert len(errors) == 20
    assert all(len(error.location) == 200 for error in errors)
    assert error_summary(errors).startswith("0aaa")
    assert error_summary(unsendable) == "body.?: No."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": 1,\n x}', "not JSON: .* \\(line 2, column 2\\)"),
        (b'{"a": "\xe4"}', "not UTF-8: see its byte 8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, "too many digits"),
        (b"1e999", "too large"),
        (b"NaN", "NaN or Infinity"),
    ],
)
def test_the_error_of_invalid_json_has_its_position(body: bytes, said: str) -> None:
    with pytest.raises(InvalidJson) as invalid:
        strict_json(body)

    assert invalid.match(said)
    assert invalid.value.code == "invalid_json"


def test_a_status_has_one_title_with_every_version_of_python() -> None:
    assert [status_title(status) for status in (404, 413, 422)] == [
        "Not Found",
        "Content Too Large",
        "Unprocessable Content",
    ]
