"""Refusals that no application gives: they are written before there is a request, or instead of one."""

import math
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from starlette.responses import Response

from dynavera.contracts.system import Problem
from dynavera.limits import HEAD_TIMEOUT, MAX_HEAD_BYTES, MAX_HEADERS
from dynavera.web.problems import MEDIA_TYPE, status_title


@dataclass(frozen=True)
class HttpRefusal:
    """An `application/problem+json` response (RFC 9457) that closes its connection."""

    status: int
    code: str
    detail: str
    retry_after: timedelta | None = None

    @property
    def body(self) -> bytes:
        """The problem as JSON."""
        title = status_title(self.status)
        problem = Problem(title=title, status=self.status, detail=self.detail, code=self.code, errors=None)
        return problem.model_dump_json().encode()

    @property
    def headers(self) -> dict[str, str]:
        """The headers, without the body's length."""
        headers = {"content-type": MEDIA_TYPE, "connection": "close"}
        if self.retry_after is not None:
            headers["retry-after"] = str(math.ceil(self.retry_after.total_seconds()))
        return headers

    def response(self) -> Response:
        """The refusal for an ASGI server."""
        return Response(self.body, self.status, self.headers)

    def raw(self) -> bytes:
        """The refusal as it goes over the wire in HTTP/1.1."""
        headers = {**self.headers, "content-length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


MALFORMED = HttpRefusal(400, "malformed_request", "What was sent is not an HTTP/1.1 request.")
HEAD_LATE = HttpRefusal(
    408, "request_timeout", f"No complete request came within {HEAD_TIMEOUT.total_seconds():g} s. Send it again."
)
URL_TOO_LONG = HttpRefusal(414, "url_too_long", f"The URL is longer than {MAX_HEAD_BYTES} bytes.")
HEADERS_TOO_LARGE = HttpRefusal(
    431,
    "headers_too_large",
    f"The request has more than {MAX_HEAD_BYTES} bytes of headers, or more than {MAX_HEADERS} headers. "
    "In a browser, deleting the cookies of this site may help.",
)
TOO_MANY_PIPELINED = HttpRefusal(400, "too_many_pipelined", "Too many requests were sent ahead of their answers.")
TOO_MANY_CONNECTIONS = HttpRefusal(
    429,
    "too_many_connections",
    "This service has as many connections open as it may have (DYNAVERA_MAX_CONNECTIONS). Try again in a moment.",
    timedelta(seconds=5),
)
