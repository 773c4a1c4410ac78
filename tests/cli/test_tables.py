from collections.abc import Sequence

import pytest
from rich.cells import cell_len

from dynavera.cli.tables import Column, table

ID = "01a2b3c4-d5e6-7f80-9a0b-1c2d3e4f5061"
COLUMNS = (
    Column("ID", "id"),
    Column("Status", "status"),
    Column("Created", "created_at"),
    Column("Question", "question", can_truncate=True),
)
QUESTION = "How does functional near-infrared spectroscopy compare with magnetic resonance imaging?"


def rows_of(*questions: str) -> Sequence[Sequence[str]]:
    return [(ID, "completed", "2026-01-02 10:11:12", question) for question in questions]


def test_row_is_one_line_if_it_fits() -> None:
    heading, lines = table(COLUMNS, rows_of("Why?"), 120)

    assert [line.split() for line in heading] == [["ID", "Status", "Created", "Question"]]
    assert lines == [f"{ID}  completed  2026-01-02 10:11:12  Why?"]


def test_row_continues_on_the_next_line() -> None:
    heading, lines = table(COLUMNS, rows_of(QUESTION, "Why?"), 80)

    assert [line.split() for line in heading] == [["ID", "Status", "Created"], ["Question"]]
    assert lines == [
        f"{ID}  completed  2026-01-02 10:11:12",
        f"  {QUESTION[:77]}…",
        f"{ID}  completed  2026-01-02 10:11:12",
        "  Why?",
    ]


@pytest.mark.parametrize("width", [60, 72, 80, 100, 132])
@pytest.mark.parametrize("question", ["Why?", QUESTION, "何" * 300, "a" * 65_500])
def test_lines_fit_the_terminal_without_truncating_ids(width: int, question: str) -> None:
    _, lines = table(COLUMNS, rows_of(question), width)

    assert max(cell_len(line) for line in lines) <= width
    assert lines[0].startswith(f"{ID}  completed")


def test_row_is_one_line_with_a_truncated_question_in_a_pipe() -> None:
    _, lines = table(COLUMNS, rows_of("a" * 65_500, "Why?"), None)

    assert [len(line) for line in lines] == [168 + 2, 74]
    assert lines[0].endswith("a…")
