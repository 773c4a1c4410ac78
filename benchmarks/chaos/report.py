"""The report of a run: printed, used for the exit code, and written into a page."""

import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.checks import Verdict
from benchmarks.chaos.first_start import FirstStart
from benchmarks.chaos.histories import ReplayReport
from benchmarks.chaos.matrix import failures_of, is_void, stop_table, summary, survival_table
from benchmarks.chaos.scenario import ScenarioResult
from benchmarks.chaos.storm import Storm
from benchmarks.chaos.watched import Watched


class MarkersMissing(Exception):
    """The page has no markers for a section of the report."""


@dataclass
class Report:
    """The sections of a run; each is written between its own markers if there is a page."""

    seed: int
    page: Path | None
    failures: list[str] = field(default_factory=list[str])
    void: list[str] = field(default_factory=list[str])

    def add_scenarios(self, results: Sequence[ScenarioResult]) -> None:
        """Add the survival matrix, and the stops."""
        for name, stops, table in (("matrix", False, survival_table), ("stops", True, stop_table)):
            selected = [result for result in results if result.scenario.stops is stops]
            if selected:
                verdicts = [verdict for result in selected for verdict in result.verdicts]
                self._add(name, table(selected), verdicts, failures_of(selected))

    def add_storm(self, storm: Storm, leftovers: list[str]) -> None:
        """Add the storm."""
        injected = ", ".join(f"{fault} {times} times" for fault, times in sorted(storm.injected.items()))
        text = f"{storm.executions} executions, {storm.at_once} at once, in {storm.seconds:g} s. Faults: {injected}.\n"
        self._add("storm", text, storm.verdicts, [*_failures(storm.verdicts), *storm.failures, *leftovers])

    def add_watched(self, watched: Watched, replays: ReplayReport, leftovers: list[str]) -> None:
        """Add the executions that were polled while their workers were killed."""
        layout = watched.bench.product.layout
        interval = watched.bench.poll_interval
        polled = f"each polled about {1 / interval:.0f} times a second, " if interval is not None else ""
        text = f"{watched.executions} executions, {watched.at_once} at once, {polled}{watched.kills} kills.\n"
        failures = [*_failures(watched.verdicts), *watched.failures, *leftovers, *replays.failures]
        self._add(f"watched-{layout}", f"{text}{replays.text}", watched.verdicts, failures)

    def add_races(self, verdicts: Sequence[Verdict]) -> None:
        """Add the stops that race with the end."""
        stopped = sum(verdict.status == "stopped" for verdict in verdicts)
        text = f"{len(verdicts)} races between a stop and the end: {stopped} stopped, {len(verdicts) - stopped} not.\n"
        self._add("races", text, verdicts, _failures(verdicts))

    def add_first_starts(self, starts: Sequence[FirstStart]) -> None:
        """Add the first starts that were killed."""
        ready = [start.ready_after for start in starts if start.ready_after is not None]
        slowest = f"; the slowest second start was ready after {max(ready):.1f} s" if ready else ""
        survived = sum(start.survived for start in starts)
        text = f"{len(starts)} first starts killed, {survived} survived{slowest}.\n"
        failures = [f"killed after {start.killed_after:.2f} s: {start.failure}" for start in starts if start.failure]
        self._add("first-start", text, [], failures)

    @property
    def exit_code(self) -> int:
        """0 if everything survived."""
        return 1 if self.failures or self.void else 0

    def _add(self, name: str, text: str, verdicts: Sequence[Verdict], failures: list[str]) -> None:
        if verdicts:
            text += f"\n{summary(verdicts)}"
            if is_void(verdicts):
                self.void.append(name)
                text += "\nVoid: at least half of the executions failed.\n"
        lines = "\n".join(f"- ✗ {failure}" for failure in failures) or "No failures."
        section = f"{self._conditions()}\n\n{text.strip()}\n\n{lines}"
        print(f"\n== {name}\n{section}", flush=True)
        self.failures += failures
        if self.page is not None:
            replace_section(self.page, name, section)

    def _conditions(self) -> str:
        day = time.strftime("%Y-%m-%d", time.gmtime())
        python = sys.version.split()[0]
        machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {python}"
        return f"Run on {day}, seed {self.seed}, {machine}."


def replace_section(page: Path, name: str, text: str) -> None:
    """Put `text` between the page's markers of this name.

    Raises:
        MarkersMissing: the page has none.
    """
    begin, end = f"<!-- chaos:{name}:begin -->", f"<!-- chaos:{name}:end -->"
    old = page.read_text()
    if begin not in old or end not in old:
        raise MarkersMissing(f"{page} has no section {name!r}: add the lines {begin} and {end}.")
    page.write_text(f"{old.split(begin)[0]}{begin}\n\n{text.strip()}\n\n{end}{old.split(end)[1]}")


def _failures(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"{verdict.question}: {failure}" for verdict in verdicts for failure in verdict.failures]
