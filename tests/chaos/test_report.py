from pathlib import Path

import pytest

from benchmarks.chaos.checks import Verdict
from benchmarks.chaos.faults import Kill
from benchmarks.chaos.matrix import faults_of, is_void, matrix_of
from benchmarks.chaos.phases import Phase
from benchmarks.chaos.report import MarkersMissing, write_between
from benchmarks.chaos.scenes import Played, Scene
from benchmarks.chaos.viewers import Seen


def completed(phase: Phase = Phase.DELTAS, *faults: str) -> Verdict:
    return Verdict(phase.value, "Why?", "completed", list(faults), silence=2.34, paid_twice=3)


def played(*verdicts: Verdict) -> Played:
    return Played(Scene(Kill(("worker",))), list(verdicts), healthy=1.0)


def test_the_matrix_has_a_cell_for_each_phase() -> None:
    table = matrix_of([played(completed(), completed(Phase.PROMPT, "it is gone"))])

    header, _, row = table.strip().splitlines()
    cells = dict(zip(header.strip("| ").split(" | "), row.strip("| ").split(" | "), strict=True))
    assert cells["fault"] == "kill worker"
    assert cells["between deltas"] == "✓ 2.3 s · 3"
    assert cells["before the first delta"] == "✗ 2.3 s · 3"
    assert cells["retrieving"] == "–"


def test_every_fault_is_told_with_its_place() -> None:
    assert faults_of([played(completed(Phase.PROMPT, "it is gone"))]) == [
        "kill worker / before the first delta: it is gone"
    ]


@pytest.mark.parametrize(("failed", "void"), [(0, False), (1, False), (2, True), (4, True)])
def test_a_run_in_which_most_failed_is_void(failed: int, void: bool) -> None:
    verdicts = [completed() for _ in range(4)]
    for verdict in verdicts[:failed]:
        verdict.status = "failed"

    assert is_void(verdicts) is void


def test_the_page_is_changed_between_its_markers_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- chaos:matrix:begin -->\nold\n<!-- chaos:matrix:end -->\nafter\n")

    write_between(page, "matrix", "new")

    assert page.read_text() == ("before\n<!-- chaos:matrix:begin -->\n\nnew\n\n<!-- chaos:matrix:end -->\nafter\n")


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")

    with pytest.raises(MarkersMissing, match="chaos:matrix:begin"):
        write_between(page, "matrix", "new")


def event(sequence: int, type_: str = "agent_event") -> dict[str, object]:
    return {"sequence": sequence, "type": type_}


def test_a_viewer_complains_of_a_gap_of_a_repetition_and_of_what_follows_the_end() -> None:
    seen = Seen()

    for one in (event(1), event(3), event(3), event(4, "execution_completed"), event(5)):
        seen.see(one)

    assert seen.complaints == [
        "event 3 (agent_event) came after 1",
        "event 3 (agent_event) came after 3",
        "agent_event came after the terminal event",
    ]
