import pytest

from dynavera.cli.output import stderr_console


def test_control_characters_are_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    stderr_console().print("Temporal said \x1b]0;owned\x07 :smile:")

    assert capsys.readouterr().err == "Temporal said �]0;owned� :smile:\n"
