"""Generation, as an activity: its text is sent to the workflow as it is written, and a stop stops the model."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.application_errors import execution_gone, interrupted, refused, unavailable
from activities.batches import REPORT, Outbox, SignalBudget
from activities.heartbeat import heartbeating
from activities.mcp_client import GenerationItem, StatusLine, TextPiece
from activities.mcp_errors import McpAway, McpRefused
from dynavera.bus.bus import EventBus
from dynavera.bus.messages import Written
from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.documents import RetrievedPassage
from dynavera.contracts.execution_view import ExecutionView
from dynavera.contracts.executions import FinishReason, Usage
from dynavera.contracts.mcp import GenerateCall, Generated, GenerationStopped
from dynavera.limits import RETRY_FIRST_DELAY, RPC_TIMEOUT, STOP_ACKNOWLEDGEMENT_TIMEOUT
from dynavera.uncited_answers import CITES_NONE, cites_none

TRANSIENT = {
    RPCStatusCode.ABORTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNKNOWN,
}
"""Statuses of an unavailable or busy Temporal. Any other one, such as for its limit of signals, is permanent."""


class Generators(Protocol):
    """Writes answers: the MCP service."""

    def generate(self, user_id: UUID, call: GenerateCall) -> AsyncGenerator[GenerationItem]:
        """Pieces and status lines as they arrive, then the whole; closing the generator stops the model."""
        ...

    async def stop_generation(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation; returns when the generator has stopped."""
        ...


class GenerationRequest(Contract):
    """One attempt to answer; `prefix` is the text that earlier attempts have published."""

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


class CompleteAnswer(Contract):
    """The properties of a complete answer, without its text."""

    generator: str
    usage: Usage
    finish_reason: FinishReason = "stop"
    reasoning: str = ""


class GenerationResult(Contract):
    """The answer of an attempt: `whole` is set if it is complete, `acknowledged_at` if the generator was stopped."""

    answer: str
    at: UtcTime
    whole: CompleteAnswer | None
    acknowledged_at: UtcTime | None = None


class StopRequest(Contract):
    """The generation to stop."""

    user_id: UUID
    operation_id: str


class Acknowledgement(Contract):
    """The time when the generator stopped; null if it did not confirm."""

    at: UtcTime | None


@dataclass(frozen=True)
class GenerationActivities:
    """Generation by the MCP service; deltas go to the workflow by signal, and previews to the event bus."""

    generators: Generators
    client: Client
    budget: SignalBudget
    bus: EventBus

    @activity.defn
    async def generate(self, request: GenerationRequest) -> GenerationResult:
        """The answer; or, if the execution is stopped meanwhile, the part that was written.

        Raises:
            ApplicationError: its type is the refusal's code; `non_retryable` when trying again cannot help.
        """
        outbox = Outbox(request.attempt, self.budget, ExecutionView(answer=request.prefix))
        self.budget.generations += 1
        try:
            async with heartbeating():
                return await self._generate(request, outbox)
        except McpRefused as error:
            raise refused(error) from error
        except McpAway as error:
            raise unavailable(error) from error
        finally:
            self.budget.generations -= 1

    @activity.defn
    async def stop_generation(self, request: StopRequest) -> Acknowledgement:
        """Stop a generation whose own activity cannot do it."""
        return await self._stop(request.user_id, request.operation_id)

    async def _generate(self, request: GenerationRequest, outbox: Outbox) -> GenerationResult:
        try:
            async with aclosing(self.generators.generate(request.user_id, _call(request))) as items:
                generated = await self._forward(items, outbox, UUID(request.operation_id))
            if generated.finish_reason == "stopped":
                # Stopped by another call with the same operation id, such as a delayed one.
                await self._flush(outbox)
                raise interrupted()
            if generated.text.strip() and cites_none(generated.generator, generated.text, len(request.passages)):
                outbox.add_note(CITES_NONE)
            if outbox.has_unsent_note:
                await self._flush(outbox)
            whole = CompleteAnswer(
                generator=generated.generator,
                usage=generated.usage,
                finish_reason=generated.finish_reason,
                reasoning=generated.reasoning,
            )
            return GenerationResult(answer=generated.text, at=utc_now(), whole=whole)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details is None or not details.cancel_requested:
                raise
            acknowledgement = await self._stop(request.user_id, request.operation_id)
            return GenerationResult(answer=outbox.answer, at=utc_now(), whole=None, acknowledged_at=acknowledgement.at)

    async def _forward(self, items: AsyncGenerator[GenerationItem], outbox: Outbox, execution_id: UUID) -> Generated:
        """Send the items to the workflow in batches, and text as a preview at once; the whole answer comes last."""
        upcoming = asyncio.ensure_future(anext(items))
        try:
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=outbox.seconds_until_due())
                if not done:
                    await self._send_batch(outbox)
                    continue
                match upcoming.result():
                    case Generated() as generated:
                        return generated
                    case StatusLine(message):
                        outbox.add_note(message)
                    case TextPiece(offset, text):
                        self.bus.publish(Written(execution_id=execution_id, offset=offset, text=text))
                        outbox.add_text(offset, text)
                upcoming = asyncio.ensure_future(anext(items))
                if outbox.seconds_until_due() == 0:
                    await self._send_batch(outbox)
        except (McpAway, McpRefused):
            # The text counts: the next attempt continues it, or the reader keeps it.
            await self._flush(outbox)
            raise
        finally:
            upcoming.cancel()
            # Retrieve its exception, if any: another one may already be raised.
            await asyncio.gather(upcoming, return_exceptions=True)

    async def _flush(self, outbox: Outbox) -> None:
        if outbox.seconds_until_due() is not None:
            await self._send_batch(outbox)

    async def _send_batch(self, outbox: Outbox) -> None:
        """Send the batch that is due, until Temporal has it: the workflow drops duplicates."""
        info = activity.info()
        handle = self.client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        batch = outbox.take_batch()
        while True:
            try:
                await handle.signal(REPORT, batch, rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    raise execution_gone() from error
                if error.status not in TRANSIENT:
                    activity.logger.warning("No more batches can be sent: %s", error)
                    outbox.mute()
                    return
                activity.logger.warning("A batch could not be sent yet: %s", error)
                await asyncio.sleep(RETRY_FIRST_DELAY.total_seconds())
            else:
                return

    async def _stop(self, user_id: UUID, operation_id: str) -> Acknowledgement:
        try:
            async with asyncio.timeout(STOP_ACKNOWLEDGEMENT_TIMEOUT.total_seconds()):
                stopped = await self.generators.stop_generation(user_id, operation_id)
        except (TimeoutError, McpAway, McpRefused) as error:
            activity.logger.warning("The generator did not acknowledge the stop: %s", error)
            return Acknowledgement(at=None)
        return Acknowledgement(at=stopped.acknowledged_at)


def _call(request: GenerationRequest) -> GenerateCall:
    return GenerateCall(
        query=request.query,
        passages=request.passages,
        instructions=request.instructions,
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        generator=request.generator,
        prefix=request.prefix,
        operation_id=request.operation_id,
    )
