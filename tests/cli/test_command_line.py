import json

import pytest

from tests.cli.conftest import CommandLine


async def test_every_command_is_in_the_help(nobody_there: CommandLine) -> None:
    ended = await nobody_there("--help")

    listed = {line.split()[0] for line in ended.out.splitlines() if line.startswith("  ")}
    assert {"up", "api", "worker", "mcp", "run", "ingest", "agents", "executions", "stop", "login"} <= listed
    assert {"doctor", "users"} <= listed


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


@pytest.mark.parametrize("arguments", [("agents",), ("executions",), ("login",), ("stop", "x"), ("users", "list")])
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


async def test_up_refuses_a_data_directory_that_cannot_be_written(nobody_there: CommandLine) -> None:
    (nobody_there.folder / "file").write_text("in the way")

    ended = await nobody_there("up", DYNAVERA_DATA_DIR=str(nobody_there.folder / "file" / "data"))

    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert "DYNAVERA_DATA_DIR" in ended.err
