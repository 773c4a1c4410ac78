"""`python -m benchmarks.chaos`: break every part in every phase, and print what survived."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chaos import repertoire
from benchmarks.chaos.first_start import try_first_starts
from benchmarks.chaos.histories import replay_all
from benchmarks.chaos.product import OURS, Layout
from benchmarks.chaos.report import Report
from benchmarks.chaos.scenes import Played, Scene
from benchmarks.chaos.stage import Run, bench_of, left_over, play_all
from benchmarks.chaos.storm import Storm, race
from benchmarks.chaos.watched import Watched
from tests.postgres import server_programs

SHORT_WATCHED = 10
"""Executions of the short run that are watched, in each layout."""


def main() -> int:
    """Run what the arguments say; 1 when something did not survive, or the run is void."""
    args = _arguments().parse_args()
    if args.long:
        args.matrix, args.races, args.storm = True, args.races or 500, args.storm or 200
        args.watched = args.watched or 500
    if args.short:
        args.watched = args.watched or SHORT_WATCHED
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="dynavera-chaos-", ignore_cleanup_errors=True) as folder:
        asks_every = 1 / args.asks if args.asks else None
        return asyncio.run(_run(args, Run(Path(args.folder or folder), args.seed, args.rate, asks_every)))


async def _run(args: argparse.Namespace, run: Run) -> int:
    report = Report(run.seed, args.report)
    began = time.monotonic()
    scenes = _scenes(args)
    if scenes:
        played: list[Played] = []
        await play_all(run, scenes, played)
        report.add_scenes(played)
    if args.races:
        async with bench_of(run, "apart", "races") as bench:
            report.add_races(await race(bench, args.races))
    if args.storm:
        async with bench_of(run, "together", "storm") as bench:
            storm = Storm(bench, args.storm, args.at_once, args.seconds)
            await storm.rage()
            report.add_storm(storm, await left_over(bench))
    if args.watched:
        for layout in _layouts(args):
            await _watch(args, run, layout, report)
    if args.first_start:
        report.add_first_starts(await try_first_starts(run, args.first_start))
    print(f"\nIt took {time.monotonic() - began:.0f} s.")
    return report.exit_code


def _layouts(args: argparse.Namespace) -> Sequence[Layout]:
    if args.layout is not None:
        return (args.layout,)
    # The short run is a test, which runs without PostgreSQL too.
    return ("together",) if args.short and server_programs() is None else ("together", "cluster")


async def _watch(args: argparse.Namespace, run: Run, layout: Layout, report: Report) -> None:
    async with bench_of(run, layout, f"watched-{layout}") as bench:
        watched = Watched(bench, args.watched)
        await watched.run()
        left = await left_over(bench)
        report.add_watched(watched, await replay_all(bench.temporal, bench.started), left)


def _scenes(args: argparse.Namespace) -> list[Scene]:
    scenes: Sequence[Scene] = []
    if args.short:
        scenes = repertoire.short()
    elif args.matrix:
        scenes = [*repertoire.matrix(), *repertoire.stops()]
    return args.repeat * [scene for scene in scenes if args.only is None or args.only in scene.name]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few scenes that stand for the rest, under 5 minutes")
    parser.add_argument("--matrix", action="store_true", help="every fault in every phase, and stops in all of them")
    parser.add_argument(
        "--long", action="store_true", help="the matrix, 500 races, a storm of 200 executions, and 500 watched ones"
    )
    parser.add_argument("--races", type=int, default=0, metavar="N", help="stops in the moment of the end")
    parser.add_argument("--storm", type=int, default=0, metavar="N", help="executions under random kills")
    parser.add_argument("--at-once", type=int, default=12, help="how many of the storm's executions run at a time")
    parser.add_argument("--seconds", type=float, default=600, help="about how long the storm lasts")
    parser.add_argument(
        "--watched", type=int, default=0, metavar="N", help="executions that are asked about while workers are killed"
    )
    parser.add_argument("--layout", choices=("together", "cluster"), help="of the watched ones; both by default")
    parser.add_argument(
        "--asks", type=float, default=20, metavar="N", help="questions a second about each execution; 0 for none"
    )
    parser.add_argument("--first-start", type=int, default=0, metavar="N", help="first starts that are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=40, help="tokens a second of the model")
    parser.add_argument("--only", help="only scenes whose fault has this in its name")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="play the scenes so often")
    parser.add_argument("--report", type=Path, help="write what was found between this page's markers")
    parser.add_argument("--folder", type=Path, help="keep data and logs here, in a folder that is empty now")
    return parser


if __name__ == "__main__":
    sys.exit(main())
