"""Agents: who is asked, and with which settings."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from dynavera.contracts.contract import Collection, Contract, Name, Request, Text, UtcTime

AgentStatus = Literal["idle", "running"]

TopK = Annotated[int, Field(strict=True, ge=1, le=50, description="How many passages are retrieved.")]
MaxTokens = Annotated[int, Field(strict=True, ge=1, le=131_072, description="The longest answer, in tokens.")]
Temperature = Annotated[
    float, Field(strict=True, ge=0, le=2, allow_inf_nan=False, description="0 is the steadiest, 2 the most varied.")
]
AgentName = Annotated[Name, Field(description="What people call the agent.")]
Description = Annotated[Text, Field(max_length=2_000, description="What the agent is for, in a sentence.")]
Instructions = Annotated[Text, Field(max_length=20_000, description="What the generator is told besides the question.")]
GeneratorName = Annotated[
    Name, Field(description="`extractive`, `gpt4all:<model file>` or `openai:<model>`; null is the service's default.")
]


class AgentSettings(Contract):
    """What an execution needs to know of its agent; a snapshot of it stays with each execution."""

    name: AgentName
    description: Description = ""
    instructions: Instructions = ""
    generator: GeneratorName | None = None
    collection: Collection = "default"
    top_k: TopK = 4
    max_tokens: MaxTokens = 200
    temperature: Temperature = 0.2


class AgentCreate(AgentSettings, Request):
    """A new agent; only `name` is required."""


class AgentPatch(Request):
    """The fields of an agent to change; what is left out stays."""

    name: AgentName = ""
    description: Description = ""
    instructions: Instructions = ""
    generator: GeneratorName | None = None
    collection: Collection = "default"
    top_k: TopK = 4
    max_tokens: MaxTokens = 200
    temperature: Temperature = 0.2


class Agent(AgentSettings):
    """An agent as its owner sees it; `status` is running while an execution is queued or running."""

    id: UUID = Field(description="The agent's id; ids sort by the time they were made.")
    status: AgentStatus = Field(description="Whether an execution of it is queued or running.")
    created_at: UtcTime = Field(description="When it was made.")
    updated_at: UtcTime = Field(description="When it was last changed.")
