"""The messages on `/ws/agents/{agent_id}` other than events."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, TypeAdapter

from dynavera.contracts.contract import Contract, Request, Text
from dynavera.contracts.events import MAX_SEQUENCE
from dynavera.contracts.executions import InputData

Key = Annotated[Text, Field(min_length=1, max_length=200)]


class StartAgent(Request):
    """Start an execution of the socket's agent."""

    action: Literal["start_agent"]
    input_data: InputData
    idempotency_key: Key | None = None
    request_id: Key | None = None


class StopAgent(Request):
    """Stop an execution; without an id the agent's newest one that is queued or running."""

    action: Literal["stop_agent"]
    execution_id: UUID | None = None
    request_id: Key | None = None


class Subscribe(Request):
    """Start or restart the feed of one execution, after sequence `after`."""

    action: Literal["subscribe"]
    execution_id: UUID
    after: Annotated[int, Field(strict=True, ge=0, le=MAX_SEQUENCE)] = 0
    request_id: Key | None = None


ClientAction: TypeAlias = Annotated[StartAgent | StopAgent | Subscribe, Field(discriminator="action")]
client_action: TypeAdapter[ClientAction] = TypeAdapter(ClientAction)


class Connection(Contract):
    """The first message after the connection is open."""

    type: Literal["connection"] = "connection"
    agent_id: UUID
    message: str


class Accepted(Contract):
    """An action was accepted."""

    type: Literal["accepted"] = "accepted"
    action: str
    request_id: str | None
    execution_id: UUID


class SocketError(Contract):
    """An action failed; the connection stays open."""

    type: Literal["error"] = "error"
    message: str
    code: str
    action: str | None = Field(default=None, exclude_if=lambda action: action is None)
    request_id: str | None = Field(default=None, exclude_if=lambda request_id: request_id is None)
