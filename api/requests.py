"""How requests are read: first who asks, then the body, strictly."""

import json
import math
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any, NoReturn

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute

from api.authentication import authenticated, current_user
from dynavera.contracts.system import Problem

REFUSED: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "A parameter or the body cannot be used; `errors` says where."},
    503: {"model": Problem, "description": "A part that this needs is away; `Retry-After` says when to try again."},
}
UNAUTHENTICATED: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The API key or the session is missing or not valid."}
}


class InvalidJson(HTTPException):
    """The body is not JSON, or not JSON that can be used."""

    def __init__(self, detail: str) -> None:
        super().__init__(422, detail)


class NotJson(HTTPException):
    """The body says that it is something else than JSON."""

    def __init__(self) -> None:
        super().__init__(415, "Send the body as JSON, with the header 'Content-Type: application/json'.")


class OpenRoute(APIRoute):
    """A route for everybody; a JSON body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind a strict reader."""
        handle = super().get_route_handler()
        takes_json = self.body_field is not None

        async def read(request: Request) -> Response:
            await self.admit(request)
            if takes_json:
                _require_json(request)
            return await handle(_StrictRequest(request.scope, request.receive))

        return read

    async def admit(self, request: Request) -> None:
        """Everybody may come in."""


class UserRoute(OpenRoute):
    """A route for users: whoever asks is known before the body is read."""

    async def admit(self, request: Request) -> None:
        """Users may come in."""
        await authenticated(request)


def user_router(prefix: str, tag: str) -> APIRouter:
    """Routes that need a user."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=UserRoute,
        dependencies=[Depends(current_user)],
        responses=REFUSED | UNAUTHENTICATED,
    )


def open_router(prefix: str, tag: str) -> APIRouter:
    """Routes that need none."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=OpenRoute, responses=REFUSED)


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


class _StrictRequest(Request):
    async def json(self) -> Any:
        return strict_json(await self.body())


def _require_json(request: Request) -> None:
    if "transfer-encoding" not in request.headers and request.headers.get("content-length", "0") == "0":
        return
    declared = Message()
    declared["content-type"] = request.headers.get("content-type", "")
    subtype = declared.get_content_subtype()
    if declared.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise NotJson


def _not_a_number(_constant: str) -> NoReturn:
    raise InvalidJson("The body holds NaN or Infinity, which are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJson("The body holds a number that is too large.")
    return number
