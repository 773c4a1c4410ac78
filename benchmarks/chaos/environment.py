"""The environment of a run: the model server, instances in each layout, and the bench's clients."""

import asyncio
import random
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from temporalio.client import Client

from benchmarks.chaos.client import ApiClient
from benchmarks.chaos.faults import DiskFull
from benchmarks.chaos.histories import replay_all
from benchmarks.chaos.matrix import failures_of
from benchmarks.chaos.model import ModelServer
from benchmarks.chaos.product import Layout, Product, product
from benchmarks.chaos.scenario import Scenario, ScenarioResult, run_scenario
from benchmarks.chaos.serving import serving
from benchmarks.chaos.trials import Bench
from tests.postgres import MISSING, PostgresServer, postgres_server

SMALL_DISK = "size=256m"
MAX_CONNECTIONS = 500


class NoPostgres(Exception):
    """There is no PostgreSQL for a cluster."""


class NoSmallDisk(Exception):
    """A small file system could not be mounted."""


@dataclass(frozen=True)
class Run:
    """The settings of a run; with the same seed it does the same in the same order."""

    folder: Path
    seed: int
    rate: float = 40.0
    poll_interval: float | None = None


@asynccontextmanager
async def running_bench(run: Run, layout: Layout, name: str | None = None) -> AsyncGenerator[Bench]:
    """A bench with a running instance."""
    model = ModelServer(run.seed)
    with ExitStack() as stack:
        database_url = stack.enter_context(postgres()).new_database() if layout == "cluster" else None
        async with (
            serving(model) as port,
            product(run.folder / (name or layout), layout, port, database_url) as instance,
            bench_for(run, instance, model) as bench,
        ):
            await instance.start()
            yield bench


@contextmanager
def postgres() -> Generator[PostgresServer]:
    """A separate PostgreSQL server.

    Raises:
        NoPostgres: it is not installed.
    """
    with postgres_server() as server:
        if server is None:
            raise NoPostgres(MISSING)
        yield server


@asynccontextmanager
async def bench_for(run: Run, instance: Product, model: ModelServer) -> AsyncGenerator[Bench]:
    """A bench for an instance, which may start later."""
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as http:
        temporal = await Client.connect(instance.temporal_address, lazy=True)
        api = ApiClient(instance, http)
        yield Bench(instance, model, api, http, temporal, random.Random(run.seed), run.rate, run.poll_interval)


async def run_scenarios(run: Run, scenarios: Sequence[Scenario], results: list[ScenarioResult]) -> None:
    """Run scenarios, those of each layout on one instance; each result is appended to `results` as it comes."""
    layouts: tuple[Layout, ...] = ("apart", "together")
    for layout in layouts:
        selected = [each for each in scenarios if each.layout == layout and not isinstance(each.fault, DiskFull)]
        if selected:
            async with running_bench(run, layout) as bench:
                await _run_with(bench, selected, results)
    disk_full = [scenario for scenario in scenarios if isinstance(scenario.fault, DiskFull)]
    if disk_full:
        async with small_disk(run.folder / "small"), running_bench(run, "together", "small/data") as bench:
            await _run_with(bench, disk_full, results)


async def _run_with(bench: Bench, scenarios: Sequence[Scenario], results: list[ScenarioResult]) -> None:
    for scenario in scenarios:
        result = await run_scenario(bench, scenario)
        results.append(result)
        print("\n    ✗ ".join([_line(result), *failures_of([result])]), flush=True)
    results[-1].failures += await find_leftovers(bench)
    replays = await replay_all(bench.temporal, bench.started)
    print(replays.text, end="", flush=True)
    results[-1].failures += replays.failures


async def find_leftovers(bench: Bench) -> list[str]:
    """Executions that still run in the records or in Temporal after all should have ended."""
    live = len(await bench.api.live())
    open_workflows = (await bench.temporal.count_workflows("ExecutionStatus = 'Running'")).count
    if live == open_workflows == 0:
        return []
    return [f"still running: {live} in the records, {open_workflows} in Temporal"]


@asynccontextmanager
async def small_disk(folder: Path) -> AsyncGenerator[None]:
    """A separate small file system, mounted at `folder`.

    Raises:
        NoSmallDisk: it cannot be mounted.
    """
    await asyncio.to_thread(folder.mkdir, parents=True)
    await _call("mount", "-t", "tmpfs", "-o", SMALL_DISK, "chaos", str(folder))
    try:
        yield
    finally:
        await _call("umount", "--lazy", str(folder))


async def _call(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait() != 0:
        raise NoSmallDisk(f"{' '.join(command)} failed.")


def _line(result: ScenarioResult) -> str:
    cells = " ".join("✓" if verdict.survived else "✗" for verdict in result.verdicts)
    healthy = f"{result.healthy_after:.1f} s" if result.healthy_after is not None else "never"
    kind = "stop, " if result.scenario.stops else ""
    return f"{kind}{result.scenario.name} ({result.scenario.layout}): {cells}; healthy after {healthy}"
