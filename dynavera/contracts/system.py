"""Health, versions, and error responses."""

from typing import Literal

from pydantic import Field

from dynavera.contracts.contract import Contract


class Check(Contract):
    """The state of one part: `ok`, `away` (unavailable) or `hindered` (partly available)."""

    status: Literal["ok", "away", "hindered"] = Field(
        description="`ok`, `away` (unavailable) or `hindered` (partly available)."
    )
    detail: str = Field(description="The state or its reason, as a sentence.")


class Checks(Contract):
    """The parts that an execution needs."""

    database: Check = Field(description="The database.")
    temporal: Check = Field(description="Temporal, which runs the executions.")
    worker: Check = Field(description="The workers.")
    mcp: Check = Field(description="The MCP service, with retrieval and models.")


class Health(Contract):
    """The state of the installation."""

    status: Literal["ok", "degraded"] = Field(description="`ok` if no part is `away`.")
    checks: Checks = Field(description="The state of each part.")


class McpHealth(Contract):
    """The MCP service: its generator, its embedder, and the size of the knowledge base."""

    status: Literal["ok"]
    generator: str
    embedder: str
    documents: int
    passages: int
    passages_to_embed: int = 0


class UnusableModel(Contract):
    """A local model file that cannot be used."""

    name: str = Field(description="The generator that it would be, e.g. `gpt4all:model.gguf`.")
    reason: str = Field(description="Why it cannot be used, as the end of a sentence.")


class Generators(Contract):
    """The generators that can be used now, and the model files that cannot."""

    default: str
    usable: list[str]
    unusable: list[UnusableModel] = Field(default_factory=list[UnusableModel])


class Versions(Contract):
    """The versions in use."""

    dynavera: str = Field(description="Dynavera's version.")
    python: str = Field(description="Python's version.")
    temporal: str | None = Field(description="The Temporal server's version; null if it is unavailable.")


class System(Contract):
    """The configuration of this installation."""

    versions: Versions = Field(description="Versions of Dynavera, Python and Temporal.")
    generator: str | None = Field(description="The default generator; null if the MCP service is unavailable.")
    generators: list[str] = Field(description="The generators that agents can use now.")
    unusable_models: list[UnusableModel] = Field(
        default_factory=list[UnusableModel], description="The model files that cannot be used, and why."
    )
    embedder: str | None = Field(description="The embedder; null if the MCP service is unavailable.")
    passages_to_embed: int = Field(
        default=0, description="The passages that an embedder in the background has not embedded yet."
    )
    temporal_ui: str | None = Field(description="The URL of Temporal Web; null if unknown.")
    mcp_url: str = Field(description="The MCP service's URL for MCP clients.")


class FieldError(Contract):
    """An invalid field."""

    location: str = Field(description="The field's path, e.g. `body.input_data`.")
    message: str = Field(description="What is wrong with the field.")


class Problem(Contract):
    """RFC 9457 `application/problem+json`; `code` is stable."""

    type: str = Field(default="about:blank", description="Always `about:blank`: `code` identifies the problem.")
    title: str = Field(description="The title of the HTTP status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, and what to do.")
    code: str = Field(description="A stable code of the problem.")
    errors: list[FieldError] | None = Field(
        default=None, exclude_if=lambda errors: errors is None, description="The invalid fields of the request."
    )
