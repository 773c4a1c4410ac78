"""`python -m benchmarks.chaos`: inject faults into every part in every phase, and report what survived."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chaos import suites
from benchmarks.chaos.environment import Run, find_leftovers, run_scenarios, running_bench
from benchmarks.chaos.first_start import run_first_starts
from benchmarks.chaos.histories import replay_all
from benchmarks.chaos.product import SETTING_PREFIXES, Layout
from benchmarks.chaos.report import Report
from benchmarks.chaos.scenario import Scenario, ScenarioResult
from benchmarks.chaos.storm import Storm, race
from benchmarks.chaos.watched import Watched
from tests.postgres import server_programs

SHORT_WATCHED = 10
"""Watched executions of the short run, in each layout."""


def main() -> int:
    """Run the selected parts; 1 if something did not survive, or the run is void."""
    args = _arguments().parse_args()
    if args.long:
        args.matrix, args.races, args.storm = True, args.races or 500, args.storm or 200
        args.watched = args.watched or 500
    if args.short:
        args.watched = args.watched or SHORT_WATCHED
    for name in [name for name in os.environ if name.startswith(SETTING_PREFIXES)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="dynavera-chaos-", ignore_cleanup_errors=True) as folder:
        poll_interval = 1 / args.polls if args.polls else None
        return asyncio.run(_run(args, Run(Path(args.folder or folder), args.seed, args.rate, poll_interval)))


async def _run(args: argparse.Namespace, run: Run) -> int:
    report = Report(run.seed, args.report)
    started = time.monotonic()
    scenarios = _scenarios(args)
    if scenarios:
        results: list[ScenarioResult] = []
        await run_scenarios(run, scenarios, results)
        report.add_scenarios(results)
    if args.races:
        async with running_bench(run, "apart", "races") as bench:
            report.add_races(await race(bench, args.races))
    if args.storm:
        async with running_bench(run, "together", "storm") as bench:
            storm = Storm(bench, args.storm, args.at_once, args.seconds)
            await storm.run()
            report.add_storm(storm, await find_leftovers(bench))
    if args.watched:
        for layout in _layouts(args):
            await _watch(args, run, layout, report)
    if args.first_start:
        report.add_first_starts(await run_first_starts(run, args.first_start))
    print(f"\nIt took {time.monotonic() - started:.0f} s.")
    return report.exit_code


def _layouts(args: argparse.Namespace) -> Sequence[Layout]:
    if args.layout is not None:
        return (args.layout,)
    # The short run is a test that must also work without PostgreSQL.
    return ("together",) if args.short and server_programs() is None else ("together", "cluster")


async def _watch(args: argparse.Namespace, run: Run, layout: Layout, report: Report) -> None:
    async with running_bench(run, layout, f"watched-{layout}") as bench:
        watched = Watched(bench, args.watched)
        await watched.run()
        leftovers = await find_leftovers(bench)
        report.add_watched(watched, await replay_all(bench.temporal, bench.started), leftovers)


def _scenarios(args: argparse.Namespace) -> list[Scenario]:
    scenarios: Sequence[Scenario] = []
    if args.short:
        scenarios = suites.short()
    elif args.matrix:
        scenarios = [*suites.matrix(), *suites.stops()]
    return args.repeat * [each for each in scenarios if args.only is None or args.only in each.name]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a representative few, in less than 5 minutes")
    parser.add_argument("--matrix", action="store_true", help="every fault in every phase, and stops in every phase")
    parser.add_argument(
        "--long", action="store_true", help="the matrix, 500 races, a storm of 200 executions, and 500 watched ones"
    )
    parser.add_argument("--races", type=int, default=0, metavar="N", help="stops that race with the end")
    parser.add_argument("--storm", type=int, default=0, metavar="N", help="executions during random faults")
    parser.add_argument("--at-once", type=int, default=12, help="how many executions of the storm run at a time")
    parser.add_argument("--seconds", type=float, default=600, help="about how long the storm lasts")
    parser.add_argument(
        "--watched", type=int, default=0, metavar="N", help="executions that are polled while workers are killed"
    )
    parser.add_argument(
        "--layout", choices=("together", "cluster"), help="the layout of the watched executions; default: both"
    )
    parser.add_argument(
        "--polls", type=float, default=20, metavar="N", help="polls of each execution per second; 0 for none"
    )
    parser.add_argument("--first-start", type=int, default=0, metavar="N", help="first starts to kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=40, help="tokens per second of the model")
    parser.add_argument("--only", help="only scenarios whose name contains this")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="how often to run the scenarios")
    parser.add_argument("--report", type=Path, help="write the results into this page, between its markers")
    parser.add_argument("--folder", type=Path, help="keep data and logs in this empty folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
