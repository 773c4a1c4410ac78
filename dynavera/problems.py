"""What is wrong with a request: read as strictly, and said in the same words, by every service."""

import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from email.message import Message
from http import HTTPStatus
from typing import Any, ClassVar, NoReturn, cast

from fastapi import HTTPException, Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteHTTPException

from dynavera.contracts.system import FieldError

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
LONGEST_LOCATION = 200

_NEWER_TITLES = {414: "URI Too Long", 413: "Content Too Large", 422: "Unprocessable Content"}
"""What RFC 9110 calls them; each version of Python has its own."""


class BadBody(HTTPException):
    """The body is not what the path reads."""

    status: ClassVar[int] = 422
    code: ClassVar[str]

    def __init__(self, detail: str) -> None:
        super().__init__(self.status, detail)


class InvalidJson(BadBody):
    """The body is not JSON, or not JSON that can be used."""

    code: ClassVar[str] = "invalid_json"


class InvalidForm(BadBody):
    """The body is no form with files."""

    code: ClassVar[str] = "invalid_form"


class NotJson(BadBody):
    """The body says that it is something else than JSON."""

    status: ClassVar[int] = 415
    code: ClassVar[str] = "not_json"

    def __init__(self) -> None:
        super().__init__("Send the body as JSON, with the header 'Content-Type: application/json'.")


class NotForm(BadBody):
    """The body says that it is something else than a form with files."""

    status: ClassVar[int] = 415
    code: ClassVar[str] = "not_form"

    def __init__(self) -> None:
        super().__init__("Send files as multipart/form-data, field 'file'.")


class StrictRoute(APIRoute):
    """A route that reads its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind a strict reader."""
        handle = super().get_route_handler()
        body = self.body_field

        async def read(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            if body is not None and isinstance(body.field_info, Form):
                await _read_form(strict)
            elif body is not None:
                _require_json(strict)
            return await handle(strict)

        return read


class _StrictRequest(Request):
    async def json(self) -> Any:
        return strict_json(await self.body())


def strict_json(body: bytes) -> Any:
    """What `body` says as JSON in UTF-8, with finite numbers only.

    Raises:
        InvalidJson: it says nothing of the kind; the message says where, and repeats nothing of it.
    """
    try:
        return json.loads(body.decode(), parse_constant=_not_a_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8: see its byte {error.start + 1}.") from error
    except json.JSONDecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    except RecursionError as error:
        raise InvalidJson("The body is nested too deeply.") from error
    except ValueError as error:
        # int() refuses a number of thousands of digits.
        raise InvalidJson("The body holds a number with too many digits.") from error


def require_form(request: Request) -> None:
    """Make sure that the body says that it is a form with files.

    Raises:
        NotForm: it says something else.
    """
    if _declared(request).get_content_type() != "multipart/form-data":
        raise NotForm


async def _read_form(request: Request) -> None:
    """Read the form, which the request then keeps."""
    require_form(request)
    try:
        await request.form()
    except ValueError as error:
        raise InvalidForm("The body is not the form that its header announces.") from error
    except StarletteHTTPException as error:
        if error.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise InvalidForm(f"The body is not a form that can be read: {error.detail}") from error


def _require_json(request: Request) -> None:
    if "transfer-encoding" not in request.headers and request.headers.get("content-length", "0") == "0":
        return
    declared = _declared(request)
    subtype = declared.get_content_subtype()
    if declared.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise NotJson


def _declared(request: Request) -> Message:
    declared = Message()
    declared["content-type"] = request.headers.get("content-type", "")
    return declared


def _not_a_number(_constant: str) -> NoReturn:
    raise InvalidJson("The body holds NaN or Infinity, which are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJson("The body holds a number that is too large.")
    return number


def title_of(status: int) -> str:
    """What RFC 9110 calls a status."""
    return _NEWER_TITLES.get(status) or HTTPStatus(status).phrase


def sendable(text: str) -> str:
    """`text` without halves of surrogate pairs, which a field's name may hold and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def field_errors(found: Sequence[Any]) -> list[FieldError]:
    """What Pydantic found wrong, place by place, without the values: those may be secrets."""
    return [_field_error(error) for error in found[:MOST_ERRORS]]


def sentence_of(errors: Sequence[FieldError]) -> str:
    """The first of them, in one line."""
    return f"{errors[0].location}: {errors[0].message}" if errors else "The request cannot be used."


def _field_error(error: Mapping[str, Any]) -> FieldError:
    location = ".".join(str(part) for part in cast("Sequence[object]", error["loc"]))
    return FieldError(location=sendable(location)[:LONGEST_LOCATION], message=sendable(_in_words(error)))


def _in_words(error: Mapping[str, Any]) -> str:
    kind = str(error["type"])
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind.startswith("uuid"):
        # Pydantic's own words repeat a part of what was sent.
        return "must be a UUID"
    # A text that is looked at before it is measured is a list of items to Pydantic.
    match error:
        case {"type": "too_long", "input": str(), "ctx": {"max_length": most, "actual_length": length}}:
            return f"must have at most {most} characters, and has {length}"
        case {"type": "too_short", "input": str(), "ctx": {"min_length": 1}}:
            return "must not be empty"
        case _:
            return str(error["msg"])
