import json
from importlib.metadata import version

import pytest

from dynavera.cli.client import refusal
from dynavera.cli.failures import WrongUse
from dynavera.contracts.system import Problem
from dynavera.identifiers import new_id
from tests.cli.conftest import CommandLine


async def test_every_command_is_in_the_help(nobody_there: CommandLine) -> None:
    ended = await nobody_there("--help")

    listed = {line.split()[0] for line in ended.out.splitlines() if line.startswith("  ")}
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
async def test_help_is_whole_sentences_without_types(
    nobody_there: CommandLine, arguments: tuple[str, ...], usage: str
) -> None:
    ended = await nobody_there(*arguments, "--help")

    said = ended.out.replace("[ARGS]...", "").replace("PATH...", "")
    assert ended.out.startswith(f"Usage: dynavera {usage}\n")
    assert not [mark for mark in ("...", "{", "}", "<", ">") if mark in said]
    assert max(len(line) for line in ended.out.splitlines()) <= 80


async def test_the_version_is_told(nobody_there: CommandLine) -> None:
    ended = await nobody_there("--version")

    assert (ended.code, ended.out) == (0, f"dynavera {version('dynavera')}\n")


@pytest.mark.parametrize(
    "arguments", [("fly",), ("agents", "--output", "xml"), ("run",), ("executions", "--limit", "0")]
)
async def test_a_command_that_makes_no_sense_is_exit_code_2(
    nobody_there: CommandLine, arguments: tuple[str, ...]
) -> None:
    ended = await nobody_there(*arguments)

    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stop", "nope"), "'ID': 'nope' is not the id of an execution: see `dynavera executions`."),
        (("users", "add", ""), "'NAME': '' cannot be used: a name has 1 to 200 characters, and is not blank."),
        (("ingest", ".", "--collection", "a b"), "'--collection': 'a b' cannot be used: a collection's name has "),
        (("agents", "-o", "xml"), "'--output' / '-o': 'xml' is not one of text, json, jsonl."),
        (("executions", "--status", "lost"), "'--status': 'lost' is not one of queued, running, "),
        (("executions", "--limit", "0"), "'--limit': '0' is not a whole number of at least 1."),
        (("executions", "--limit", "x"), "'--limit': 'x' is not a whole number of at least 1."),
    ],
)
async def test_what_cannot_be_is_said_in_words_with_its_place(
    nobody_there: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    ended = await nobody_there(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert f"Error: Invalid value for {said}" in ended.err


def test_what_the_api_cannot_make_sense_of_is_wrong_use() -> None:
    problem = Problem(title="Unprocessable", status=422, detail="The cursor is not one.", code="bad_cursor")

    failure = refusal(problem.status, problem.model_dump_json().encode())

    assert isinstance(failure, WrongUse)
    assert str(failure) == "The cursor is not one."


@pytest.mark.parametrize(
    "arguments", [("agents",), ("executions",), ("login",), ("stop", str(new_id())), ("users", "list")]
)
async def test_where_nothing_runs_every_command_is_exit_code_3(
    nobody_there: CommandLine, arguments: tuple[str, ...]
) -> None:
    ended = await nobody_there(*arguments)

    assert ended.code == 3
    assert ended.err.startswith("Dynavera is not reachable at ")


async def test_a_missing_key_is_one_sentence(command: CommandLine) -> None:
    ended = await command("agents", DYNAVERA_TOKEN="")

    assert ended.code == 2
    assert ended.err.startswith("There is no API key: ")


async def test_a_blank_key_is_one_sentence(command: CommandLine) -> None:
    (command.folder / "data").mkdir()
    (command.folder / "data" / "token").write_text("\n")

    ended = await command("agents", DYNAVERA_TOKEN="")

    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert "token is blank" in ended.err


async def test_a_wrong_key_is_one_sentence(command: CommandLine) -> None:
    ended = await command("agents", DYNAVERA_TOKEN="dyn_wrong")

    assert ended.code == 1
    assert ended.err == "Show an API key. The key comes from DYNAVERA_TOKEN or the data directory's token file.\n"


async def test_a_setting_that_is_not_one_is_refused(command: CommandLine) -> None:
    ended = await command("agents", DYNAVERA_PROT="1")

    assert ended.code == 1
    assert ended.err.startswith("DYNAVERA_PROT is not a setting.")


@pytest.mark.parametrize("service", ["up", "api", "worker", "mcp"])
async def test_a_database_that_is_none_is_one_sentence(nobody_there: CommandLine, service: str) -> None:
    ended = await nobody_there(service, DYNAVERA_DATABASE_URL="postgres://me:secret@db/x")

    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert ended.err.startswith("DYNAVERA_DATABASE_URL cannot be used: write postgresql+asyncpg://")


async def test_doctor_says_what_is_wrong_and_what_to_do(nobody_there: CommandLine) -> None:
    ended = await nobody_there("doctor", "--output", "json")

    findings = {finding["name"]: finding for finding in json.loads(ended.out)}
    assert ended.code == 1
    assert findings["settings"]["ok"]
    assert findings["temporal command"]["ok"]
    assert not findings["API"]["ok"]
    assert "run `dynavera up`" in findings["API"]["detail"]
    assert "start `dynavera up` once" in findings["data directory"]["detail"]


async def test_doctor_tries_the_key(command: CommandLine) -> None:
    accepted = await command("doctor", "--output", "json")
    refused = await command("doctor", DYNAVERA_TOKEN="dyn_wrong")

    findings = {finding["name"]: finding for finding in json.loads(accepted.out)}
    assert findings["API key"] == {"name": "API key", "ok": True, "detail": "from DYNAVERA_TOKEN"}
    assert any(line.startswith("wrong  API key ") for line in refused.out.splitlines())
    assert "not accepted: unset it: the data directory has the owner's." in refused.out
    assert refused.out.endswith("The API does not say which they are: Show an API key.\n")


async def test_up_refuses_a_data_directory_that_cannot_be_written(nobody_there: CommandLine) -> None:
    (nobody_there.folder / "file").write_text("in the way")

    ended = await nobody_there("up", DYNAVERA_DATA_DIR=str(nobody_there.folder / "file" / "data"))

    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert "DYNAVERA_DATA_DIR" in ended.err
