"""Retrieval and generation in one call, with the settings of an agent, told as the events that an execution has."""

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
from mcp_service.generation import Order
from mcp_service.generators.generator import Ask, Piece, Waiting
from mcp_service.service import Service


class Execute(Request):
    """Ask an agent; further fields of an execution's input may come along in `input_data`."""

    agent_id: UUID
    query: Query
    input_data: JsonObject = Field(default_factory=dict[str, Any])


class Executed(Contract):
    """What came of it."""

    output_data: CompletedOutput


class SaidEvent(Contract):
    """What happens on the way, shaped as an `agent_event` of an execution."""

    type: Literal["agent_event"] = "agent_event"
    event_type: Literal["progress", "step", "delta", "message"]
    content: AgentContent


class SaidResult(Executed):
    """The last thing that is said when all went well."""

    type: Literal["result"] = "result"


class SaidError(ServiceRefusal):
    """The last thing that is said when it did not."""

    type: Literal["error"] = "error"


Say: TypeAlias = Callable[[SaidEvent], Awaitable[None]]


async def executed(service: Service, user_id: UUID, asked: Execute, say: Say) -> Executed:
    """The answer of the user's agent; `say` is told what happens on the way.

    Raises:
        AgentNotFound: the user has no such agent.
        Refused: there is no answer, and why.
    """
    agent = await service.agents.get(user_id, asked.agent_id)
    await say(_stage("retrieving", "Looking for passages."))
    sources = await _sources(service, user_id, agent, asked.query)
    found = f"Found {len(sources)} passages." if sources else "There is nothing to answer from: no passages were found."
    await say(_said(StepContent(step="retrieve", message=found, passages=sources)))
    await say(_stage("generating", "Writing the answer."))

    async def tell(item: Piece | Waiting) -> None:
        match item:
            case Piece(offset, text):
                await say(_said(DeltaContent(offset=offset, text=text)))
            case Waiting(message):
                await say(_stage("generating", message))

    passages = [GivenPassage(text=source.text, document=source.document) for source in sources]
    ask = Ask(asked.query, passages, agent.instructions, agent.max_tokens, agent.temperature)
    generated = await service.generations.run(Order(user_id, ask, agent.generator), tell)
    await say(_said(MessageContent(text=generated.text)))
    return Executed(
        output_data=CompletedOutput(
            answer=generated.text, sources=sources, generator=generated.generator, usage=generated.usage
        )
    )


async def _sources(service: Service, user_id: UUID, agent: AgentSettings, query: str) -> list[Source]:
    knowledge = await service.knowledge.opened()
    found = await knowledge.retrieve(user_id, agent.collection, query, agent.top_k)
    return [Source(n=number, **passage.retrieved().model_dump()) for number, passage in enumerate(found, start=1)]


def _stage(stage: Literal["retrieving", "generating"], message: str) -> SaidEvent:
    return _said(ProgressContent(stage=stage, message=message))


def _said(content: AgentContent) -> SaidEvent:
    match content:
        case ProgressContent():
            return SaidEvent(event_type="progress", content=content)
        case StepContent():
            return SaidEvent(event_type="step", content=content)
        case DeltaContent():
            return SaidEvent(event_type="delta", content=content)
        case MessageContent():
            return SaidEvent(event_type="message", content=content)
