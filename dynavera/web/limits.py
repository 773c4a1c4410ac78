"""Limits on connections and requests, in one object that is passed in."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class HttpLimits:
    """The limits of one connection; the defaults are for production, tests pass shorter times."""

    headers: int = 200
    """The maximum number of headers of a request."""

    head_bytes: int = 64 * 1024
    """Bytes of a URL, of all headers of a request together, and of input that does not extend a message (an endless
    header, trailers, chunk extensions): as in h11, uvicorn's other parser, and several times what browsers send."""

    head_timeout: timedelta = timedelta(seconds=30)
    """How long a request line and its headers may take, from the connection or from their first byte. A lost packet is
    sent again within seconds; nginx allows 60 s."""

    discarded_body_timeout: timedelta = timedelta(seconds=30)
    """How long a client may take to send the rest of a body that has already been answered (nginx: `lingering_time`):
    some clients read the response only then."""

    linger_timeout: timedelta = timedelta(seconds=5)
    """How long input after a refusal is read and discarded, so that the client gets to see the refusal."""

    pipelined: int = 16
    """Requests that wait behind the one being answered. Browsers do not pipeline; unanswered requests are sent again
    (RFC 9112, 9.3.2)."""

    min_read_rate: int = 1000
    read_rate_window: timedelta = timedelta(seconds=30)
    """The minimum bytes per second at which a client must read a response of more than 64 KiB, and how often that is
    checked: the rest of the response stays in memory meanwhile."""

    excess_connections: int = 64
    excess_head_timeout: timedelta = timedelta(seconds=5)
    """Connections beyond DYNAVERA_MAX_CONNECTIONS that still get a 429, or an answer to a health check, and how soon
    they must send their request. Any more are closed at once."""
