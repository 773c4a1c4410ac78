import json
from pathlib import Path

from dynavera.contracts.events import execution_event
from tests.cli.conftest import Cli, cli_in
from tests.cli.fakes import ANSWER, KEY, FakeApi, create_agent
from tests.serving import free_port, serving


async def test_answer_goes_to_stdout_and_log_to_stderr(cli: Cli) -> None:
    result = await cli("run", "What is fNIRS?")

    assert result.exit_code == 0
    assert result.stdout == f"{ANSWER}\n\nSources\n[1] fnirs.md: Light is absorbed by blood.\n"
    tags = [line.split()[1] for line in result.stderr.splitlines()]
    assert tags == ["Started", "[PROGRESS]", "[STEP]", "[MESSAGE]", "Completed"]


async def test_jsonl_is_one_event_per_line(cli: Cli) -> None:
    result = await cli("run", "What is fNIRS?", "--output", "jsonl")

    events = [execution_event.validate_json(line) for line in result.stdout.splitlines()]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]


async def test_json_is_the_execution(cli: Cli, fake_api: FakeApi) -> None:
    result = await cli("run", "What is fNIRS?", "--output", "json")

    assert json.loads(result.stdout)["id"] == str(fake_api.execution_id)


async def test_lost_connection_is_resumed_without_repeating_events(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.close_after_event = 3

    result = await cli("run", "What is fNIRS?", "--output", "jsonl")

    assert result.exit_code == 0
    assert [json.loads(line)["sequence"] for line in result.stdout.splitlines()] == [1, 2, 3, 4, 5, 6]
    assert fake_api.subscriptions == [0, 3]
    assert len(fake_api.starts) == 1


async def test_connection_closed_before_any_message_is_retried(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.close_code_on_connect = 1011

    result = await cli("run", "What is fNIRS?")

    assert (result.exit_code, len(fake_api.starts)) == (0, 1)
    assert "The connection was lost. Reconnecting …" in result.stderr


async def test_close_reason_of_a_full_server_is_shown(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.close_code_on_connect = 1013
    fake_api.close_reason = "There are 4000 sockets and streams open."

    result = await cli("run", "What is fNIRS?")

    assert (result.exit_code, len(fake_api.starts)) == (0, 1)
    assert "There are 4000 sockets and streams open. Reconnecting …" in result.stderr


async def test_stream_resumes_after_a_restart_of_the_api(tmp_path: Path) -> None:
    fake_api = FakeApi(waits_for_stop=True)
    port = free_port()

    async with serving(fake_api.app(), port):
        process = await cli_in(tmp_path, port, DYNAVERA_TOKEN=KEY).start("run", "What is fNIRS?", "--output", "jsonl")
        assert process.stderr is not None
        await fake_api.log_sent.wait()
    while b"Reconnecting" not in await process.stderr.readline():
        pass
    fake_api.waits_for_stop = False
    async with serving(fake_api.app(), port):
        stdout, _ = await process.communicate()

    assert process.returncode == 0
    assert [json.loads(line)["sequence"] for line in stdout.splitlines()] == [1, 2, 3, 4, 5, 6]
    assert len(fake_api.starts) == 1


async def test_ctrl_c_stops_the_execution_and_prints_the_partial_answer(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.outcome, fake_api.waits_for_stop = "stopped", True
    process = await cli.start("run", "What is fNIRS?")

    result = await cli.interrupt(process, fake_api.log_sent.wait)

    assert result.exit_code == 130
    assert fake_api.stopped.is_set()
    assert result.stdout == f"{ANSWER[:5]}\n"
    assert "Stopped " in result.stderr.splitlines()[-1]
    assert "without word from the generator, 5 characters kept)" in result.stderr


async def test_failed_execution_is_exit_code_1(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.outcome = "failed"

    result = await cli("run", "What is fNIRS?")

    assert result.exit_code == 1
    assert "No model. (no_model)" in result.stderr
    assert result.stdout == f"{ANSWER[:5]}\n"


async def test_refused_start_shows_the_reason(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.outcome = "refused"

    result = await cli("run", "What is fNIRS?")

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Temporal is unavailable.\n")


async def test_each_start_has_its_own_idempotency_key(cli: Cli, fake_api: FakeApi) -> None:
    await cli("run", "What is fNIRS?")
    await cli("run", "What is fNIRS?")

    assert len({start["idempotency_key"] for start in fake_api.starts}) == 2


async def test_blank_question_is_a_usage_error(cli: Cli, fake_api: FakeApi) -> None:
    result = await cli("run", "  ")

    assert result.exit_code == 2
    assert "must not be blank" in result.stderr
    assert fake_api.starts == []


async def test_default_agent_is_used_without_a_name(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.agents.append(create_agent("Another"))

    result = await cli("run", "What is fNIRS?")

    assert result.exit_code == 0


async def test_agent_is_found_by_name_and_by_id(cli: Cli, fake_api: FakeApi) -> None:
    by_name = await cli("run", "What is fNIRS?", "--agent", "Research assistant")
    by_id = await cli("run", "What is fNIRS?", "--agent", str(fake_api.agents[0].id))

    assert (by_name.exit_code, by_id.exit_code) == (0, 0)


async def test_unknown_agent_is_reported(cli: Cli) -> None:
    result = await cli("run", "What is fNIRS?", "--agent", "Poet")

    assert (result.exit_code, result.stderr) == (2, "There is no agent 'Poet'. There are: 'Research assistant'.\n")


async def test_ambiguous_agent_name_is_a_usage_error(cli: Cli, fake_api: FakeApi) -> None:
    fake_api.agents.append(create_agent("Research assistant"))

    result = await cli("run", "What is fNIRS?", "--agent", "Research assistant")

    assert result.exit_code == 2
    assert "choose one by its id" in result.stderr


async def test_unreachable_api_is_reported_with_advice(offline_cli: Cli) -> None:
    result = await offline_cli("run", "What is fNIRS?", DYNAVERA_TOKEN="dyn_x")

    assert result.exit_code == 3
    assert result.stderr.startswith("Dynavera is not reachable at http://127.0.0.1:")
    assert result.stderr.endswith(". Start it with `dynavera up`.\n")
