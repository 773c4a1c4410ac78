"""Agents and their settings."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from dynavera.contracts.contract import DEFAULT_COLLECTION, Collection, Contract, Name, Patch, Request, Text, UtcTime

DEFAULT_TOP_K = 4
DEFAULT_MAX_TOKENS = 1024
DEFAULT_TEMPERATURE = 0.2

AgentStatus = Literal["idle", "running"]

TopK = Annotated[int, Field(strict=True, ge=1, le=50, description="The number of passages to retrieve.")]
MaxTokens = Annotated[int, Field(strict=True, ge=1, le=131_072, description="The maximum answer length in tokens.")]
Temperature = Annotated[
    float,
    Field(
        strict=True,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="From 0, most predictable, to 2, most varied.",
    ),
]
AgentName = Annotated[Name, Field(description="The agent's name.")]
Description = Annotated[Text, Field(max_length=2_000, description="The agent's purpose, in a sentence.")]
Instructions = Annotated[Text, Field(max_length=20_000, description="Instructions for the generator.")]
GeneratorName = Annotated[
    Name, Field(description="`extractive`, `gpt4all:<model file>` or `openai:<model>`; null for the service's default.")
]


class AgentSettings(Contract):
    """The settings of an agent; each execution keeps a copy of them."""

    name: AgentName
    description: Description = ""
    instructions: Instructions = ""
    generator: GeneratorName | None = None
    collection: Collection = DEFAULT_COLLECTION
    top_k: TopK = DEFAULT_TOP_K
    max_tokens: MaxTokens = DEFAULT_MAX_TOKENS
    temperature: Temperature = DEFAULT_TEMPERATURE


class AgentCreate(AgentSettings, Request):
    """A new agent; only `name` is required."""


class AgentPatch(AgentSettings, Patch):
    """The fields of an agent to change; omitted fields stay unchanged."""

    name: AgentName = ""


class Agent(AgentSettings):
    """An agent; its `status` is `running` while an execution is queued or running."""

    id: UUID = Field(description="The agent's id; ids sort by creation time.")
    status: AgentStatus = Field(description="Whether an execution of the agent is queued or running.")
    created_at: UtcTime = Field(description="When it was created.")
    updated_at: UtcTime = Field(description="When it was last changed.")
