"""Retrieval and generation in one call with an agent's settings, reported as an execution's events."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.contract import Contract, JsonObject, Request
from dynavera.contracts.documents import Query, Source
from dynavera.contracts.events import AgentContent, DeltaContent, MessageContent, ProgressContent, StepContent
from dynavera.contracts.executions import CompletedOutput
from dynavera.contracts.mcp import GivenPassage, ServiceRefusal
from dynavera.uncited_answers import CITES_NONE, cites_none
from mcp_service.generation import GenerationRequest
from mcp_service.generators.generator import GeneratorInput, StatusNote, TextDelta
from mcp_service.service import Service


class ExecuteRequest(Request):
    """A question for an agent; `input_data` may hold the other fields of an execution's input."""

    agent_id: UUID
    query: Query
    input_data: JsonObject = Field(default_factory=dict[str, Any])


class ExecuteResponse(Contract):
    """The agent's answer."""

    output_data: CompletedOutput


class ExecuteEvent(Contract):
    """Progress, shaped as an `agent_event` of an execution."""

    type: Literal["agent_event"] = "agent_event"
    event_type: Literal["progress", "step", "delta", "message"]
    content: AgentContent


class ExecuteResult(ExecuteResponse):
    """The last event of a call that succeeds."""

    type: Literal["result"] = "result"


class ExecuteError(ServiceRefusal):
    """The last event of a call that fails."""

    type: Literal["error"] = "error"


EmitEvent: TypeAlias = Callable[[ExecuteEvent], Awaitable[None]]


async def execute(service: Service, user_id: UUID, request: ExecuteRequest, emit: EmitEvent) -> ExecuteResponse:
    """The answer of the user's agent; `emit` receives each event before it.

    Raises:
        AgentNotFound: the user has no such agent.
        Refused: there is no answer; the message says why.
    """
    agent = await service.agents.get(user_id, request.agent_id)
    await emit(_stage("retrieving", "Looking for passages."))
    sources = await _sources(service, user_id, agent, request.query)
    found = f"Found {len(sources)} passages." if sources else "There is nothing to answer from: no passages were found."
    await emit(_event(StepContent(step="retrieve", message=found, passages=sources)))
    await emit(_stage("generating", "Writing the answer."))

    async def emit_item(item: TextDelta | StatusNote) -> None:
        match item:
            case TextDelta(offset, text):
                await emit(_event(DeltaContent(offset=offset, text=text)))
            case StatusNote(message):
                await emit(_stage("generating", message))

    passages = [GivenPassage(text=source.text, document=source.document, heading=source.heading) for source in sources]
    inputs = GeneratorInput(request.query, passages, agent.instructions, agent.max_tokens, agent.temperature)
    generated = await service.generations.run(GenerationRequest(user_id, inputs, agent.generator), emit_item)
    cites_no_source = cites_none(generated.generator, generated.text, len(sources))
    if cites_no_source:
        await emit(_stage("generating", CITES_NONE))
    await emit(_event(MessageContent(text=generated.text)))
    return ExecuteResponse(
        output_data=CompletedOutput(
            answer=generated.text,
            sources=sources,
            generator=generated.generator,
            usage=generated.usage,
            finish_reason="stop" if generated.finish_reason == "stopped" else generated.finish_reason,
            reasoning=generated.reasoning or None,
            cites_no_source=cites_no_source,
        )
    )


async def _sources(service: Service, user_id: UUID, agent: AgentSettings, query: str) -> list[Source]:
    knowledge = await service.knowledge.ready()
    found = await knowledge.retrieve(user_id, agent.collection, query, agent.top_k)
    return [Source(n=number, **passage.retrieved().model_dump()) for number, passage in enumerate(found, start=1)]


def _stage(stage: Literal["retrieving", "generating"], message: str) -> ExecuteEvent:
    return _event(ProgressContent(stage=stage, message=message))


def _event(content: AgentContent) -> ExecuteEvent:
    match content:
        case ProgressContent():
            return ExecuteEvent(event_type="progress", content=content)
        case StepContent():
            return ExecuteEvent(event_type="step", content=content)
        case DeltaContent():
            return ExecuteEvent(event_type="delta", content=content)
        case MessageContent():
            return ExecuteEvent(event_type="message", content=content)
