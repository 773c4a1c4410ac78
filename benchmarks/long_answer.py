"""`python -m benchmarks.long_answer`: memory, history and log during one long answer with five viewers."""

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

from benchmarks.chaos.environment import Run, running_bench
from benchmarks.chaos.model import Plan
from benchmarks.chaos.product import PARTS, SETTING_PREFIXES
from benchmarks.chaos.trials import Bench
from benchmarks.chaos.viewers import ReconnectingSocket, ViewerLog, follow_by_sse

MAX_HISTORY_EVENTS = 15_000
TARGET_TAKEOVER_SECONDS = 3.0
MAX_GROWTH_MB = 100
END_TIMEOUT_SECONDS = 120
RECONNECT_SECONDS = 20.0
QUERY_TIMEOUT_SECONDS = 3
MAX_TOKENS = 131_072
"""The maximum of an agent's setting."""


class ConstantInterval(random.Random):
    """Makes a viewer reconnect at constant intervals."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 -- the library's signature
        """Return the interval."""
        return RECONNECT_SECONDS


@dataclass
class Measurement:
    """The measurements while the answer grows."""

    bench: Bench
    execution_id: UUID
    viewers: list[ViewerLog]
    memory: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    history: int = 0
    failures: list[str] = field(default_factory=list[str])

    async def sample(self) -> None:
        """Measure once and print the values."""
        described = await self.bench.temporal.get_workflow_handle(str(self.execution_id)).describe()
        self.history = described.history_length or self.history
        memory = {part: _megabytes(self.bench.product.pid(part)) for part in PARTS}
        for part, megabytes in memory.items():
            self.memory.setdefault(part, []).append(megabytes)
        seen = " ".join(str(viewer.last) for viewer in self.viewers)
        memory_text = " ".join(f"{part} {megabytes:.0f}" for part, megabytes in memory.items())
        print(f"{time.strftime('%X')}  history {self.history}  events seen {seen}  MB {memory_text}", flush=True)


async def run(args: argparse.Namespace, folder: Path) -> int:
    """Run the benchmark; 1 if a check fails."""
    async with running_bench(Run(folder, args.seed, args.rate), "together") as bench:
        question = "What is a long answer made of?"
        bench.model.plans[question] = Plan(tokens=int(args.minutes * 60 * args.rate), rate=args.rate)
        agent_id = await bench.api.create_agent("Long", MAX_TOKENS)
        execution_id = await bench.api.start(agent_id, question, "once")
        measurement = Measurement(bench, execution_id, [ViewerLog() for _ in range(5)])
        with _viewers(measurement, agent_id):
            takeover_seconds = await _run_to_end(measurement, args.minutes * 60)
        return await _check(measurement, question, takeover_seconds)


async def _run_to_end(measurement: Measurement, duration: float) -> float | None:
    started = time.monotonic()
    takeover_seconds: float | None = None
    while measurement.viewers[1].last < 2:  # noqa: ASYNC110 -- a viewer's log has no event for it
        await asyncio.sleep(0.02)
    while not all(viewer.ended.is_set() for viewer in measurement.viewers):
        if time.monotonic() - started > duration + END_TIMEOUT_SECONDS:
            measurement.failures.append("the answer did not end in time")
            return takeover_seconds
        if takeover_seconds is None and time.monotonic() - started > duration * 2 / 3:
            takeover_seconds = await _kill_worker(measurement)
        await measurement.sample()
        await asyncio.sleep(min(30, duration / 10))
    return takeover_seconds


async def _kill_worker(measurement: Measurement) -> float:
    """Kill the worker; seconds from the start of the next one to its first answered query."""
    product = measurement.bench.product
    killed = product.signal("worker", signal.SIGKILL)
    print(f"killed the worker ({killed})", flush=True)
    while (pid := product.pid("worker")) is None or pid == killed:  # noqa: ASYNC110 -- a file has no event for it
        await asyncio.sleep(0.02)
    restarted = time.monotonic()
    handle = measurement.bench.temporal.get_workflow_handle(str(measurement.execution_id))
    while True:
        try:
            async with asyncio.timeout(QUERY_TIMEOUT_SECONDS):
                await handle.query("snapshot")
        except TimeoutError:
            continue
        took = time.monotonic() - restarted
        print(f"the next worker answered a query {took:.1f} s after its start", flush=True)
        return took


async def _check(measurement: Measurement, question: str, takeover_seconds: float | None) -> int:
    bench = measurement.bench
    log = await bench.api.log(measurement.execution_id)
    texts = {viewer.text() for viewer in measurement.viewers}
    failures = measurement.failures + [violation for viewer in measurement.viewers for violation in viewer.violations]
    if [event["sequence"] for event in log] != list(range(1, len(log) + 1)):
        failures.append("the log has gaps")
    if any(viewer.events != log for viewer in measurement.viewers):
        failures.append("a viewer saw a different log")
    if texts != {bench.model.answer(question)}:
        failures.append("the answer is not the model's")
    if measurement.history > MAX_HISTORY_EVENTS:
        failures.append(f"the history has more than {MAX_HISTORY_EVENTS} events")
    for part, megabytes in measurement.memory.items():
        settled = megabytes[len(megabytes) // 4 :]
        print(f"{part}: {settled[0]:.0f} MB after a quarter, {settled[-1]:.0f} MB at the end, max {max(megabytes):.0f}")
        if settled[-1] - settled[0] > MAX_GROWTH_MB:
            failures.append(f"{part} grew by {settled[-1] - settled[0]:.0f} MB")
    repeated = bench.model.emitted(question) - bench.model.plans[question].tokens
    print(
        f"{len(log)} events, {measurement.history} of history, answer of {len(max(texts, key=len))} characters, "
        f"{repeated} tokens generated twice, takeover in {takeover_seconds} s (target: {TARGET_TAKEOVER_SECONDS})"
    )
    print("\n".join(failures) or "All checks passed.")
    return 1 if failures else 0


@contextmanager
def _viewers(measurement: Measurement, agent_id: UUID) -> Generator[None]:
    bench, execution_id = measurement.bench, measurement.execution_id
    url, token = bench.product.url, bench.api.token
    socket = ReconnectingSocket(url, token, agent_id, execution_id, measurement.viewers[0], ConstantInterval())
    tasks = [asyncio.create_task(socket.follow())] + [
        asyncio.create_task(follow_by_sse(bench.http, url, token, execution_id, seen))
        for seen in measurement.viewers[1:]
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
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_answer", description=__doc__)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--rate", type=float, default=20, help="the model's tokens per second")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(SETTING_PREFIXES)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="dynavera-long-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(run(args, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
