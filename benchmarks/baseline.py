"""What Temporal itself costs: a bare workflow of two activities on the server that the product runs on."""

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
    """Stands where retrieval is."""
    return [query]


@activity.defn
async def answer(passages: list[str]) -> str:
    """Stands where generation is."""
    return " ".join(passages)


@workflow.defn
class TwoSteps:
    """Find, then answer: no records, no MCP service, no log."""

    @workflow.run
    async def run(self, query: str) -> str:
        """Do both."""
        timeout = timedelta(seconds=10)
        passages = await workflow.execute_activity(find, query, start_to_close_timeout=timeout)
        return await workflow.execute_activity(answer, passages, start_to_close_timeout=timeout)


class Baseline:
    """Runs the bare workflow."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.last_id = ""

    def worker(self) -> Worker:
        """Its worker, in this process."""
        return Worker(
            self._client,
            task_queue=QUEUE,
            workflows=[TwoSteps],
            activities=[find, answer],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    async def once(self) -> tuple[float, float]:
        """Seconds until the start is accepted, and until the end."""
        began = time.perf_counter()
        self.last_id = f"baseline-{uuid4()}"
        handle = await self._client.start_workflow(TwoSteps.run, "What is fNIRS?", id=self.last_id, task_queue=QUEUE)
        accepted = time.perf_counter() - began
        await handle.result()
        return accepted, time.perf_counter() - began

    async def per_second(self, count: int, at_once: int) -> float:
        """How many a second, with so many at once."""
        places = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with places:
                await self.once()

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - began)

    async def history_events(self) -> int:
        """How long the history of the last one is."""
        return (await self._client.get_workflow_handle(self.last_id).describe()).history_length or 0
