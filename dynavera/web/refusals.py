"""Refusals by the server, before the application gets a request."""

from datetime import timedelta
from http import HTTPStatus

from starlette.responses import Response

from dynavera.web.limits import HttpLimits
from dynavera.web.problems import ErrorResponse, problem


def closing(answer: ErrorResponse) -> Response:
    """A response that closes its connection."""
    return problem(answer, headers={"Connection": "close"})


def on_the_wire(answer: ErrorResponse) -> bytes:
    """The bytes of an HTTP/1.1 response that closes its connection."""
    response = closing(answer)
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


MALFORMED = ErrorResponse(400, "malformed_request", "This is not an HTTP/1.1 request.")
TOO_MANY_PIPELINED = ErrorResponse(
    400, "too_many_pipelined", "Too many requests were sent before their responses were read."
)
TOO_MANY_CONNECTIONS = ErrorResponse(
    429,
    "too_many_connections",
    "This service has reached its connection limit (DYNAVERA_MAX_CONNECTIONS). Try again in a moment.",
    5,
)


def head_timeout(timeout: timedelta) -> ErrorResponse:
    """The refusal of a request whose headers do not arrive."""
    seconds = f"{timeout.total_seconds():g}"
    return ErrorResponse(
        408, "request_timeout", f"The request's headers did not arrive within {seconds} s. Send it again."
    )


def url_too_long(limits: HttpLimits) -> ErrorResponse:
    """The refusal of a URL that is too long."""
    return ErrorResponse(414, "url_too_long", f"The URL is longer than {limits.head_bytes} bytes.")


def headers_too_large(limits: HttpLimits) -> ErrorResponse:
    """The refusal of too many or too large headers."""
    detail = (
        f"The request has more than {limits.head_bytes} bytes of headers, or more than {limits.headers} headers. "
        "In a browser, deleting the cookies of this site may help."
    )
    return ErrorResponse(431, "headers_too_large", detail)
