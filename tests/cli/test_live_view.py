from io import StringIO

import pytest
from rich.console import Console

from dynavera.cli.live_view import SHOWN_LINES, LiveView
from dynavera.cli.options import Output
from dynavera.cli.output import write
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import DeltaContent, ExecutionEvent, agent_event
from dynavera.identifiers import new_id


def delta(offset: int, text: str) -> ExecutionEvent:
    content = DeltaContent(offset=offset, text=text)
    return agent_event(content, execution_id=new_id(), agent_id=new_id(), sequence=1, timestamp=utc_now())


def render(console: Console, output: Output, *events: ExecutionEvent) -> str:
    view = LiveView(console, output)
    for event in events:
        view.show(event)
    view.close()
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def terminal() -> Console:
    return Console(file=StringIO(), force_terminal=True, width=40, height=30, soft_wrap=True, markup=False)


def test_growing_answer_is_shown() -> None:
    output = render(terminal(), Output.TEXT, delta(0, "Light is scattered"), delta(9, "absorbed\x1b[31m by blood."))

    assert "Light is absorbed�[31m by blood." in output
    assert "Answering … 32 characters" in output


def test_only_the_last_lines_of_a_long_answer_are_shown() -> None:
    output = render(terminal(), Output.TEXT, delta(0, "\n".join(f"line {number};" for number in range(100))))

    assert "line 99;" in output
    assert f"line {100 - SHOWN_LINES - 1};" not in output


@pytest.mark.parametrize(
    ("console", "output"),
    [(terminal(), Output.JSON), (terminal(), Output.JSONL), (Console(file=StringIO()), Output.TEXT)],
)
def test_answer_is_hidden_in_json_and_without_a_terminal(console: Console, output: Output) -> None:
    assert "Light" not in render(console, output, delta(0, "Light is absorbed."))


def test_standard_output_is_not_redirected(capsys: pytest.CaptureFixture[str]) -> None:
    view = LiveView(terminal(), Output.TEXT)
    write("data")
    view.close()

    assert capsys.readouterr().out == "data\n"
