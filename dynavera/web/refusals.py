"""Refusals that no application gives: they are written before there is a request, or instead of one."""

from http import HTTPStatus

from starlette.responses import Response

from dynavera.web.limits import HttpLimits
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
TOO_MANY_PIPELINED = Answer(400, "too_many_pipelined", "Too many requests were sent ahead of their answers.")
TOO_MANY_CONNECTIONS = Answer(
    429,
    "too_many_connections",
    "This service has as many connections open as it may have (DYNAVERA_MAX_CONNECTIONS). Try again in a moment.",
    5,
)


def head_timeout(limits: HttpLimits) -> Answer:
    """The refusal of a request whose headers do not arrive."""
    seconds = f"{limits.head_timeout.total_seconds():g}"
    return Answer(408, "request_timeout", f"No complete request came within {seconds} s. Send it again.")


def url_too_long(limits: HttpLimits) -> Answer:
    """The refusal of a URL that is too long."""
    return Answer(414, "url_too_long", f"The URL is longer than {limits.head_bytes} bytes.")


def headers_too_large(limits: HttpLimits) -> Answer:
    """The refusal of too many or too large headers."""
    detail = (
        f"The request has more than {limits.head_bytes} bytes of headers, or more than {limits.headers} headers. "
        "In a browser, deleting the cookies of this site may help."
    )
    return Answer(431, "headers_too_large", detail)
