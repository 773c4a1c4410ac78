import pytest

from dynavera.cli.output import notes


def test_a_note_cannot_take_hold_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    notes().print("Temporal said \x1b]0;owned\x07 :smile:")

    assert capsys.readouterr().err == "Temporal said �]0;owned� :smile:\n"
