import logging

import pytest
import structlog

from dynavera.credentials import new_secret
from dynavera.telemetry import HIDDEN, formatter, without_secrets


def line_of(message: str, *args: object, **fields: object) -> str:
    record = logging.LogRecord("api", logging.INFO, __file__, 1, message, args, None)
    record.__dict__.update(fields)
    return formatter().format(record)


def test_a_record_is_one_line_that_says_when_who_and_what() -> None:
    line = line_of("The %s is\nready.", "API", execution_id="e1")

    assert "\n" not in line
    assert line.startswith("timestamp=20")
    assert ' level=info logger=api event="The API is\\nready." execution_id=e1' in line


def test_an_error_stays_on_its_line() -> None:
    error = ValueError("no")
    record = logging.LogRecord("api", logging.ERROR, __file__, 1, "Failed", (), (ValueError, error, None))

    line = formatter().format(record)

    assert "\n" not in line
    assert "ValueError: no" in line


@pytest.mark.parametrize("prefix", ["dyn", "mcp", "ses", "in"])
def test_our_own_secrets_are_hidden_wherever_they_are(prefix: str) -> None:
    secret = new_secret(prefix)

    assert secret not in line_of(f"Something said {secret} aloud")


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("GET /login?code=abc123&next=/ HTTP/1.1", "abc123"),
        ("GET /ws?x=1&token=abc123", "abc123"),
        ("authorization: Bearer abc123", "abc123"),
        ("postgresql+asyncpg://me:abc123@host/db", "abc123"),
        ("key sk-abc123abc123abc123", "abc123"),
    ],
)
def test_other_credentials_are_hidden(said: str, secret: str) -> None:
    hidden = without_secrets(said)

    assert secret not in hidden
    assert HIDDEN in hidden


def test_fields_that_carry_secrets_are_hidden() -> None:
    line = line_of("A request", authorization="plain", headers={"Cookie": "plain", "Accept": "json"})

    assert "plain" not in line
    assert "json" in line


@pytest.mark.parametrize("code", ["mcp_away", "database_away", "internal_error", 1011, -9, None])
def test_the_code_of_a_problem_can_be_read(code: str | int | None) -> None:
    line = line_of("a part is away", code=code, problem={"code": code})

    assert HIDDEN not in line
    assert line.endswith(f" code={'' if code is None else code} problem=\"{{'code': {code!r}}}\"")


@pytest.mark.parametrize(
    "code", [pytest.param(new_secret("in"), id="whole"), "in_short", "Ab3-x", "abc def", b"in_short", ["in_short"]]
)
def test_a_log_in_code_is_hidden(code: object) -> None:
    line = line_of("A log-in", code=code, body={"code": code})

    assert line.count(HIDDEN) == 2
    assert "short" not in line
    assert str(code) not in line


def test_words_are_left_alone() -> None:
    said = "It lies in_between https://example.org/a?codex=1"

    assert without_secrets("The MCP service answers at http://127.0.0.1:8001/mcp?page=2") == (
        "The MCP service answers at http://127.0.0.1:8001/mcp?page=2"
    )
    assert without_secrets(said) == said


def test_a_field_with_a_strange_name_does_not_break_the_line() -> None:
    assert "odd_name=1" in line_of("A request", **{"odd name": 1})


def test_records_of_structlog_come_out_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    from dynavera.settings import Settings
    from dynavera.telemetry import configure

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        configure(Settings())
        structlog.get_logger("worker").info("Begun", execution_id="e1")
    finally:
        root.handlers, root.level = handlers, level
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()

    assert " level=info logger=worker event=Begun execution_id=e1\n" in capsys.readouterr().err
