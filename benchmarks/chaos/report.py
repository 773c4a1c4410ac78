"""What a run has found: printed, kept for the exit code, and written into a page."""

import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.checks import Verdict
from benchmarks.chaos.first_start import FirstStart
from benchmarks.chaos.histories import Replayed
from benchmarks.chaos.matrix import faults_of, is_void, matrix_of, stops_of, summary_of
from benchmarks.chaos.scenes import Played
from benchmarks.chaos.storm import Storm
from benchmarks.chaos.watched import Watched


class MarkersMissing(Exception):
    """The page has no place for a part of the report."""


@dataclass
class Report:
    """The parts of a run, each between markers of its own when there is a page."""

    seed: int
    page: Path | None
    faults: list[str] = field(default_factory=list[str])
    void: list[str] = field(default_factory=list[str])

    def add_scenes(self, played: Sequence[Played]) -> None:
        """The survival matrix, and the stops."""
        for name, stops, table in (("matrix", False, matrix_of), ("stops", True, stops_of)):
            ours = [one for one in played if one.scene.stops is stops]
            if ours:
                verdicts = [verdict for one in ours for verdict in one.verdicts]
                self._add(name, table(ours), verdicts, faults_of(ours))

    def add_storm(self, storm: Storm, left_over: list[str]) -> None:
        """The storm."""
        struck = ", ".join(f"{fault} {times} times" for fault, times in sorted(storm.struck.items()))
        text = f"{storm.executions} executions, {storm.at_once} at once, in {storm.seconds:g} s. {struck}.\n"
        self._add("storm", text, storm.verdicts, [*_of_verdicts(storm.verdicts), *storm.faults, *left_over])

    def add_watched(self, watched: Watched, replayed: Replayed, left_over: list[str]) -> None:
        """The executions that were watched while their workers were killed."""
        layout = watched.bench.product.layout
        every = watched.bench.asks_every
        asked = f"each asked about {1 / every:.0f} times a second, " if every is not None else ""
        text = f"{watched.executions} executions, {watched.at_once} at once, {asked}{watched.kills} kills.\n"
        faults = [*_of_verdicts(watched.verdicts), *watched.faults, *left_over, *replayed.faults]
        self._add(f"watched-{layout}", f"{text}{replayed.text}", watched.verdicts, faults)

    def add_races(self, verdicts: Sequence[Verdict]) -> None:
        """Stops that race the end."""
        stopped = sum(verdict.status == "stopped" for verdict in verdicts)
        text = f"{len(verdicts)} races between a stop and the end: {stopped} stopped, {len(verdicts) - stopped} not.\n"
        self._add("races", text, verdicts, _of_verdicts(verdicts))

    def add_first_starts(self, tries: Sequence[FirstStart]) -> None:
        """First starts that were killed."""
        ready = [one.ready_after for one in tries if one.ready_after is not None]
        slowest = f"; the slowest second start was ready after {max(ready):.1f} s" if ready else ""
        text = f"{len(tries)} first starts killed, {sum(one.survived for one in tries)} survived{slowest}.\n"
        faults = [f"killed after {one.killed_after:.2f} s: {one.fault}" for one in tries if not one.survived]
        self._add("first-start", text, [], faults)

    @property
    def exit_code(self) -> int:
        """0 when everything survived."""
        return 1 if self.faults or self.void else 0

    def _add(self, name: str, text: str, verdicts: Sequence[Verdict], faults: list[str]) -> None:
        if verdicts:
            text += f"\n{summary_of(verdicts)}"
            if is_void(verdicts):
                self.void.append(name)
                text += "\nVoid: most executions failed.\n"
        found = "\n".join(f"- ✗ {fault}" for fault in faults) or "Nothing was found."
        whole = f"{self._conditions()}\n\n{text.strip()}\n\n{found}"
        print(f"\n== {name}\n{whole}", flush=True)
        self.faults += faults
        if self.page is not None:
            write_between(self.page, name, whole)

    def _conditions(self) -> str:
        day = time.strftime("%Y-%m-%d", time.gmtime())
        python = sys.version.split()[0]
        machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {python}"
        return f"Run on {day}, seed {self.seed}, {machine}."


def write_between(page: Path, name: str, text: str) -> None:
    """Put `text` between the page's markers of this name.

    Raises:
        MarkersMissing: the page has none.
    """
    begin, end = f"<!-- chaos:{name}:begin -->", f"<!-- chaos:{name}:end -->"
    old = page.read_text()
    if begin not in old or end not in old:
        raise MarkersMissing(f"{page} has no place for {name!r}: it needs the lines {begin} and {end}.")
    page.write_text(f"{old.split(begin)[0]}{begin}\n\n{text.strip()}\n\n{end}{old.split(end)[1]}")


def _of_verdicts(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"{verdict.question}: {fault}" for verdict in verdicts for fault in verdict.faults]
