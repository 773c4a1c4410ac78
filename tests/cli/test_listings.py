import json
import re

import pytest

from dynavera.identifiers import new_id
from tests.cli.conftest import CommandLine
from tests.cli.fakes import FakeDynavera, an_agent


async def test_agents_are_a_table_for_a_person(command: CommandLine, dynavera: FakeDynavera) -> None:
    ended = await command("agents")

    heading, row = ended.out.splitlines()
    assert heading.split()[:3] == ["ID", "Name", "Status"]
    assert row.startswith(str(dynavera.agents[0].id))
    assert "Research assistant" in row


async def test_agents_are_data_for_a_program(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.agents.extend(an_agent(f"Agent {n}") for n in range(120))

    array = await command("agents", "--output", "json")
    lines = await command("agents", "--output", "jsonl")

    assert [agent["name"] for agent in json.loads(array.out)] == [agent.name for agent in dynavera.agents]
    assert [json.loads(line) for line in lines.out.splitlines()] == json.loads(array.out)


async def test_executions_are_as_many_as_asked_for(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.executions = [dynavera.execution() for _ in range(5)]

    ended = await command("executions", "--limit", "3", "--output", "jsonl")

    assert len(ended.out.splitlines()) == 3


async def test_executions_are_chosen_by_status(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.executions = [dynavera.execution("failed"), dynavera.execution("completed")]

    ended = await command("executions", "--status", "failed", "--output", "json")

    assert [row["status"] for row in json.loads(ended.out)] == ["failed"]


async def test_a_document_cannot_take_hold_of_the_terminal(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.agents[0] = an_agent("\x1b]0;owned\x07")

    ended = await command("agents")

    assert "\x1b" not in ended.out


async def test_a_name_cannot_take_hold_of_the_terminal(command: CommandLine) -> None:
    added = await command("users", "add", "b\x1b[31mb\n:smile:")
    refused = await command("users", "add", "b\x1b[31mb\n:smile:")

    assert added.out.split("  ")[1] == "b�[31mb :smile:"
    assert (refused.code, "\x1b" in refused.err) == (1, False)


async def test_stop_asks_the_execution_to_stop(command: CommandLine, dynavera: FakeDynavera) -> None:
    ended = await command("stop", str(dynavera.execution_id))

    assert (ended.code, ended.out) == (0, f"{dynavera.execution_id}  running\n")


async def test_stopping_what_does_not_exist_fails_in_words(command: CommandLine) -> None:
    nobody = str(new_id())

    ended = await command("stop", nobody)

    assert (ended.code, ended.err) == (1, f"There is no execution '{nobody}'.\n")


async def test_login_prints_the_link_and_nothing_else(command: CommandLine) -> None:
    ended = await command("login", TZ="UTC")

    assert ended.out == "http://127.0.0.1/login?code=in_x\n"
    assert re.fullmatch(r"Good for one use, until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.\n", ended.err)


async def test_a_new_user_is_shown_with_the_key(command: CommandLine, dynavera: FakeDynavera) -> None:
    ended = await command("users", "add", "ada", "--output", "json")

    assert json.loads(ended.out) == {"id": str(dynavera.users[0].id), "name": "ada", "api_key": "dyn_new"}


async def test_a_user_whose_name_is_taken_is_refused(command: CommandLine) -> None:
    await command("users", "add", "ada")

    ended = await command("users", "add", "ada")

    assert (ended.code, ended.err) == (1, "There is a user 'ada' already.\n")


async def test_users_are_listed(command: CommandLine) -> None:
    await command("users", "add", "ada")

    ended = await command("users", "list", "--output", "json")

    assert [user["name"] for user in json.loads(ended.out)] == ["ada"]


async def test_executions_are_short_lines_in_a_pipe(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.executions = [dynavera.execution(query="Why?\n" * 13_000)]
    created = dynavera.executions[0].created_at.astimezone()

    ended = await command("executions")

    _, row = ended.out.splitlines()
    assert f"  {created:%Y-%m-%d %H:%M:%S}  Why? Why? " in row
    assert len(row) < 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("agents",), "There is no agent yet. Make one on the page: `dynavera login` links to it.\n"),
        (("executions",), 'Nothing has been asked yet. Ask something: `dynavera run "…"`.\n'),
        (
            ("executions", "--status", "failed"),
            "There is no such execution. Leave out --agent and --status to see all.\n",
        ),
    ],
)
async def test_an_empty_list_says_what_to_do(
    command: CommandLine, dynavera: FakeDynavera, arguments: tuple[str, ...], said: str
) -> None:
    dynavera.agents.clear()

    ended = await command(*arguments)

    assert (ended.code, ended.out, ended.err) == (0, "", said)
    assert (await command(*arguments, "--output", "json")).out == "[]\n"
