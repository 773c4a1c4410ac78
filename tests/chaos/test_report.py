from pathlib import Path

import pytest

from benchmarks.chaos.checks import Verdict
from benchmarks.chaos.faults import Kill
from benchmarks.chaos.matrix import failures_of, is_void, survival_table
from benchmarks.chaos.phases import Phase
from benchmarks.chaos.report import MarkersMissing, replace_section
from benchmarks.chaos.scenario import Scenario, ScenarioResult
from benchmarks.chaos.viewers import ViewerLog


def completed(phase: Phase = Phase.DELTAS, *failures: str) -> Verdict:
    return Verdict(phase.value, "Why?", "completed", list(failures), silence=2.34, repeated_tokens=3)


def result(*verdicts: Verdict) -> ScenarioResult:
    return ScenarioResult(Scenario(Kill(("worker",))), list(verdicts), healthy_after=1.0)


def test_the_matrix_has_a_cell_for_each_phase() -> None:
    table = survival_table([result(completed(), completed(Phase.PROMPT, "it is lost"))])

    header, _, row = table.strip().splitlines()
    cells = dict(zip(header.strip("| ").split(" | "), row.strip("| ").split(" | "), strict=True))
    assert cells["fault"] == "kill worker"
    assert cells["between deltas"] == "✓ 2.3 s · 3"
    assert cells["before the first delta"] == "✗ 2.3 s · 3"
    assert cells["retrieving"] == "–"


def test_every_failure_is_listed_with_its_place() -> None:
    assert failures_of([result(completed(Phase.PROMPT, "it is lost"))]) == [
        "kill worker / before the first delta: it is lost"
    ]


@pytest.mark.parametrize(("failed", "void"), [(0, False), (1, False), (2, True), (4, True)])
def test_a_run_in_which_most_failed_is_void(failed: int, void: bool) -> None:
    verdicts = [completed() for _ in range(4)]
    for verdict in verdicts[:failed]:
        verdict.status = "failed"

    assert is_void(verdicts) is void


def test_only_the_text_between_the_markers_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- chaos:matrix:begin -->\nold\n<!-- chaos:matrix:end -->\nafter\n")

    replace_section(page, "matrix", "new")

    assert page.read_text() == ("before\n<!-- chaos:matrix:begin -->\n\nnew\n\n<!-- chaos:matrix:end -->\nafter\n")


def test_a_page_without_markers_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers\n")

    with pytest.raises(MarkersMissing, match="chaos:matrix:begin"):
        replace_section(page, "matrix", "new")


def event(sequence: int, type_: str = "agent_event") -> dict[str, object]:
    return {"sequence": sequence, "type": type_}


def test_gaps_duplicates_and_events_after_the_end_are_violations() -> None:
    log = ViewerLog()

    for each in (event(1), event(3), event(3), event(4, "execution_completed"), event(5)):
        log.record(each)

    assert log.violations == [
        "event 3 (agent_event) came after 1",
        "event 3 (agent_event) came after 3",
        "agent_event came after the terminal event",
    ]
