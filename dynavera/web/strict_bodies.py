"""Strict parsing of request bodies, the same in every service."""

import json
import math
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from email.message import Message
from http import HTTPStatus
from typing import Any, ClassVar, NoReturn

from fastapi import HTTPException, Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartException

from dynavera.web.errors import Refused
from dynavera.web.file_names import FormParser


class BadBody(Refused, HTTPException):
    """The body is not what this path accepts; FastAPI replaces other exceptions that are raised while it reads one."""

    def __init__(self, detail: str) -> None:
        HTTPException.__init__(self, self.status, detail)

    def __str__(self) -> str:
        return self.detail


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
