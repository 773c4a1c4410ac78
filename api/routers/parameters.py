"""Parameters that routes share."""

from typing import Annotated
from uuid import UUID

from fastapi import Header, Path, Query
from pydantic import Field

from dynavera.contracts.contract import Collection, SchemaExtra, Text, TimeParameter
from dynavera.contracts.events import MAX_SEQUENCE
from dynavera.contracts.executions import ExecutionStatus
from dynavera.contracts.feedback import Verdict
from dynavera.records.cursors import PATTERN
from dynavera.records.execution_order import ExecutionSort, SortOrder

AgentId = Annotated[UUID, Path(description="The agent's id.")]
ExecutionId = Annotated[UUID, Path(description="The execution's id.")]
DocumentId = Annotated[UUID, Path(description="The document's id.")]
KeyId = Annotated[UUID, Path(description="The API key's id.")]
SessionId = Annotated[UUID, Path(description="The session's id.")]
UserId = Annotated[UUID, Path(description="The user's id.")]
SourceNumber = Annotated[
    int, Path(ge=1, le=MAX_SEQUENCE, description="The number by which the answer cites the source.")
]

Limit = Annotated[int, Query(ge=1, le=200, description="Maximum number of items per page.")]
EventLimit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of events to return.")]
Cursor = Annotated[
    Annotated[Text, Field(max_length=200), SchemaExtra({"pattern": PATTERN, "minLength": 22, "maxLength": 22})] | None,
    Query(description="`next_cursor` of the previous page."),
]
After = Annotated[
    int, Query(ge=0, le=MAX_SEQUENCE, description="The sequence number of the last event that the client received.")
]
StatusFilter = Annotated[ExecutionStatus | None, Query(description="Only executions with this status.")]
FeedbackFilter = Annotated[Verdict | None, Query(description="Only executions with this feedback.")]
AgentFilter = Annotated[UUID | None, Query(description="Only executions of this agent.")]
QuestionContains = Annotated[
    Text | None, Query(min_length=1, max_length=1000, description="Only executions whose question contains this.")
]
Latest = Annotated[bool, Query(description="Only the newest execution of each agent.")]
Since = Annotated[TimeParameter | None, Query(description="Only executions accepted at this time or later.")]
Until = Annotated[TimeParameter | None, Query(description="Only executions accepted before this time.")]
SortBy = Annotated[
    ExecutionSort,
    Query(
        description="What the list is sorted by. `duration` is from start to end; executions without one come last. "
        "`status` goes from queued to stopped."
    ),
]
Order = Annotated[SortOrder, Query(description="`created_at`: `desc` lists the newest first.")]
NameContains = Annotated[
    Text | None, Query(min_length=1, max_length=200, description="Only documents whose name contains this.")
]
CollectionFilter = Annotated[Collection | None, Query(description="Only documents of this collection.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="The same key and body return the same execution; the same key with another body is refused.",
    ),
]
