"""The latencies of one execution at a time, of many at once, and of stops."""

import asyncio
import time
from dataclasses import dataclass, field

from benchmarks.chaos.model import ModelServer
from tests.end_to_end.product import Product, Viewer
from tests.serving import until

STOP_SECONDS = 10


@dataclass
class Latencies:
    """Seconds from a start, one value per execution."""

    accepted: list[float] = field(default_factory=list[float])
    first_event: list[float] = field(default_factory=list[float])
    first_delta: list[float] = field(default_factory=list[float])
    end: list[float] = field(default_factory=list[float])


@dataclass
class StopLatencies:
    """Seconds from the stop until the model's client disconnects, and until the log ends."""

    model: list[float] = field(default_factory=list[float])
    end: list[float] = field(default_factory=list[float])


async def ask(viewer: Viewer, question: str, latencies: Latencies) -> str:
    """Ask one question over the WebSocket; the execution's id."""
    started = time.perf_counter()
    await viewer.send(action="start_agent", input_data={"query": question})
    seen: dict[str, float] = {}
    execution_id = ""
    while "execution_completed" not in seen:
        message = await viewer.receive_until(lambda _: True)
        kind = message.get("event_type") or message["type"]
        seen.setdefault(kind, time.perf_counter() - started)
        execution_id = message.get("execution_id", execution_id)
    latencies.accepted.append(seen["accepted"])
    latencies.first_event.append(seen["execution_started"])
    latencies.first_delta.append(seen["delta"])
    latencies.end.append(seen["execution_completed"])
    return execution_id


async def throughput(viewer: Viewer, question: str, count: int, concurrency: int) -> tuple[float, list[float]]:
    """Executions per second, and the seconds that each took, from `accepted`: a new one starts whenever one ends."""
    began = time.perf_counter()
    started: dict[str, float] = {}
    durations: list[float] = []
    for _ in range(min(concurrency, count)):
        await viewer.send(action="start_agent", input_data={"query": question})
    sent = min(concurrency, count)
    while len(durations) < count:
        message = await viewer.receive_until(lambda each: each["type"] in ("accepted", "execution_completed"))
        now = time.perf_counter()
        if message["type"] == "accepted":
            started[message["execution_id"]] = now
            continue
        durations.append(now - started.get(message["execution_id"], now))
        if sent < count:
            await viewer.send(action="start_agent", input_data={"query": question})
            sent += 1
    return count / (time.perf_counter() - began), durations


async def stops(product: Product, agent_id: str, model: ModelServer, question: str, count: int) -> StopLatencies:
    """Stop executions in the middle of their answers."""
    latencies = StopLatencies()
    async with product.viewer(agent_id) as viewer:
        for _ in range(count):
            await viewer.start(question)
            await viewer.wait_for_deltas()
            call = model.calls_of(question)[-1]
            started = time.monotonic()
            await viewer.send(action="stop_agent")
            end = asyncio.create_task(viewer.end())
            await until(lambda stopped=call: stopped.disconnected_at is not None, seconds=STOP_SECONDS)
            await end
            latencies.end.append(time.monotonic() - started)
            latencies.model.append((call.disconnected_at or 0) - started)
    return latencies
