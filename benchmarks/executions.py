"""`python -m benchmarks.executions`: how long an execution takes, beside a bare workflow on the same server."""

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
AT_ONCE = 10
MANY = 100
STOPS = 10
WARM_UP = 3
SLOW_WORDS = [f"word{number}" for number in range(400)]


@dataclass
class Figures:
    """Seconds, one for each execution."""

    accepted: list[float] = field(default_factory=list[float])
    first_event: list[float] = field(default_factory=list[float])
    first_delta: list[float] = field(default_factory=list[float])
    end: list[float] = field(default_factory=list[float])


@dataclass
class Stops:
    """Seconds from the wish to stop until the model's client has left, and until the log has ended."""

    model: list[float] = field(default_factory=list[float])
    end: list[float] = field(default_factory=list[float])


async def main() -> None:
    """Measure, and print one table."""
    model = FakeModel(SLOW_WORDS, delay=0.05)
    with tempfile.TemporaryDirectory() as folder:
        async with serving(model) as url:
            # The extractive generator is the default; one agent asks the slow model, to be stopped.
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
            await _ask(viewer, Figures())
            await baseline.once()
        figures = Figures()
        bare: list[tuple[float, float]] = []
        execution_id = ""
        for _ in range(QUESTIONS):
            execution_id = await _ask(viewer, figures)
            bare.append(await baseline.once())
        bare_start, bare_end = [start for start, _ in bare], [end for _, end in bare]
        _row(table, "start accepted", "ms", figures.accepted, bare_start)
        _row(table, "first event seen", "ms", figures.first_event, bare_start)
        _row(table, "first delta seen", "ms", figures.first_delta, bare_end)
        _row(table, "end seen", "ms", figures.end, bare_end)
        history = await _history_events(product, execution_id)
        _row(table, "history", "events", [history], [await baseline.history_events()])
        _row(
            table,
            f"executions, {AT_ONCE} at once",
            "/s",
            [await _per_second(viewer)],
            [await baseline.per_second(MANY, AT_ONCE)],
        )
    stops = await _stops(product)
    _row(table, "stop: model let go", "ms", stops.model)
    _row(table, "stop: end seen", "ms", stops.end)


async def _ask(viewer: Viewer, figures: Figures) -> str:
    """One question on the socket; its execution's id."""
    began = time.perf_counter()
    await viewer.say(action="start_agent", input_data={"query": "What is fNIRS?"})
    seen: dict[str, float] = {}
    execution_id = ""
    while "execution_completed" not in seen:
        said = await viewer.until(lambda _: True)
        kind = said.get("event_type") or said["type"]
        seen.setdefault(kind, time.perf_counter() - began)
        execution_id = said.get("execution_id", execution_id)
    figures.accepted.append(seen["accepted"])
    figures.first_event.append(seen["execution_started"])
    figures.first_delta.append(seen["delta"])
    figures.end.append(seen["execution_completed"])
    return execution_id


async def _per_second(viewer: Viewer) -> float:
    """As many executions as `MANY`, with a new one for each that ends."""
    began = time.perf_counter()
    for _ in range(AT_ONCE):
        await viewer.say(action="start_agent", input_data={"query": "What is fNIRS?"})
    for number in range(MANY):
        await viewer.until(lambda said: said["type"] == "execution_completed")
        if number < MANY - AT_ONCE:
            await viewer.say(action="start_agent", input_data={"query": "What is fNIRS?"})
    return MANY / (time.perf_counter() - began)


async def _stops(product: Product) -> Stops:
    stops = Stops()
    async with product.client() as client:
        slow = {"name": "Slow", "generator": "openai:test", "max_tokens": 4000}
        agent = (await client.post("/api/agents", json=slow)).raise_for_status().json()
    async with product.viewer(agent["id"]) as viewer:
        for _ in range(STOPS):
            await viewer.start()
            await viewer.in_mid_answer()
            left = len(product.model.disconnected_at)
            began = time.monotonic()
            await viewer.say(action="stop_agent")
            ended = asyncio.create_task(viewer.end())
            await until(lambda before=left: len(product.model.disconnected_at) > before, seconds=10)
            await ended
            stops.end.append(time.monotonic() - began)
            stops.model.append(product.model.disconnected_at[-1] - began)
    return stops


async def _history_events(product: Product, execution_id: str) -> int:
    client = await Client.connect(product.temporal_address)
    return (await client.get_workflow_handle(execution_id).describe()).history_length or 0


def _table() -> Table:
    table = Table("", "", "p50", "p95", "bare p50", "bare p95", "ratio of p50", box=None, header_style="")
    for column in table.columns[2:]:
        column.justify = "right"
    return table


def _row(table: Table, name: str, unit: str, figures: Sequence[float], bare: Sequence[float] = ()) -> None:
    scale = 1000 if unit == "ms" else 1
    cells = [f"{scale * _quantile(values, q):.1f}" if values else "" for values in (figures, bare) for q in (0.5, 0.95)]
    if len(figures) == 1:
        cells[1] = cells[3] = ""
    ratio = f"{_quantile(figures, 0.5) / _quantile(bare, 0.5):.2f}" if bare else ""
    table.add_row(name, unit, *cells, ratio)


def _quantile(values: Sequence[float], q: float) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=20, method="inclusive")[round(q * 20) - 1]


def _megabytes(folder: Path) -> float:
    files = (path.lstat() for path in folder.rglob("*"))
    return sum(found.st_blocks * 512 for found in files) / 1e6


if __name__ == "__main__":
    asyncio.run(main())
