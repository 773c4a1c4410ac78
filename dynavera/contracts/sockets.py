"""What goes over `/ws/agents/{agent_id}` besides the events themselves."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, TypeAdapter

from dynavera.contracts.contract import Contract, Request, Text
from dynavera.contracts.events import LARGEST_SEQUENCE
from dynavera.contracts.executions import InputData

Key = Annotated[Text, Field(min_length=1, max_length=200)]


class StartAgent(Request):
    """Start an execution of the socket's agent."""

    action: Literal["start_agent"]
    input_data: InputData
    idempotency_key: Key | None = None
    request_id: Key | None = None


class StopAgent(Request):
    """Stop an execution; without an id the agent's newest that is queued or running."""

    action: Literal["stop_agent"]
    execution_id: UUID | None = None
    request_id: Key | None = None


class Subscribe(Request):
    """(Re)start the feed of one execution after sequence `after`."""

    action: Literal["subscribe"]
    execution_id: UUID
    after: Annotated[int, Field(strict=True, ge=0, le=LARGEST_SEQUENCE)] = 0
    request_id: Key | None = None


ClientAction: TypeAlias = Annotated[StartAgent | StopAgent | Subscribe, Field(discriminator="action")]
client_action: TypeAdapter[ClientAction] = TypeAdapter(ClientAction)


class Connection(Contract):
    """The socket is open; the first thing it says."""

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
    """An action that could not be done; the socket stays open."""

    type: Literal["error"] = "error"
    message: str
    code: str
    action: str | None = Field(default=None, exclude_if=lambda action: action is None)
    request_id: str | None = Field(default=None, exclude_if=lambda request_id: request_id is None)
