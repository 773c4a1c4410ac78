"""`python -m benchmarks.executions`: the speed and cost of executions, beside a bare workflow in the same run."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from temporalio.client import Client

from benchmarks.chaos.model import ModelServer, Plan
from benchmarks.chaos.serving import serving
from benchmarks.executions.baseline import Baseline
from benchmarks.executions.costs import Meter, memory_mb
from benchmarks.executions.latency import Latencies, ask, stops, throughput
from benchmarks.executions.lateness import lateness
from benchmarks.executions.report import Report
from tests.end_to_end.product import Product, Viewer

ONE_TOKEN, LONG, ENDLESS = "What is one token?", "What is 300 tokens long?", "What never ends?"
PLANS = {ONE_TOKEN: Plan(tokens=1), LONG: Plan(tokens=300, rate=50), ENDLESS: Plan(tokens=4000, rate=50)}
LIVE = Plan(tokens=200, rate=50)

WARM_UP = 5
QUESTIONS = 60
STOPS = 20
AT_ONCE = {25: 100, 50: 150, 200: 400}
"""Executions at once, and how many are measured."""

LIVE_EXECUTIONS = (1, 20)
MANY_VIEWERS = 200
IDLE_SECONDS = 15


async def measure(report: Report) -> None:
    """Run all measurements."""
    model = ModelServer(seed=1)
    model.plans |= PLANS
    with tempfile.TemporaryDirectory() as folder:
        async with serving(model) as port:
            endpoint = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none"}
            product = Product(Path(folder) / "data", {"DYNAVERA_GENERATOR": "extractive", **endpoint})
            report.add("ready, first start", "s", [await product.start()])
            await product.stop()
            report.add("ready, second start", "s", [await product.start()])
            try:
                await asyncio.sleep(IDLE_SECONDS)
                _add_memory(report, "idle", product)
                await _measure(product, model, report)
                _add_memory(report, "at the end", product)
            finally:
                await product.stop()
    report.add(".venv on disk", "MB", [_megabytes(Path(sys.prefix))])


async def _measure(product: Product, model: ModelServer, report: Report) -> None:
    agent_id = await _create_agent(product)
    baseline = Baseline(await Client.connect(product.temporal_address))
    async with product.viewer(agent_id) as viewer, baseline.worker():
        await _measure_latency(product, viewer, baseline, report)
        await _measure_load(product, viewer, baseline, report)
    async with product.viewer() as viewer:
        extractive = Latencies()
        for _ in range(WARM_UP + QUESTIONS):
            await ask(viewer, "What is fNIRS?", extractive)
        report.add("end seen, extractive", "ms", _ms(extractive.end[WARM_UP:]))
    for live in LIVE_EXECUTIONS:
        await _measure_lateness(product, agent_id, model, report, live)
    await _measure_viewers(product, agent_id, model, report)
    found = await stops(product, agent_id, model, ENDLESS, STOPS)
    report.add("stop: model stopped", "ms", _ms(found.model))
    report.add("stop: end seen", "ms", _ms(found.end))


async def _measure_latency(product: Product, viewer: Viewer, baseline: Baseline, report: Report) -> None:
    for _ in range(WARM_UP):
        await ask(viewer, ONE_TOKEN, Latencies())
        await baseline.run_once()
    latencies, bare_start, bare_end = Latencies(), list[float](), list[float]()
    execution_id = ""
    for _ in range(QUESTIONS):
        execution_id = await ask(viewer, ONE_TOKEN, latencies)
        accepted, ended = await baseline.run_once()
        bare_start.append(accepted)
        bare_end.append(ended)
    report.add("start accepted", "ms", _ms(latencies.accepted), _ms(bare_start))
    report.add("first event seen", "ms", _ms(latencies.first_event))
    report.add("first delta seen", "ms", _ms(latencies.first_delta))
    report.add("end seen, one token", "ms", _ms(latencies.end), _ms(bare_end))
    bare_history = await baseline.history_events()
    report.add("history, one token", "events", [await _history_events(product, execution_id)], [bare_history])
    execution_id = await ask(viewer, LONG, Latencies())
    report.add("history, 300 tokens in 6 s", "events", [await _history_events(product, execution_id)])
    meter = Meter.start(product)
    for _ in range(QUESTIONS):
        await ask(viewer, ONE_TOKEN, Latencies())
    _add_processor(report, "one at a time", meter.per_execution(QUESTIONS))


async def _measure_load(product: Product, viewer: Viewer, baseline: Baseline, report: Report) -> None:
    for concurrency, count in AT_ONCE.items():
        meter = Meter.start(product)
        rate, durations = await throughput(viewer, ONE_TOKEN, count, concurrency)
        _add_processor(report, f"{concurrency} at once", meter.per_execution(count))
        report.add(f"executions, {concurrency} at once", "/s", [rate], [await baseline.throughput(count, concurrency)])
        report.add(f"end seen, {concurrency} at once", "ms", _ms(durations))


async def _measure_lateness(product: Product, agent_id: str, model: ModelServer, report: Report, live: int) -> None:
    found = await lateness(product, agent_id, model, LIVE, live, viewers=1)
    report.add(f"preview after its token, {live} live", "ms", _ms(found.previews))
    report.add(f"delta after its token, {live} live", "ms", _ms(found.deltas))


async def _measure_viewers(product: Product, agent_id: str, model: ModelServer, report: Report) -> None:
    found = await lateness(product, agent_id, model, LIVE, 1, MANY_VIEWERS)
    report.add(f"delta after its token, {MANY_VIEWERS} viewers", "ms", _ms(found.deltas))
    report.add(f"incomplete logs of {MANY_VIEWERS} viewers", "", [found.gaps])


def _add_processor(report: Report, name: str, parts: dict[str, float]) -> None:
    for part, milliseconds in parts.items():
        report.add(f"processor, {name}: {part}", "ms", [milliseconds])
    report.add(f"processor, {name}", "ms", [sum(parts.values())])


def _add_memory(report: Report, name: str, product: Product) -> None:
    parts = memory_mb(product)
    for part, megabytes in parts.items():
        report.add(f"memory {name}: {part}", "MB", [megabytes])
    report.add(f"memory {name}", "MB", [sum(parts.values())])


async def _create_agent(product: Product) -> str:
    agent = {"name": "Bench", "generator": "openai:test", "max_tokens": 4000}
    async with product.client() as client:
        return (await client.post("/api/agents", json=agent)).raise_for_status().json()["id"]


async def _history_events(product: Product, execution_id: str) -> int:
    client = await Client.connect(product.temporal_address)
    return (await client.get_workflow_handle(execution_id).describe()).history_length or 0


def _ms(seconds: list[float]) -> list[float]:
    return [1000 * each for each in seconds]


def _megabytes(folder: Path) -> float:
    stats = (path.lstat() for path in folder.rglob("*"))
    return sum(stat.st_blocks * 512 for stat in stats) / 1e6


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.executions", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file, for `make bench-compare`")
    arguments = parser.parse_args()
    report = Report()
    try:
        asyncio.run(measure(report))
    finally:
        Console(width=110).print(report.table())
    if arguments.json is not None:
        report.save(arguments.json)


if __name__ == "__main__":
    main()
