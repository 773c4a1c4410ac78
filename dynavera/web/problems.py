"""Strict parsing of request bodies, and error messages that are the same in every service."""

import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from email.message import Message
from http import HTTPStatus
from typing import Any, ClassVar, NoReturn, cast

from fastapi import HTTPException, Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartException

from dynavera.contracts.system import FieldError
from dynavera.web.file_names import FormParser

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
MAX_LOCATION_LENGTH = 200

_NEWER_TITLES = {414: "URI Too Long", 413: "Content Too Large", 422: "Unprocessable Content"}
"""The titles of RFC 9110; they differ between versions of Python."""


class BadBody(HTTPException):
    """The body is not what this path accepts."""

    status: ClassVar[int] = 422
    code: ClassVar[str]

    def __init__(self, detail: str) -> None:
        super().__init__(self.status, detail)


class InvalidJson(BadBody):
    """The body is not JSON, or uses JSON that is not accepted."""

    code: ClassVar[str] = "invalid_json"


class InvalidForm(BadBody):
    """The body is not a multipart form."""

    code: ClassVar[str] = "invalid_form"


class NotJson(BadBody):
    """The content type is not JSON."""

    status: ClassVar[int] = 415
    code: ClassVar[str] = "not_json"

    def __init__(self) -> None:
        super().__init__("Send the body as JSON, with the header 'Content-Type: application/json'.")


class NotForm(BadBody):
    """The content type is not multipart/form-data."""

    status: ClassVar[int] = 415
    code: ClassVar[str] = "not_form"

    def __init__(self) -> None:
        super().__init__("Send files as multipart/form-data, field 'file'.")


class StrictRoute(APIRoute):
    """A route that parses its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind a strict parser."""
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

    async def _get_form(self, **limits: Any) -> FormData:
        if self._form is None and _content_type(self).get_content_type() == "multipart/form-data":
            async with aclosing(self.stream()) as stream:
                self._form = await FormParser(self.headers, stream, **limits).parse()
        return await super()._get_form(**limits)


def strict_json(body: bytes) -> Any:
    """Parse `body` as JSON in UTF-8, with finite numbers only.

    Raises:
        InvalidJson: it cannot be parsed; the message says where, without repeating any of it.
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
        # int() refuses numbers with thousands of digits.
        raise InvalidJson("The body contains a number with too many digits.") from error


def require_form(request: Request) -> None:
    """Check that the content type is multipart/form-data.

    Raises:
        NotForm: it is another one.
    """
    if _content_type(request).get_content_type() != "multipart/form-data":
        raise NotForm


async def _read_form(request: Request) -> None:
    """Parse the form; the request caches it."""
    require_form(request)
    try:
        await request.form()
    except ValueError as error:
        raise InvalidForm("The body is not a form with the boundary in its Content-Type header.") from error
    except MultiPartException as error:
        raise InvalidForm(f"The form cannot be parsed: {error.message}") from error
    except StarletteHTTPException as error:
        if error.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise InvalidForm(f"The form cannot be parsed: {error.detail}") from error


def _require_json(request: Request) -> None:
    if "transfer-encoding" not in request.headers and request.headers.get("content-length", "0") == "0":
        return
    content_type = _content_type(request)
    subtype = content_type.get_content_subtype()
    if content_type.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise NotJson


def _content_type(request: Request) -> Message:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    return message


def _not_a_number(_constant: str) -> NoReturn:
    raise InvalidJson("The body contains NaN or Infinity, which are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJson("The body contains a number that is too large.")
    return number


def status_title(status: int) -> str:
    """The title of a status in RFC 9110."""
    return _NEWER_TITLES.get(status) or HTTPStatus(status).phrase


def without_surrogates(text: str) -> str:
    """`text` with lone surrogates replaced: a field's name may contain them, but UTF-8 cannot encode them."""
    return text.encode(errors="replace").decode()


def field_errors(found: Sequence[Any]) -> list[FieldError]:
    """Pydantic's errors by location, without the values, which may be secrets."""
    return [_field_error(error) for error in found[:MAX_ERRORS]]


def error_summary(errors: Sequence[FieldError]) -> str:
    """The first error, in one line."""
    return f"{errors[0].location}: {errors[0].message}" if errors else "The request is invalid."


def _field_error(error: Mapping[str, Any]) -> FieldError:
    location = ".".join(str(part) for part in cast("Sequence[object]", error["loc"]))
    return FieldError(
        location=without_surrogates(location)[:MAX_LOCATION_LENGTH], message=without_surrogates(_message(error))
    )


def _message(error: Mapping[str, Any]) -> str:
    kind = str(error["type"])
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind.startswith("uuid"):
        # Pydantic's own message repeats a part of the value.
        return "must be a UUID"
    # For a text with a validator before its length check, Pydantic's message speaks of items.
    match error:
        case {"type": "too_long", "input": str(), "ctx": {"max_length": maximum, "actual_length": length}}:
            return f"must have at most {maximum} characters, and has {length}"
        case {"type": "too_short", "input": str(), "ctx": {"min_length": 1}}:
            return "must not be empty"
        case _:
            return str(error["msg"])
