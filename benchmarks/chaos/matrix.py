"""The survival matrix, phase by fault, and summaries, as Markdown."""

from collections.abc import Callable, Iterable, Sequence
from statistics import quantiles

from benchmarks.chaos.checks import Verdict
from benchmarks.chaos.phases import COLUMNS
from benchmarks.chaos.scenario import ScenarioResult

NOT_RUN = "–"


def survival_table(results: Sequence[ScenarioResult]) -> str:
    """A row per fault; a cell has the seconds of silence and the tokens that were generated twice."""
    return _table(results, "fault", _cell)


def stop_table(results: Sequence[ScenarioResult]) -> str:
    """A row per fault; a cell has the seconds until the model's client disconnected, and until the terminal event."""
    return _table(results, "stopped during", _stop_cell)


def failures_of(results: Iterable[ScenarioResult]) -> list[str]:
    """All failures, one line each."""
    lines: list[str] = []
    for result in results:
        lines += [f"{result.scenario.name}: {failure}" for failure in result.failures]
        for verdict in result.verdicts:
            lines += [f"{result.scenario.name} / {verdict.phase}: {failure}" for failure in verdict.failures]
    return lines


def summary(verdicts: Sequence[Verdict]) -> str:
    """The figures of many trials in a few lines."""
    if not verdicts:
        return "No executions.\n"
    survived = sum(verdict.survived for verdict in verdicts)
    repeated = sum(verdict.repeated_tokens for verdict in verdicts if verdict.status == "completed")
    after_end = sum(verdict.tokens_after_end for verdict in verdicts)
    lines = [
        f"- executions: {len(verdicts)}, survived: {survived}",
        f"- seconds of silence: {_distribution([verdict.silence for verdict in verdicts])}",
        f"- tokens generated twice: {repeated} in total; tokens after the end: {after_end}",
    ]
    to_end = [verdict.stop_to_end for verdict in verdicts if verdict.stop_to_end is not None]
    to_model = [verdict.stop_to_model for verdict in verdicts if verdict.stop_to_model is not None]
    if to_end:
        lines.append(f"- from a stop to the terminal event, seconds: {_distribution(to_end)}")
    if to_model:
        lines.append(f"- from a stop until the model's client disconnects, seconds: {_distribution(to_model)}")
    return "\n".join(lines) + "\n"


def is_void(verdicts: Sequence[Verdict]) -> bool:
    """Whether so many executions failed that the run proves nothing."""
    return 2 * sum(verdict.status in ("lost", "failed") for verdict in verdicts) >= len(verdicts)


def _table(results: Sequence[ScenarioResult], title: str, cell: Callable[[Verdict], str]) -> str:
    columns = [phase.value for phase in COLUMNS]
    rows = [[title, *columns, "healthy after"], ["---"] * (len(columns) + 2)]
    for name, group in _rows(results).items():
        verdicts = [verdict for result in group for verdict in result.verdicts]
        cells = [_worst_cell([verdict for verdict in verdicts if verdict.phase == column], cell) for column in columns]
        healthy = [result.healthy_after for result in group if result.healthy_after is not None]
        rows.append([name, *cells, f"{max(healthy):.1f} s" if len(healthy) == len(group) else "✗"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _rows(results: Sequence[ScenarioResult]) -> dict[str, list[ScenarioResult]]:
    """The results by row. A row may have several scenarios, if its phases cannot be reached together."""
    groups: dict[str, list[ScenarioResult]] = {}
    for result in results:
        layout = " (run by one `up`)" if result.scenario.layout == "together" else ""
        groups.setdefault(f"{result.scenario.name}{layout}", []).append(result)
    return groups


def _worst_cell(verdicts: Sequence[Verdict], cell: Callable[[Verdict], str]) -> str:
    if not verdicts:
        return NOT_RUN
    return cell(max(verdicts, key=lambda verdict: (not verdict.survived, verdict.stop_to_end or verdict.silence)))


def _cell(verdict: Verdict) -> str:
    return f"{_mark(verdict)} {verdict.silence:.1f} s · {max(0, verdict.repeated_tokens)}"


def _stop_cell(verdict: Verdict) -> str:
    if verdict.stop_to_end is None:
        return _mark(verdict)
    to_model = f"{verdict.stop_to_model:.2f}" if verdict.stop_to_model is not None else NOT_RUN
    return f"{_mark(verdict)} {to_model} · {verdict.stop_to_end:.2f} s"


def _mark(verdict: Verdict) -> str:
    return "✓" if verdict.survived else "✗"


def _distribution(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.2f}" if values else NOT_RUN
    percentiles = quantiles(values, n=100, method="inclusive")
    return f"median {percentiles[49]:.2f}, 95th percentile {percentiles[94]:.2f}, maximum {max(values):.2f}"
