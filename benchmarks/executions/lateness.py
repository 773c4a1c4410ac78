"""How late viewers see what a model says: in previews, and in the log."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from websockets.asyncio.client import connect

from benchmarks.chaos.model import ModelServer, Plan
from tests.end_to_end.product import TERMINAL, Product

SETTLE_SECONDS = 1


@dataclass
class Lateness:
    """Seconds from the model's token to the viewer, one value per piece and viewer."""

    previews: list[float] = field(default_factory=list[float])
    deltas: list[float] = field(default_factory=list[float])
    gaps: int = 0
    """Viewers that did not see the whole log from event 1."""


@dataclass(frozen=True)
class _Arrival:
    question: str
    kind: str
    end: int
    """Code points of the answer up to the end of the piece."""
    at: float


async def lateness(
    product: Product, agent_id: str, model: ModelServer, plan: Plan, live: int, viewers: int
) -> Lateness:
    """Let `live` executions answer by `plan` at the same time, with `viewers` sockets that each watch all of them."""
    questions = [f"What is live answer {number} of {live} for {viewers}?" for number in range(live)]
    model.plans |= dict.fromkeys(questions, plan)
    found = Lateness()
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(_socket(product, agent_id)) for _ in range(viewers)]
        watching = [asyncio.create_task(_watch(socket, live, found)) for socket in sockets]
        await asyncio.sleep(SETTLE_SECONDS)
        async with product.client() as client:
            starts = [
                client.post(f"/api/agents/{agent_id}/executions", json={"input_data": {"query": question}})
                for question in questions
            ]
            for response in await asyncio.gather(*starts):
                response.raise_for_status()
        arrivals = await asyncio.gather(*watching)
    emitted = {question: _emitted(model, question) for question in questions}
    for arrival in (each for seen in arrivals for each in seen):
        values = found.previews if arrival.kind == "preview" else found.deltas
        values.append(arrival.at - emitted[arrival.question][arrival.end])
    return found


def _emitted(model: ModelServer, question: str) -> dict[int, float]:
    """When the model had said the first n code points of its answer."""
    call = model.calls_of(question)[-1]
    tokens = model.tokens(question)
    return dict(zip(accumulate(map(len, tokens)), call.emitted, strict=True))


def _socket(product: Product, agent_id: str) -> connect:
    address = f"{product.url.replace('http', 'ws', 1)}/ws/agents/{agent_id}?previews=true"
    headers = {"Authorization": f"Bearer {product.key}"}
    return connect(address, additional_headers=headers, max_size=None, proxy=None)


async def _watch(socket: Any, live: int, found: Lateness) -> list[_Arrival]:
    """Read the socket until `live` executions have ended."""
    questions: dict[str, str] = {}
    last: dict[str, int] = {}
    arrivals: list[_Arrival] = []
    ended = 0
    has_gap = False
    async for text in socket:
        at = time.monotonic()
        message = json.loads(text)
        execution_id = message.get("execution_id", "")
        if message["type"] == "execution_started":
            questions[execution_id] = message["input_data"]["query"]
        if "sequence" in message:
            has_gap |= message["sequence"] != last.get(execution_id, 0) + 1
            last[execution_id] = message["sequence"]
        piece = message if message["type"] == "preview" else message.get("content", {})
        if message["type"] == "preview" or message.get("event_type") == "delta":
            end = piece["offset"] + len(piece["text"])
            kind = "preview" if message["type"] == "preview" else "delta"
            arrivals.append(_Arrival(questions[execution_id], kind, end, at))
        ended += message["type"] in TERMINAL
        if ended == live:
            break
    found.gaps += has_gap
    return arrivals
