"""The figures of a run: as a table, as JSON, and compared with those of another run."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A measured quantity; `p99` if it has several values, the baseline's if it has one."""

    name: str
    unit: str
    p50: float
    p99: float | None = None
    baseline_p50: float | None = None
    baseline_p99: float | None = None


@dataclass
class Report:
    """The figures in the order of their measurement."""

    figures: list[Figure] = field(default_factory=list[Figure])

    def add(self, name: str, unit: str, values: Sequence[float], baseline: Sequence[float] = ()) -> None:
        """Add a figure by its values."""
        self.figures.append(Figure(name, unit, *_quantiles(values), *(_quantiles(baseline) if baseline else ())))

    def table(self) -> Table:
        """All figures; the ratio is that of the medians."""
        table = _table("", "", "p50", "p99", "bare p50", "bare p99", "ratio")
        for each in self.figures:
            ratio = f"{each.p50 / each.baseline_p50:.2f}" if each.baseline_p50 else ""
            cells = map(_shown, (each.p50, each.p99, each.baseline_p50, each.baseline_p99))
            table.add_row(each.name, each.unit, *cells, ratio)
        return table

    def save(self, file: Path) -> None:
        """Write the figures as JSON."""
        file.write_text(json.dumps([asdict(each) for each in self.figures], indent=2) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Report":
        """Read what `save` wrote."""
        return cls([Figure(**each) for each in json.loads(file.read_text())])


def comparison(before: Report, after: Report) -> Table:
    """The figures that both have. Two runs differ by the machine's other work: compare their bare workflows too."""
    table = _table("", "", "before", "after", "ratio", "bare before", "bare after")
    found = {each.name: each for each in after.figures}
    for old in before.figures:
        new = found.get(old.name)
        if new is not None:
            ratio = f"{new.p50 / old.p50:.2f}" if old.p50 else ""
            bare = map(_shown, (old.baseline_p50, new.baseline_p50))
            table.add_row(old.name, old.unit, _shown(old.p50), _shown(new.p50), ratio, *bare)
    return table


def _quantiles(values: Sequence[float]) -> tuple[float, float | None]:
    if len(values) == 1:
        return values[0], None
    percentiles = statistics.quantiles(values, n=100, method="inclusive")
    return percentiles[49], percentiles[98]


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, header_style="")
    for column in table.columns[2:]:
        column.justify = "right"
    return table


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
