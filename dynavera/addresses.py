"""Addresses of what others run, and what is wrong with one that cannot be used; a password is never repeated."""

import ipaddress
import re

LARGEST_PORT = 65535

_HOST_AND_PORT = re.compile(r"(?:\[(?P<ipv6>[^\s\[\]]+)\]|(?P<name>[^\s:/@?#\[\]]+)):(?P<port>[0-9]+)")
_ORIGIN = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[^\s:/@?#\[\]]+)(?::(?P<port>[0-9]+))?/?", re.IGNORECASE)
_SQLITE = re.compile(r"sqlite\+aiosqlite:///[^?]+(?:\?.*)?")
_POSTGRESQL = re.compile(
    # As SQLAlchemy reads it, but for a host with an @ in it, which is an @ of the password that is not quoted.
    r"postgresql\+asyncpg://(?:[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|[^/:?@]+)?(?::(?P<port>[^/?@]*))?"
    r"(?:/[^?]*)?(?:\?(?P<options>.*))?"
)


def host_and_port(address: str) -> tuple[str, int]:
    """Where a Temporal client connects to.

    Raises:
        ValueError: `address` is not `host:port`; without a port the client would take 80.
    """
    found = _HOST_AND_PORT.fullmatch(address)
    if found is None or not _is_port(found["port"]):
        raise ValueError("write host:port, e.g. temporal.example:7233, without http://")
    return found["ipv6"] or found["name"], int(found["port"])


def check_origin(origin: str) -> None:
    """See that `origin` is what a browser says of where a page is from.

    Raises:
        ValueError: it is not, and what to write instead.
    """
    found = _ORIGIN.fullmatch(origin)
    if found is None or not (found["port"] is None or _is_port(found["port"])):
        raise ValueError(f"{origin!r} is no origin: write https://host or https://host:port")


def check_proxy(address: str) -> None:
    """See that `address` tells which proxies to believe.

    Raises:
        ValueError: it does not, and what to write instead.
    """
    if address == "*":
        return
    try:
        ipaddress.ip_network(address)
    except ValueError as error:
        # A network with host bits, such as 10.0.0.1/8, is refused too: uvicorn would never match it.
        raise ValueError(
            f"{address!r} is no address of a proxy: write IP addresses such as 10.0.0.5, networks such as 10.0.0.0/8, "
            "or * for every one"
        ) from error


def check_database(url: str) -> None:
    """See that the records can be at `url`.

    Raises:
        ValueError: they cannot, and what to write instead.
    """
    if _SQLITE.fullmatch(url):
        return
    found = _POSTGRESQL.fullmatch(url)
    if found is None:
        raise ValueError(
            "write postgresql+asyncpg://user:password@host/database, with an @ in the password as %40, "
            "or sqlite+aiosqlite:///file"
        )
    if found["port"] is not None and not _is_port(found["port"]):
        raise ValueError(f"what follows the host's colon must be a port, 1 to {LARGEST_PORT}")
    if "sslmode=" in (found["options"] or ""):
        raise ValueError("write ssl=… instead of sslmode=…, with the same value")


def _is_port(written: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", written) is not None and 1 <= int(written) <= LARGEST_PORT
