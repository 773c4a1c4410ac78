"""Validation of addresses in the settings. No error message contains a password."""

import ipaddress
import re

MAX_PORT = 65535

_HOST_AND_PORT = re.compile(r"(?:\[(?P<ipv6>[^\s\[\]]+)\]|(?P<name>[^\s:/@?#\[\]]+)):(?P<port>[0-9]+)")
_ORIGIN = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[^\s:/@?#\[\]]+)(?::(?P<port>[0-9]+))?/?", re.IGNORECASE)
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_OWN_PATHS = frozenset({"api", "ws", "metrics", "assets", "agents", "executions", "knowledge", "system", "login"})
_SQLITE = re.compile(r"sqlite\+aiosqlite:///[^?]+(?:\?.*)?")
_POSTGRESQL = re.compile(
    # As SQLAlchemy parses it, except that a host with an @ is refused: that is an unquoted @ of the password.
    r"postgresql\+asyncpg://(?:[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|[^/:?@]+)?(?::(?P<port>[^/?@]*))?"
    r"(?:/[^?]*)?(?:\?(?P<options>.*))?"
)


def host_and_port(address: str) -> tuple[str, int]:
    """Host and port of a Temporal server's address.

    Raises:
        ValueError: `address` is not `host:port`; without a port the client would use 80.
    """
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None or not _is_port(match["port"]):
        raise ValueError("write host:port, e.g. temporal.example:7233, without http://")
    return match["ipv6"] or match["name"], int(match["port"])


def check_origin(origin: str) -> None:
    """Check that `origin` is an origin as browsers send it.

    Raises:
        ValueError: it is not; the message says what to write instead.
    """
    match = _ORIGIN.fullmatch(origin)
    if match is None or not (match["port"] is None or _is_port(match["port"])):
        raise ValueError(f"{origin!r} is not an origin: write https://host or https://host:port")


def check_root_path(path: str) -> None:
    """Check that `path` can precede every path of the product.

    Raises:
        ValueError: it cannot; the message says what to write instead.
    """
    if _PATH.fullmatch(path) is None:
        raise ValueError(f"{path!r} is not a path: write one such as /rag or /tools/rag")
    first = path.split("/")[1] if path else ""
    if first in _OWN_PATHS:
        # A proxy may remove the root path from /login, and then nobody could tell which of the two it was.
        raise ValueError(f"/{first} is a path of Dynavera itself: choose another one, such as /rag")


def check_proxy(address: str) -> None:
    """Check that `address` names trusted proxies.

    Raises:
        ValueError: it does not; the message says what to write instead.
    """
    if address == "*":
        return
    try:
        ipaddress.ip_network(address)
    except ValueError as error:
        # A network with host bits, such as 10.0.0.1/8, is refused too: uvicorn would never match it.
        raise ValueError(
            f"{address!r} is not a proxy's address: write IP addresses such as 10.0.0.5, networks such as 10.0.0.0/8, "
            "or * for all"
        ) from error


def check_database(url: str) -> None:
    """Check that `url` is a database that Dynavera supports.

    Raises:
        ValueError: it is not; the message says what to write instead.
    """
    if _SQLITE.fullmatch(url):
        return
    match = _POSTGRESQL.fullmatch(url)
    if match is None:
        raise ValueError(
            "write postgresql+asyncpg://user:password@host/database, with an @ in the password as %40, "
            "or sqlite+aiosqlite:///file"
        )
    if match["port"] is not None and not _is_port(match["port"]):
        raise ValueError(f"write a port from 1 to {MAX_PORT} after the host's colon")
    if "sslmode=" in (match["options"] or ""):
        raise ValueError("write ssl=… instead of sslmode=…, with the same value")


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 1 <= int(text) <= MAX_PORT
