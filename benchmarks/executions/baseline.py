"""The cost of Temporal itself: a workflow of four activities on the same server, without records, MCP and log."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "baseline"


@activity.defn
async def begin(query: str) -> str:
    """In place of the first record."""
    return query


@activity.defn
async def find(query: str) -> list[str]:
    """In place of retrieval."""
    return [query]


@activity.defn
async def answer(passages: list[str]) -> str:
    """In place of generation."""
    return " ".join(passages)


@activity.defn
async def finish(text: str) -> str:
    """In place of the outcome."""
    return text


@workflow.defn
class FourSteps:
    """The steps of an execution as ordinary activities."""

    @workflow.run
    async def run(self, query: str) -> str:
        """Run them one after the other."""
        timeout = timedelta(seconds=10)
        query = await workflow.execute_activity(begin, query, start_to_close_timeout=timeout)
        passages = await workflow.execute_activity(find, query, start_to_close_timeout=timeout)
        text = await workflow.execute_activity(answer, passages, start_to_close_timeout=timeout)
        return await workflow.execute_activity(finish, text, start_to_close_timeout=timeout)


class Baseline:
    """Runs the bare workflow."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.last_id = ""

    def worker(self) -> Worker:
        """A worker in this process."""
        return Worker(
            self._client,
            task_queue=QUEUE,
            workflows=[FourSteps],
            activities=[begin, find, answer, finish],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    async def run_once(self) -> tuple[float, float]:
        """Seconds until the start is accepted, and until the end."""
        started = time.perf_counter()
        self.last_id = f"baseline-{uuid4()}"
        handle = await self._client.start_workflow(FourSteps.run, "What is fNIRS?", id=self.last_id, task_queue=QUEUE)
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
