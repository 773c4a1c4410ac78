"""Refusals that no application gives: they are written before there is a request, or instead of one."""

from http import HTTPStatus

from starlette.responses import Response

from dynavera.limits import HEAD_TIMEOUT, MAX_HEAD_BYTES, MAX_HEADERS
from dynavera.web.problems import Answer, problem


def closing(answer: Answer) -> Response:
    """`answer` as the last response of its connection."""
    return problem(answer, headers={"Connection": "close"})


def on_the_wire(answer: Answer) -> bytes:
    """`answer` as it is sent in HTTP/1.1, with which the connection ends."""
    response = closing(answer)
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


MALFORMED = Answer(400, "malformed_request", "What was sent is not an HTTP/1.1 request.")
HEAD_LATE = Answer(
    408, "request_timeout", f"No complete request came within {HEAD_TIMEOUT.total_seconds():g} s. Send it again."
)
URL_TOO_LONG = Answer(414, "url_too_long", f"The URL is longer than {MAX_HEAD_BYTES} bytes.")
HEADERS_TOO_LARGE = Answer(
    431,
    "headers_too_large",
    f"The request has more than {MAX_HEAD_BYTES} bytes of headers, or more than {MAX_HEADERS} headers. "
    "In a browser, deleting the cookies of this site may help.",
)
TOO_MANY_PIPELINED = Answer(400, "too_many_pipelined", "Too many requests were sent ahead of their answers.")
TOO_MANY_CONNECTIONS = Answer(
    429,
    "too_many_connections",
    "This service has as many connections open as it may have (DYNAVERA_MAX_CONNECTIONS). Try again in a moment.",
    5,
)
