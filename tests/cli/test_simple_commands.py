import json
import re

import pytest

from dynavera.identifiers import new_id
from tests.cli.conftest import Cli
from tests.cli.fakes import FakeApi, create_agent


async def test_agents_as_a_table(cli: Cli, fake_api: FakeApi) -> None:
    result = await cli("agents")

    heading, row = result.stdout.splitlines()
    assert heading.split()[:3] == ["ID", "Name", "Status"]
    assert row.startswith(str(fake_api.agents[0].id))
    assert "Research assistant" in row


async def test_agents_as_json(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.agents.extend(create_agent(f"Agent {n}") for n in range(120))

    array = await cli("agents", "--output", "json")
    lines = await cli("agents", "--output", "jsonl")

    assert [agent["name"] for agent in json.loads(array.stdout)] == [agent.name for agent in fake_api.agents]
    assert [json.loads(line) for line in lines.stdout.splitlines()] == json.loads(array.stdout)


async def test_executions_are_limited(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.executions = [fake_api.execution() for _ in range(5)]

    result = await cli("executions", "--limit", "3", "--output", "jsonl")

    assert len(result.stdout.splitlines()) == 3


async def test_executions_are_filtered_by_status(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.executions = [fake_api.execution("failed"), fake_api.execution("completed")]

    result = await cli("executions", "--status", "failed", "--output", "json")

    assert [row["status"] for row in json.loads(result.stdout)] == ["failed"]


async def test_control_characters_in_a_table_are_replaced(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.agents[0] = create_agent("\x1b]0;owned\x07")

    result = await cli("agents")

    assert "\x1b" not in result.stdout


async def test_control_characters_in_a_name_are_replaced(cli: Cli) -> None:
    added = await cli("users", "add", "b\x1b[31mb\n:smile:")
    refused = await cli("users", "add", "b\x1b[31mb\n:smile:")

    assert added.stdout.split("  ")[1] == "b�[31mb :smile:"
    assert (refused.exit_code, "\x1b" in refused.stderr) == (1, False)


async def test_stop_requests_a_stop(cli: Cli, fake_api: FakeApi) -> None:
    result = await cli("stop", str(fake_api.execution_id))

    assert (result.exit_code, result.stdout) == (0, f"{fake_api.execution_id}  running\n")


async def test_stopping_an_unknown_execution_fails(cli: Cli) -> None:
    nobody = str(new_id())

    result = await cli("stop", nobody)

    assert (result.exit_code, result.stderr) == (1, f"There is no execution '{nobody}'.\n")


async def test_login_prints_only_the_link_to_stdout(cli: Cli) -> None:
    result = await cli("login", TZ="UTC")

    assert result.stdout == "http://127.0.0.1/login?code=in_x\n"
    assert re.fullmatch(r"It works once, until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.\n", result.stderr)


async def test_new_user_is_shown_with_the_api_key(cli: Cli, fake_api: FakeApi) -> None:
    result = await cli("users", "add", "ada", "--output", "json")

    assert json.loads(result.stdout) == {"id": str(fake_api.users[0].id), "name": "ada", "api_key": "dyn_new"}


async def test_duplicate_user_name_is_refused(cli: Cli) -> None:
    await cli("users", "add", "ada")

    result = await cli("users", "add", "ada")

    assert (result.exit_code, result.stderr) == (1, "A user named 'ada' already exists.\n")


async def test_users_are_listed(cli: Cli) -> None:
    await cli("users", "add", "ada")

    result = await cli("users", "list", "--output", "json")

    assert [user["name"] for user in json.loads(result.stdout)] == ["ada"]


async def test_executions_are_one_line_each_in_a_pipe(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.executions = [fake_api.execution(query="Why?\n" * 13_000)]
    created = fake_api.executions[0].created_at.astimezone()

    result = await cli("executions")

    _, row = result.stdout.splitlines()
    assert f"  {created:%Y-%m-%d %H:%M:%S}  Why? Why? " in row
    assert len(row) < 200


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (("agents",), "There is no agent yet. Create one on the page: `dynavera login` links to it.\n"),
        (("executions",), 'There is no execution yet. Ask something: `dynavera run "…"`.\n'),
        (
            ("executions", "--status", "failed"),
            "There is no such execution. Leave out --agent and --status to see all.\n",
        ),
    ],
)
async def test_empty_list_is_explained(cli: Cli, fake_api: FakeApi, arguments: tuple[str, ...], note: str) -> None:
    fake_api.agents.clear()

    result = await cli(*arguments)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", note)
    assert (await cli(*arguments, "--output", "json")).stdout == "[]\n"
