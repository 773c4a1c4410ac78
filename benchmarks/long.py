"""`python -m benchmarks.long`: one long answer with five viewers; memory, history and log while it is written."""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psutil

from benchmarks.chaos.model import Plan
from benchmarks.chaos.product import OURS, PARTS
from benchmarks.chaos.stage import Run, bench_of
from benchmarks.chaos.trials import Bench
from benchmarks.chaos.viewers import RestlessSocket, Seen, follow_by_sse

MOST_HISTORY_EVENTS = 15_000
TAKEN_OVER_SECONDS = 3.0
MOST_GROWTH_MB = 100
SETTLING_SECONDS = 120
RECONNECT_SECONDS = 20.0
QUERY_SECONDS = 3
MOST_TOKENS = 131_072
"""The most that an agent may be allowed."""


class EveryTwentySeconds(random.Random):
    """The chance of a viewer that reconnects at a steady pace."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 -- the library's signature
        """Always the same."""
        return RECONNECT_SECONDS


@dataclass
class Watched:
    """What is measured while the answer grows."""

    bench: Bench
    execution_id: UUID
    viewers: list[Seen]
    memory: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    history: int = 0
    faults: list[str] = field(default_factory=list[str])

    async def look(self) -> None:
        """Measure once, and print it."""
        described = await self.bench.temporal.get_workflow_handle(str(self.execution_id)).describe()
        self.history = described.history_length or self.history
        now = {part: _megabytes(self.bench.product.pid(part)) for part in PARTS}
        for part, megabytes in now.items():
            self.memory.setdefault(part, []).append(megabytes)
        seen = " ".join(str(viewer.last) for viewer in self.viewers)
        memory = " ".join(f"{part} {megabytes:.0f}" for part, megabytes in now.items())
        print(f"{time.strftime('%X')}  history {self.history}  events seen {seen}  MB {memory}", flush=True)


async def run(args: argparse.Namespace, folder: Path) -> int:
    """Run it; 1 when something did not hold."""
    async with bench_of(Run(folder, args.seed, args.rate), "together") as bench:
        question = "What is a long answer made of?"
        bench.model.plans[question] = Plan(tokens=int(args.minutes * 60 * args.rate), rate=args.rate)
        agent_id = await bench.api.agent("Long", MOST_TOKENS)
        execution_id = await bench.api.start(agent_id, question, "once")
        watched = Watched(bench, execution_id, [Seen() for _ in range(5)])
        with _watching(watched, agent_id):
            taken_over = await _until_the_end(watched, args.minutes * 60)
        return await _verdict(watched, question, taken_over)


async def _until_the_end(watched: Watched, lasts: float) -> float | None:
    began = time.monotonic()
    taken_over: float | None = None
    while watched.viewers[1].last < 2:  # noqa: ASYNC110 -- a viewer's log grows without a word
        await asyncio.sleep(0.02)
    while not all(viewer.ended.is_set() for viewer in watched.viewers):
        if time.monotonic() - began > lasts + SETTLING_SECONDS:
            watched.faults.append("the answer did not end in time")
            return taken_over
        if taken_over is None and time.monotonic() - began > lasts * 2 / 3:
            taken_over = await _kill_the_worker(watched)
        await watched.look()
        await asyncio.sleep(min(30, lasts / 10))
    return taken_over


async def _kill_the_worker(watched: Watched) -> float:
    """Kill it; how many seconds after the next one has come the first query is answered."""
    product = watched.bench.product
    killed = product.signal("worker", signal.SIGKILL)
    print(f"the worker ({killed}) is killed", flush=True)
    while (pid := product.pid("worker")) is None or pid == killed:  # noqa: ASYNC110 -- a file tells in no other way
        await asyncio.sleep(0.02)
    came = time.monotonic()
    handle = watched.bench.temporal.get_workflow_handle(str(watched.execution_id))
    while True:
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                await handle.query("snapshot")
        except TimeoutError:
            continue
        took = time.monotonic() - came
        print(f"the next one answers a query {took:.1f} s after its start", flush=True)
        return took


async def _verdict(watched: Watched, question: str, taken_over: float | None) -> int:
    bench = watched.bench
    log = await bench.api.log(watched.execution_id)
    texts = {viewer.text() for viewer in watched.viewers}
    faults = watched.faults + [complaint for viewer in watched.viewers for complaint in viewer.complaints]
    if [event["sequence"] for event in log] != list(range(1, len(log) + 1)):
        faults.append("the log is not dense")
    if any(viewer.events != log for viewer in watched.viewers):
        faults.append("a viewer saw another log")
    if texts != {bench.model.answer(question)}:
        faults.append("the answer is not the model's")
    if watched.history > MOST_HISTORY_EVENTS:
        faults.append(f"the history has more than {MOST_HISTORY_EVENTS} events")
    for part, megabytes in watched.memory.items():
        settled = megabytes[len(megabytes) // 4 :]
        print(f"{part}: {settled[0]:.0f} MB a quarter in, {settled[-1]:.0f} MB at the end, most {max(megabytes):.0f}")
        if settled[-1] - settled[0] > MOST_GROWTH_MB:
            faults.append(f"{part} grew by {settled[-1] - settled[0]:.0f} MB")
    twice = bench.model.emitted(question) - bench.model.plans[question].tokens
    print(
        f"{len(log)} events, {watched.history} of history, answer of {len(max(texts, key=len))} characters, "
        f"{twice} tokens paid twice, taken over in {taken_over} s (at most {TAKEN_OVER_SECONDS} is the aim)"
    )
    print("\n".join(faults) or "Everything held.")
    return 1 if faults else 0


@contextmanager
def _watching(watched: Watched, agent_id: UUID) -> Generator[None]:
    bench, execution_id = watched.bench, watched.execution_id
    url, token = bench.product.url, bench.api.token
    restless = RestlessSocket(url, token, agent_id, execution_id, watched.viewers[0], EveryTwentySeconds())
    tasks = [asyncio.create_task(restless.follow())] + [
        asyncio.create_task(follow_by_sse(bench.http, url, token, execution_id, seen)) for seen in watched.viewers[1:]
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def _megabytes(pid: int | None) -> float:
    try:
        return psutil.Process(pid).memory_info().rss / 2**20 if pid is not None else 0.0
    except psutil.NoSuchProcess:
        return 0.0


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long", description=__doc__)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--rate", type=float, default=20, help="tokens a second of the model")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="dynavera-long-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(run(args, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
