"""`python -m benchmarks.executions`: latency and throughput of executions, compared with a minimal workflow."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from benchmarks.baseline import Baseline
from tests.end_to_end.product import Product, Viewer
from tests.fakes import FakeModel
from tests.serving import serving, until

QUESTIONS = 20
CONCURRENCY = 10
THROUGHPUT_COUNT = 100
STOPS = 10
WARM_UP = 3
SLOW_WORDS = [f"word{number}" for number in range(400)]


@dataclass
class Latencies:
    """Seconds, one value per execution."""

    accepted: list[float] = field(default_factory=list[float])
    first_event: list[float] = field(default_factory=list[float])
    first_delta: list[float] = field(default_factory=list[float])
    end: list[float] = field(default_factory=list[float])


@dataclass
class StopLatencies:
    """Seconds from the stop until the model's client disconnects, and until the log ends."""

    model: list[float] = field(default_factory=list[float])
    end: list[float] = field(default_factory=list[float])


async def main() -> None:
    """Measure, and print a table."""
    model = FakeModel(SLOW_WORDS, delay=0.05)
    with tempfile.TemporaryDirectory() as folder:
        async with serving(model) as url:
            # Agents use the default, the extractive generator, except the one whose slow model is stopped.
            environment = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "none"}
            product = Product(Path(folder) / "data", environment, model)
            first_start = await product.start()
            await product.stop()
            second_start = await product.start()
            try:
                table = _table()
                _row(table, "ready, first start", "s", [first_start])
                _row(table, "ready, second start", "s", [second_start])
                await _measure(product, table)
            finally:
                await product.stop()
    _row(table, ".venv on disk", "MB", [_megabytes(Path(sys.prefix))])
    Console(width=100).print(table)


async def _measure(product: Product, table: Table) -> None:
    baseline = Baseline(await Client.connect(product.temporal_address))
    async with product.viewer() as viewer, baseline.worker():
        for _ in range(WARM_UP):
            await _ask(viewer, Latencies())
            await baseline.run_once()
        latencies = Latencies()
        minimal: list[tuple[float, float]] = []
        execution_id = ""
        for _ in range(QUESTIONS):
            execution_id = await _ask(viewer, latencies)
            minimal.append(await baseline.run_once())
        minimal_start, minimal_end = [start for start, _ in minimal], [end for _, end in minimal]
        _row(table, "start accepted", "ms", latencies.accepted, minimal_start)
        _row(table, "first event seen", "ms", latencies.first_event, minimal_start)
        _row(table, "first delta seen", "ms", latencies.first_delta, minimal_end)
        _row(table, "end seen", "ms", latencies.end, minimal_end)
        history = await _history_events(product, execution_id)
        _row(table, "history", "events", [history], [await baseline.history_events()])
        _row(
            table,
            f"executions, {CONCURRENCY} concurrent",
            "/s",
            [await _throughput(viewer)],
            [await baseline.throughput(THROUGHPUT_COUNT, CONCURRENCY)],
        )
    stops = await _measure_stops(product)
    _row(table, "stop: model stopped", "ms", stops.model)
    _row(table, "stop: end seen", "ms", stops.end)


async def _ask(viewer: Viewer, latencies: Latencies) -> str:
    """Ask one question over the WebSocket; the execution's id."""
    started = time.perf_counter()
    await viewer.send(action="start_agent", input_data={"query": "What is fNIRS?"})
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


async def _throughput(viewer: Viewer) -> float:
    """Executions per second: a new one starts whenever one ends."""
    started = time.perf_counter()
    for _ in range(CONCURRENCY):
        await viewer.send(action="start_agent", input_data={"query": "What is fNIRS?"})
    for number in range(THROUGHPUT_COUNT):
        await viewer.receive_until(lambda message: message["type"] == "execution_completed")
        if number < THROUGHPUT_COUNT - CONCURRENCY:
            await viewer.send(action="start_agent", input_data={"query": "What is fNIRS?"})
    return THROUGHPUT_COUNT / (time.perf_counter() - started)


async def _measure_stops(product: Product) -> StopLatencies:
    stops = StopLatencies()
    async with product.client() as client:
        slow = {"name": "Slow", "generator": "openai:test", "max_tokens": 4000}
        agent = (await client.post("/api/agents", json=slow)).raise_for_status().json()
    async with product.viewer(agent["id"]) as viewer:
        for _ in range(STOPS):
            await viewer.start()
            await viewer.wait_for_deltas()
            disconnects = len(product.model.disconnected_at)
            started = time.monotonic()
            await viewer.send(action="stop_agent")
            end = asyncio.create_task(viewer.end())
            await until(lambda before=disconnects: len(product.model.disconnected_at) > before, seconds=10)
            await end
            stops.end.append(time.monotonic() - started)
            stops.model.append(product.model.disconnected_at[-1] - started)
    return stops


async def _history_events(product: Product, execution_id: str) -> int:
    client = await Client.connect(product.temporal_address)
    return (await client.get_workflow_handle(execution_id).describe()).history_length or 0


def _table() -> Table:
    table = Table("", "", "p50", "p95", "minimal p50", "minimal p95", "ratio of p50", box=None, header_style="")
    for column in table.columns[2:]:
        column.justify = "right"
    return table


def _row(table: Table, name: str, unit: str, values: Sequence[float], minimal: Sequence[float] = ()) -> None:
    scale = 1000 if unit == "ms" else 1
    cells = [f"{scale * _quantile(row, q):.1f}" if row else "" for row in (values, minimal) for q in (0.5, 0.95)]
    if len(values) == 1:
        cells[1] = cells[3] = ""
    ratio = f"{_quantile(values, 0.5) / _quantile(minimal, 0.5):.2f}" if minimal else ""
    table.add_row(name, unit, *cells, ratio)


def _quantile(values: Sequence[float], q: float) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=20, method="inclusive")[round(q * 20) - 1]


def _megabytes(folder: Path) -> float:
    stats = (path.lstat() for path in folder.rglob("*"))
    return sum(stat.st_blocks * 512 for stat in stats) / 1e6


if __name__ == "__main__":
    asyncio.run(main())
