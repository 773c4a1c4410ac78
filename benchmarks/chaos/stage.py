"""What is set up for a run: the model server, instances in both layouts, and the bench's own clients."""

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
from benchmarks.chaos.matrix import faults_of
from benchmarks.chaos.model import ModelServer
from benchmarks.chaos.product import Layout, Product, product
from benchmarks.chaos.scenes import Played, Scene, play
from benchmarks.chaos.serving import serving
from benchmarks.chaos.trials import Bench
from tests.postgres import MISSING, PostgresServer, postgres_server

SMALL_DISK = "size=256m"
MOST_STREAMS = 500


class NoPostgres(Exception):
    """There is no PostgreSQL for a cluster."""


class NoSmallDisk(Exception):
    """A small file system could not be made."""


@dataclass(frozen=True)
class Run:
    """The settings of a run; with the same seed it does the same in the same order."""

    folder: Path
    seed: int
    rate: float = 40.0
    asks_every: float | None = None


@asynccontextmanager
async def bench_of(run: Run, layout: Layout, name: str | None = None) -> AsyncGenerator[Bench]:
    """A bench with an instance that runs."""
    model = ModelServer(run.seed)
    with ExitStack() as stack:
        database_url = stack.enter_context(postgres()).new_database() if layout == "cluster" else None
        async with (
            serving(model) as port,
            product(run.folder / (name or layout), layout, port, database_url) as instance,
            bench_around(run, instance, model) as bench,
        ):
            await instance.start()
            yield bench


@contextmanager
def postgres() -> Generator[PostgresServer]:
    """A PostgreSQL server of the bench's own.

    Raises:
        NoPostgres: it is not installed.
    """
    with postgres_server() as server:
        if server is None:
            raise NoPostgres(MISSING)
        yield server


@asynccontextmanager
async def bench_around(run: Run, instance: Product, model: ModelServer) -> AsyncGenerator[Bench]:
    """A bench for an instance, which need not run yet."""
    limits = httpx.Limits(max_connections=MOST_STREAMS, max_keepalive_connections=MOST_STREAMS)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as http:
        temporal = await Client.connect(instance.temporal_address, lazy=True)
        api = ApiClient(instance, http)
        yield Bench(instance, model, api, http, temporal, random.Random(run.seed), run.rate, run.asks_every)


async def play_all(run: Run, scenes: Sequence[Scene], played: list[Played]) -> None:
    """Play scenes, each layout's with one instance; `played` grows as they end."""
    layouts: tuple[Layout, ...] = ("apart", "together")
    for layout in layouts:
        ours = [scene for scene in scenes if scene.layout == layout and not isinstance(scene.fault, DiskFull)]
        if ours:
            async with bench_of(run, layout) as bench:
                await _play_with(bench, ours, played)
    full = [scene for scene in scenes if isinstance(scene.fault, DiskFull)]
    if full:
        async with small_disk(run.folder / "small"), bench_of(run, "together", "small/data") as bench:
            await _play_with(bench, full, played)


async def _play_with(bench: Bench, scenes: Sequence[Scene], played: list[Played]) -> None:
    for scene in scenes:
        one = await play(bench, scene)
        played.append(one)
        print("\n    ✗ ".join([_line(one), *faults_of([one])]), flush=True)
    played[-1].faults += await left_over(bench)
    replayed = await replay_all(bench.temporal, bench.started)
    print(replayed.text, end="", flush=True)
    played[-1].faults += replayed.faults


async def left_over(bench: Bench) -> list[str]:
    """What is left in the records or in Temporal when everything has ended."""
    live = len(await bench.api.live())
    open_ones = (await bench.temporal.count_workflows("ExecutionStatus = 'Running'")).count
    return [f"left over: {live} in the records, {open_ones} in Temporal"] if live or open_ones else []


@asynccontextmanager
async def small_disk(folder: Path) -> AsyncGenerator[None]:
    """A small file system of its own at `folder`.

    Raises:
        NoSmallDisk: it cannot be made.
    """
    await asyncio.to_thread(folder.mkdir, parents=True)
    await _called("mount", "-t", "tmpfs", "-o", SMALL_DISK, "chaos", str(folder))
    try:
        yield
    finally:
        await _called("umount", "--lazy", str(folder))


async def _called(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait() != 0:
        raise NoSmallDisk(f"{' '.join(command)} failed.")


def _line(played: Played) -> str:
    cells = " ".join("✓" if verdict.survived else "✗" for verdict in played.verdicts)
    healthy = f"{played.healthy:.1f} s" if played.healthy is not None else "never"
    kind = "stop, " if played.scene.stops else ""
    return f"{kind}{played.scene.name} ({played.scene.layout}): {cells}; healthy after {healthy}"
