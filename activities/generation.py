"""What the workflow asks of a generator: an answer, told as it is written, that stops when it is told to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.batches import REPORT, Outbox, SignalBudget
from activities.heartbeat import heartbeating
from activities.mcp_client import McpAway, McpRefused, StatusLine, TextPiece
from activities.refusals import away, execution_gone, interrupted, refused
from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.documents import RetrievedPassage
from dynavera.contracts.executions import Usage
from dynavera.contracts.mcp import GenerateCall, Generated, GenerationStopped
from dynavera.limits import RETRY_FIRST, RPC_TIMEOUT, STOP_ACKNOWLEDGEMENT

Told = TextPiece | StatusLine | Generated

PASSING = {
    RPCStatusCode.ABORTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNKNOWN,
}
"""What Temporal answers while it is away or busy; anything else it would answer again, such as its limit of signals."""


class Generators(Protocol):
    """What writes answers: the MCP service."""

    def generate(self, user_id: UUID, call: GenerateCall) -> AsyncGenerator[Told]:
        """Pieces and status lines as they come, then the whole; closing it stops the model."""
        ...

    async def stop_generation(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Answered when the generator has let go."""
        ...


class Generation(Contract):
    """One attempt to answer; `prefix` is what earlier attempts have published."""

    user_id: UUID
    operation_id: str
    attempt: int
    query: str
    passages: list[RetrievedPassage]
    instructions: str
    max_tokens: int
    temperature: float
    generator: str | None
    prefix: str


class Whole(Contract):
    """What is said of an answer that is whole."""

    generator: str
    usage: Usage


class Written(Contract):
    """What an attempt has written: `whole` when nothing is missing, `acknowledged_at` when it was stopped."""

    answer: str
    at: UtcTime
    whole: Whole | None
    acknowledged_at: UtcTime | None = None


class StopOrder(Contract):
    """Which generation to stop, whoever runs it."""

    user_id: UUID
    operation_id: str


class Acknowledgement(Contract):
    """When the generator let go; null when it did not say."""

    at: UtcTime | None


@dataclass(frozen=True)
class GenerationActivities:
    """Generation, by the MCP service; deltas go to the workflow by signal."""

    generators: Generators
    client: Client
    budget: SignalBudget

    @activity.defn
    async def generate(self, generation: Generation) -> Written:
        """The answer; or, when the execution is stopped meanwhile, what there is of it.

        Raises:
            ApplicationError: its type is the refusal's code; `non_retryable` when trying again cannot help.
        """
        outbox = Outbox(generation.attempt, self.budget, generation.prefix)
        self.budget.generations += 1
        try:
            async with heartbeating():
                return await self._generate(generation, outbox)
        except McpRefused as error:
            raise refused(error) from error
        except McpAway as error:
            raise away(error) from error
        finally:
            self.budget.generations -= 1

    @activity.defn
    async def stop_generation(self, order: StopOrder) -> Acknowledgement:
        """Tell the generator to let go, where the activity that ran it could not."""
        return await self._let_go(order.user_id, order.operation_id)

    async def _generate(self, generation: Generation, outbox: Outbox) -> Written:
        try:
            async with aclosing(self.generators.generate(generation.user_id, _call(generation))) as told:
                generated = await self._tell(told, outbox)
            if generated.finish_reason == "stopped":
                # Somebody else has stopped it under its name: a call that thawed late, or a client of the service.
                await self._tell_rest(outbox)
                raise interrupted()
            if outbox.owes_remark:
                await self._tell_rest(outbox)
            whole = Whole(generator=generated.generator, usage=generated.usage)
            return Written(answer=generated.text, at=utc_now(), whole=whole)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details is None or not details.cancel_requested:
                raise
            acknowledgement = await self._let_go(generation.user_id, generation.operation_id)
            return Written(answer=outbox.answer, at=utc_now(), whole=None, acknowledged_at=acknowledgement.at)

    async def _tell(self, told: AsyncGenerator[Told], outbox: Outbox) -> Generated:
        """Pass on what the service tells, in batches; the whole answer comes last and needs no signal."""
        coming = asyncio.ensure_future(anext(told))
        try:
            while True:
                done, _ = await asyncio.wait({coming}, timeout=outbox.wait())
                if not done:
                    await self._report(outbox)
                    continue
                match coming.result():
                    case Generated() as generated:
                        return generated
                    case StatusLine(message):
                        outbox.say(message)
                    case TextPiece(offset, text):
                        outbox.write(offset, text)
                coming = asyncio.ensure_future(anext(told))
                if outbox.wait() == 0:
                    await self._report(outbox)
        except (McpAway, McpRefused):
            # What was written counts: the next attempt goes on from it, or the reader keeps it.
            await self._tell_rest(outbox)
            raise
        finally:
            coming.cancel()
            # Its failure, if it has one, is looked at: what ends this may be another one.
            await asyncio.gather(coming, return_exceptions=True)

    async def _tell_rest(self, outbox: Outbox) -> None:
        if outbox.wait() is not None:
            await self._report(outbox)

    async def _report(self, outbox: Outbox) -> None:
        """Deliver the batch that is due, however long Temporal is away: one that came twice is dropped there."""
        info = activity.info()
        handle = self.client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        batch = outbox.batch()
        while True:
            try:
                await handle.signal(REPORT, batch, rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    raise execution_gone() from error
                if error.status not in PASSING:
                    activity.logger.warning("No more batches can be delivered: %s", error)
                    outbox.mute()
                    return
                activity.logger.warning("A batch could not be delivered yet: %s", error)
                await asyncio.sleep(RETRY_FIRST.total_seconds())
            else:
                return

    async def _let_go(self, user_id: UUID, operation_id: str) -> Acknowledgement:
        try:
            async with asyncio.timeout(STOP_ACKNOWLEDGEMENT.total_seconds()):
                stopped = await self.generators.stop_generation(user_id, operation_id)
        except (TimeoutError, McpAway, McpRefused) as error:
            activity.logger.warning("The generator did not acknowledge the stop: %s", error)
            return Acknowledgement(at=None)
        return Acknowledgement(at=stopped.acknowledged_at)


def _call(generation: Generation) -> GenerateCall:
    return GenerateCall(
        query=generation.query,
        passages=generation.passages,
        instructions=generation.instructions,
        max_tokens=generation.max_tokens,
        temperature=generation.temperature,
        generator=generation.generator,
        prefix=generation.prefix,
        operation_id=generation.operation_id,
    )
