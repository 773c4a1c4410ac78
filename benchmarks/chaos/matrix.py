"""The survival matrix: phase by fault, as Markdown."""

from collections.abc import Callable, Iterable, Sequence
from statistics import quantiles

from benchmarks.chaos.checks import Verdict
from benchmarks.chaos.phases import COLUMNS
from benchmarks.chaos.scenes import Played

NOT_PLAYED = "–"


def matrix_of(plays: Sequence[Played]) -> str:
    """A row for each fault: survived, seconds of silence, tokens paid twice."""
    return _table(plays, "fault", _cell)


def stops_of(plays: Sequence[Played]) -> str:
    """A row for each fault: seconds until the model saw its client leave, and until the terminal event."""
    return _table(plays, "stopped during", _stop_cell)


def faults_of(plays: Iterable[Played]) -> list[str]:
    """Everything that was found, one line each."""
    found: list[str] = []
    for played in plays:
        found += [f"{played.scene.name}: {fault}" for fault in played.faults]
        for verdict in played.verdicts:
            found += [f"{played.scene.name} / {verdict.phase}: {fault}" for fault in verdict.faults]
    return found


def summary_of(verdicts: Sequence[Verdict]) -> str:
    """The figures of many trials in a few lines."""
    if not verdicts:
        return "Nothing was tried.\n"
    survived = sum(verdict.survived for verdict in verdicts)
    twice = sum(verdict.paid_twice for verdict in verdicts if verdict.status == "completed")
    late = sum(verdict.after_the_end for verdict in verdicts)
    lines = [
        f"- executions: {len(verdicts)}, survived: {survived}",
        f"- seconds of silence: {_spread([verdict.silence for verdict in verdicts])}",
        f"- tokens paid twice: {twice} in all; tokens after the end: {late}",
    ]
    seen = [verdict.stop_seen for verdict in verdicts if verdict.stop_seen is not None]
    reached = [verdict.stop_reached_model for verdict in verdicts if verdict.stop_reached_model is not None]
    if seen:
        lines.append(f"- from a stop to the terminal event, seconds: {_spread(seen)}")
    if reached:
        lines.append(f"- from a stop to the model seeing its client leave, seconds: {_spread(reached)}")
    return "\n".join(lines) + "\n"


def is_void(verdicts: Sequence[Verdict]) -> bool:
    """Whether so many failed that the run says nothing."""
    return 2 * sum(verdict.status in ("lost", "failed") for verdict in verdicts) >= len(verdicts)


def _table(plays: Sequence[Played], title: str, cell: Callable[[Verdict], str]) -> str:
    columns = [phase.value for phase in COLUMNS]
    rows = [[title, *columns, "healthy after"], ["---"] * (len(columns) + 2)]
    for name, group in _by_name(plays).items():
        verdicts = [verdict for played in group for verdict in played.verdicts]
        cells = [_of_worst([verdict for verdict in verdicts if verdict.phase == column], cell) for column in columns]
        healthy = [played.healthy for played in group if played.healthy is not None]
        rows.append([name, *cells, f"{max(healthy):.1f} s" if len(healthy) == len(group) else "✗"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _by_name(plays: Sequence[Played]) -> dict[str, list[Played]]:
    """A row may be played in several scenes, when its phases cannot be brought about together."""
    groups: dict[str, list[Played]] = {}
    for played in plays:
        groups.setdefault(f"{played.scene.name}{_instance(played)}", []).append(played)
    return groups


def _of_worst(verdicts: Sequence[Verdict], cell: Callable[[Verdict], str]) -> str:
    if not verdicts:
        return NOT_PLAYED
    return cell(max(verdicts, key=lambda verdict: (not verdict.survived, verdict.stop_seen or verdict.silence)))


def _instance(played: Played) -> str:
    return " (run by one `up`)" if played.scene.layout == "together" else ""


def _cell(verdict: Verdict) -> str:
    return f"{_mark(verdict)} {verdict.silence:.1f} s · {max(0, verdict.paid_twice)}"


def _stop_cell(verdict: Verdict) -> str:
    if verdict.stop_seen is None:
        return _mark(verdict)
    reached = f"{verdict.stop_reached_model:.2f}" if verdict.stop_reached_model is not None else NOT_PLAYED
    return f"{_mark(verdict)} {reached} · {verdict.stop_seen:.2f} s"


def _mark(verdict: Verdict) -> str:
    return "✓" if verdict.survived else "✗"


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.2f}" if values else NOT_PLAYED
    cuts = quantiles(values, n=100, method="inclusive")
    return f"median {cuts[49]:.2f}, 95th percentile {cuts[94]:.2f}, most {max(values):.2f}"
