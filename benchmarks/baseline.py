"""The cost of Temporal itself: a minimal workflow of two activities on the same server."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "baseline"


@activity.defn
async def find(query: str) -> list[str]:
    """In place of retrieval."""
    return [query]


@activity.defn
async def answer(passages: list[str]) -> str:
    """In place of generation."""
    return " ".join(passages)


@workflow.defn
class TwoSteps:
    """Find, then answer, without records, MCP service and log."""

    @workflow.run
    async def run(self, query: str) -> str:
        """Run both activities."""
        timeout = timedelta(seconds=10)
        passages = await workflow.execute_activity(find, query, start_to_close_timeout=timeout)
        return await workflow.execute_activity(answer, passages, start_to_close_timeout=timeout)


class Baseline:
    """Runs the minimal workflow."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.last_id = ""

    def worker(self) -> Worker:
        """A worker in this process."""
        return Worker(
            self._client,
            task_queue=QUEUE,
            workflows=[TwoSteps],
            activities=[find, answer],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    async def run_once(self) -> tuple[float, float]:
        """Seconds until the start is accepted, and until the end."""
        started = time.perf_counter()
        self.last_id = f"baseline-{uuid4()}"
        handle = await self._client.start_workflow(TwoSteps.run, "What is fNIRS?", id=self.last_id, task_queue=QUEUE)
        accepted = time.perf_counter() - started
        await handle.result()
        return accepted, time.perf_counter() - started

    async def throughput(self, count: int, concurrency: int) -> float:
        """Workflows per second."""
        slots = asyncio.Semaphore(concurrency)

        async def one() -> None:
            async with slots:
                await self.run_once()

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - started)

    async def history_events(self) -> int:
        """The history length of the last workflow."""
        return (await self._client.get_workflow_handle(self.last_id).describe()).history_length or 0
