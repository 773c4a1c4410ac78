"""Executions that have ended with an answer, without Temporal."""

from uuid import UUID

from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Source
from dynavera.contracts.events import ExecutionCompleted
from dynavera.contracts.executions import CompletedOutput, Usage
from dynavera.records.database import Database
from dynavera.records.logs import Logs


async def answer_with(database: Database, agent_id: UUID, execution_id: UUID, *sources: Source) -> None:
    """Complete a queued execution with an answer that cites these sources."""
    logs = Logs(database)
    await logs.begin(execution_id)
    usage = Usage(prompt_tokens=1, completion_tokens=2)
    output = CompletedOutput(answer="Light.", sources=list(sources), generator="fake", usage=usage)
    completed = ExecutionCompleted(
        execution_id=execution_id, agent_id=agent_id, sequence=2, timestamp=utc_now(), output_data=output
    )
    await logs.finish([], completed)
