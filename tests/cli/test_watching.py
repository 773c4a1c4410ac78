from io import StringIO

import pytest
from rich.console import Console

from dynavera.cli.options import Output
from dynavera.cli.output import write
from dynavera.cli.watching import SHOWN_LINES, Watching
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import DeltaContent, ExecutionEvent, agent_event
from dynavera.identifiers import new_id


def delta(offset: int, text: str) -> ExecutionEvent:
    content = DeltaContent(offset=offset, text=text)
    return agent_event(content, execution_id=new_id(), agent_id=new_id(), sequence=1, timestamp=utc_now())


def shown(console: Console, output: Output, *events: ExecutionEvent) -> str:
    watching = Watching(console, output)
    for event in events:
        watching.show(event)
    watching.close()
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def terminal() -> Console:
    return Console(file=StringIO(), force_terminal=True, width=40, height=30, soft_wrap=True, markup=False)


def test_the_answer_is_shown_as_it_grows() -> None:
    said = shown(terminal(), Output.TEXT, delta(0, "Light is scattered"), delta(9, "absorbed\x1b[31m by blood."))

    assert "Light is absorbed�[31m by blood." in said
    assert "Answering … 32 characters" in said


def test_of_a_long_answer_the_last_lines_are_shown() -> None:
    said = shown(terminal(), Output.TEXT, delta(0, "\n".join(f"line {number};" for number in range(100))))

    assert "line 99;" in said
    assert f"line {100 - SHOWN_LINES - 1};" not in said


@pytest.mark.parametrize(
    ("console", "output"),
    [(terminal(), Output.JSON), (terminal(), Output.JSONL), (Console(file=StringIO()), Output.TEXT)],
)
def test_for_programs_nothing_of_the_answer_is_shown(console: Console, output: Output) -> None:
    assert "Light" not in shown(console, output, delta(0, "Light is absorbed."))


def test_data_goes_to_standard_output_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    watching = Watching(terminal(), Output.TEXT)
    write("data")
    watching.close()

    assert capsys.readouterr().out == "data\n"
