"""How the parts are, which they are, and what went wrong."""

from typing import Literal

from pydantic import Field

from dynavera.contracts.contract import Contract


class Check(Contract):
    """One part: `ok`, `away`, or `hindered` where it works but not for everything; with the reason."""

    status: Literal["ok", "away", "hindered"] = Field(description="Whether the part can be used.")
    detail: str = Field(description="The same in words.")


class Checks(Contract):
    """The parts that an execution needs."""

    database: Check = Field(description="Where everything is kept that must last.")
    temporal: Check = Field(description="What runs the executions, and outlives every crash.")
    worker: Check = Field(description="What does their work.")
    mcp: Check = Field(description="Where retrieval and models are.")


class Health(Contract):
    """`ok` when every part can be used."""

    status: Literal["ok", "degraded"] = Field(description="`ok` when no part is away.")
    checks: Checks = Field(description="Part by part.")


class McpHealth(Contract):
    """The MCP service: what it generates and embeds with, and how much it knows."""

    status: Literal["ok"]
    generator: str
    embedder: str
    documents: int
    passages: int


class Generators(Contract):
    """What can write answers now."""

    default: str
    usable: list[str]


class Versions(Contract):
    """What runs; null where it cannot be asked now."""

    dynavera: str = Field(description="Dynavera's version.")
    python: str = Field(description="Python's version.")
    temporal: str | None = Field(description="The Temporal server's version; null: it cannot be asked now.")


class System(Contract):
    """What this instance is made of."""

    versions: Versions = Field(description="What runs.")
    generator: str | None = Field(description="The default generator; null: the MCP service is away.")
    generators: list[str] = Field(description="Generators that an agent may name and that can be used now.")
    embedder: str | None = Field(description="What makes texts comparable by meaning; null: the MCP service is away.")
    temporal_ui: str | None = Field(description="Where Temporal Web is; null: not known.")
    mcp_url: str = Field(description="Where MCP clients find the MCP service.")


class FieldError(Contract):
    """One field that is wrong: `location` is its path, e.g. `body.input_data`."""

    location: str = Field(description="The field's path, e.g. `body.input_data`.")
    message: str = Field(description="What is wrong with it.")


class Problem(Contract):
    """RFC 9457 `application/problem+json`; `code` is stable."""

    type: str = Field(default="about:blank", description="Always `about:blank`: `code` says which problem it is.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, and what to do.")
    code: str = Field(description="Which problem it is; stable, for programs.")
    errors: list[FieldError] | None = Field(
        default=None, exclude_if=lambda errors: errors is None, description="The place of each fault of the request."
    )
