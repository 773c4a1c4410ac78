"""How the parts are, which they are, and what went wrong."""

from typing import Literal

from pydantic import Field

from dynavera.contracts.contract import Contract


class Check(Contract):
    """One part: `ok`, or `away` with the reason."""

    status: Literal["ok", "away"]
    detail: str


class Checks(Contract):
    """The parts that an execution needs."""

    database: Check
    temporal: Check
    worker: Check
    mcp: Check


class Health(Contract):
    """`ok` when every part is."""

    status: Literal["ok", "degraded"]
    checks: Checks


class McpHealth(Contract):
    """The MCP service: what it generates and embeds with, and how much it knows."""

    status: Literal["ok"]
    generator: str
    embedder: str
    documents: int
    passages: int


class Versions(Contract):
    """What runs; null where it cannot be asked now."""

    dynavera: str
    python: str
    temporal: str | None


class System(Contract):
    """What this instance is made of."""

    versions: Versions
    generator: str | None
    generators: list[str]
    embedder: str | None
    temporal_ui: str | None
    mcp_url: str


class FieldError(Contract):
    """One field that is wrong: `location` is its path, e.g. `body.input_data`."""

    location: str
    message: str


class Problem(Contract):
    """RFC 9457 `application/problem+json`; `code` is stable."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = Field(default=None, exclude_if=lambda errors: errors is None)
