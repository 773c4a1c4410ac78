import json
from importlib.metadata import version

import pytest

from dynavera.cli.client import error_from_response
from dynavera.cli.errors import UsageError
from dynavera.contracts.system import Problem
from dynavera.identifiers import new_id
from tests.cli.conftest import Cli


async def test_help_lists_every_command(offline_cli: Cli) -> None:
    result = await offline_cli("--help")

    listed = {line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")}
    assert {"up", "api", "worker", "mcp", "run", "ingest", "agents", "executions", "stop", "login"} <= listed
    assert {"doctor", "users"} <= listed


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ((), "[OPTIONS] COMMAND [ARGS]..."),
        (("run",), "run [OPTIONS] QUESTION"),
        (("ingest",), "ingest [OPTIONS] PATH..."),
        (("stop",), "stop [OPTIONS] ID"),
        (("executions",), "executions [OPTIONS]"),
        (("users",), "users [OPTIONS] COMMAND [ARGS]..."),
        (("models", "pull"), "models pull [OPTIONS] NAME"),
        (("mcp", "config"), "mcp config [OPTIONS]"),
        (("mcp",), "mcp [OPTIONS] COMMAND [ARGS]..."),
    ],
)
async def test_help_has_no_types_and_no_cut_sentences(offline_cli: Cli, arguments: tuple[str, ...], usage: str) -> None:
    result = await offline_cli(*arguments, "--help")

    text = result.stdout.replace("[ARGS]...", "").replace("PATH...", "")
    assert result.stdout.startswith(f"Usage: dynavera {usage}\n")
    assert not [mark for mark in ("...", "{", "}", "<", ">") if mark in text]
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


async def test_version_option(offline_cli: Cli) -> None:
    result = await offline_cli("--version")

    assert (result.exit_code, result.stdout) == (0, f"dynavera {version('dynavera')}\n")


@pytest.mark.parametrize(
    "arguments", [("fly",), ("agents", "--output", "xml"), ("run",), ("executions", "--limit", "0")]
)
async def test_invalid_usage_is_exit_code_2(offline_cli: Cli, arguments: tuple[str, ...]) -> None:
    result = await offline_cli(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stop", "nope"), "'ID': 'nope' is not the id of an execution: see `dynavera executions`."),
        (("users", "add", ""), "'NAME': '' is invalid: a name has 1 to 200 characters, and is not blank."),
        (("ingest", ".", "--collection", "a b"), "'--collection': 'a b' is invalid: a collection's name has "),
        (("agents", "-o", "xml"), "'--output' / '-o': 'xml' is not one of text, json, jsonl."),
        (("executions", "--status", "lost"), "'--status': 'lost' is not one of queued, running, "),
        (("executions", "--limit", "0"), "'--limit': '0' is not a whole number of at least 1."),
        (("executions", "--limit", "x"), "'--limit': 'x' is not a whole number of at least 1."),
    ],
)
async def test_invalid_value_is_reported_with_its_option(
    offline_cli: Cli, arguments: tuple[str, ...], message: str
) -> None:
    result = await offline_cli(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: Invalid value for {message}" in result.stderr


def test_status_422_is_a_usage_error() -> None:
    problem = Problem(title="Unprocessable", status=422, detail="The cursor is invalid.", code="bad_cursor")

    error = error_from_response(problem.status, problem.model_dump_json().encode())

    assert isinstance(error, UsageError)
    assert str(error) == "The cursor is invalid."


@pytest.mark.parametrize(
    "arguments", [("agents",), ("executions",), ("login",), ("stop", str(new_id())), ("users", "list")]
)
async def test_unreachable_api_is_exit_code_3(offline_cli: Cli, arguments: tuple[str, ...]) -> None:
    result = await offline_cli(*arguments)

    assert result.exit_code == 3
    assert result.stderr.startswith("Dynavera is not reachable at ")


async def test_missing_api_key_is_one_sentence(cli: Cli) -> None:
    result = await cli("agents", DYNAVERA_TOKEN="")

    assert result.exit_code == 2
    assert result.stderr.startswith("There is no API key: ")


async def test_blank_token_file_is_one_sentence(cli: Cli) -> None:
    (cli.folder / "data").mkdir()
    (cli.folder / "data" / "token").write_text("\n")

    result = await cli("agents", DYNAVERA_TOKEN="")

    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "token is blank" in result.stderr


async def test_rejected_api_key_is_one_sentence(cli: Cli) -> None:
    result = await cli("agents", DYNAVERA_TOKEN="dyn_wrong")

    assert result.exit_code == 1
    assert result.stderr == "Send an API key. The key comes from DYNAVERA_TOKEN or the data directory's token file.\n"


async def test_unknown_setting_is_refused(cli: Cli) -> None:
    result = await cli("agents", DYNAVERA_PROT="1")

    assert result.exit_code == 1
    assert result.stderr.startswith("DYNAVERA_PROT is not a setting.")


@pytest.mark.parametrize("service", ["up", "api", "worker", "mcp"])
async def test_invalid_database_url_is_one_sentence(offline_cli: Cli, service: str) -> None:
    result = await offline_cli(service, DYNAVERA_DATABASE_URL="postgres://me:secret@db/x")

    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert result.stderr.startswith("DYNAVERA_DATABASE_URL is invalid: write postgresql+asyncpg://")


async def test_doctor_reports_errors_with_advice(offline_cli: Cli) -> None:
    result = await offline_cli("doctor", "--output", "json")

    findings = {finding["name"]: finding for finding in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert findings["settings"]["ok"]
    assert findings["temporal command"]["ok"]
    assert not findings["API"]["ok"]
    assert "run `dynavera up`" in findings["API"]["detail"]
    assert "start `dynavera up` once" in findings["data directory"]["detail"]


async def test_doctor_tests_the_api_key(cli: Cli) -> None:
    accepted = await cli("doctor", "--output", "json")
    refused = await cli("doctor", DYNAVERA_TOKEN="dyn_wrong")

    findings = {finding["name"]: finding for finding in json.loads(accepted.stdout)}
    assert findings["API key"] == {"name": "API key", "ok": True, "detail": "from DYNAVERA_TOKEN"}
    assert any(line.startswith("error  API key ") for line in refused.stdout.splitlines())
    assert "not accepted: unset it to use the data directory's token." in refused.stdout
    assert refused.stdout.endswith("The API does not report them: Send an API key.\n")


async def test_up_refuses_an_unwritable_data_directory(offline_cli: Cli) -> None:
    (offline_cli.folder / "file").write_text("in the way")

    result = await offline_cli("up", DYNAVERA_DATA_DIR=str(offline_cli.folder / "file" / "data"))

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "DYNAVERA_DATA_DIR" in result.stderr
