import json

from dynavera.contracts.events import execution_event
from tests.cli.conftest import CommandLine
from tests.cli.fakes import ANSWER, FakeDynavera, an_agent


async def test_the_answer_goes_to_standard_output_and_the_log_to_standard_error(command: CommandLine) -> None:
    ended = await command("run", "What is fNIRS?")

    assert ended.code == 0
    assert ended.out == f"{ANSWER}\n\nSources\n[1] fnirs.md: Light is absorbed by blood.\n"
    tags = [line.split()[1] for line in ended.err.splitlines()]
    assert tags == ["Started", "[PROGRESS]", "[STEP]", "[MESSAGE]", "Completed"]


async def test_jsonl_is_the_log_one_event_a_line(command: CommandLine) -> None:
    ended = await command("run", "What is fNIRS?", "--output", "jsonl")

    events = [execution_event.validate_json(line) for line in ended.out.splitlines()]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]


async def test_json_is_the_execution(command: CommandLine, dynavera: FakeDynavera) -> None:
    ended = await command("run", "What is fNIRS?", "--output", "json")

    assert json.loads(ended.out)["id"] == str(dynavera.execution_id)


async def test_a_socket_that_breaks_is_made_again_and_nothing_is_shown_twice(
    command: CommandLine, dynavera: FakeDynavera
) -> None:
    dynavera.break_after = 3

    ended = await command("run", "What is fNIRS?", "--output", "jsonl")

    assert ended.code == 0
    assert [json.loads(line)["sequence"] for line in ended.out.splitlines()] == [1, 2, 3, 4, 5, 6]
    assert dynavera.subscriptions == [0, 3]
    assert len(dynavera.starts) == 1


async def test_a_socket_that_closes_before_it_says_anything_is_made_again(
    command: CommandLine, dynavera: FakeDynavera
) -> None:
    dynavera.closes_at_once = 1011

    ended = await command("run", "What is fNIRS?")

    assert (ended.code, len(dynavera.starts)) == (0, 1)
    assert "The connection broke. Trying again …" in ended.err


async def test_a_server_that_has_no_room_for_a_socket_is_asked_again_and_quoted(
    command: CommandLine, dynavera: FakeDynavera
) -> None:
    dynavera.closes_at_once = 1013
    dynavera.closes_because = "There are 4000 sockets and streams open."

    ended = await command("run", "What is fNIRS?")

    assert (ended.code, len(dynavera.starts)) == (0, 1)
    assert "There are 4000 sockets and streams open. Trying again …" in ended.err


async def test_ctrl_c_stops_the_execution_and_keeps_what_was_written(
    command: CommandLine, dynavera: FakeDynavera
) -> None:
    dynavera.outcome, dynavera.waits_for_stop = "stopped", True
    process = await command.start("run", "What is fNIRS?")

    ended = await command.interrupted(process, dynavera.showing.wait)

    assert ended.code == 130
    assert dynavera.stopped.is_set()
    assert ended.out == f"{ANSWER[:5]}\n"
    assert "Stopped " in ended.err.splitlines()[-1]
    assert "without word from the generator, 5 characters kept)" in ended.err


async def test_an_execution_that_fails_is_exit_code_1(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.outcome = "failed"

    ended = await command("run", "What is fNIRS?")

    assert ended.code == 1
    assert "No model. (no_model)" in ended.err
    assert ended.out == f"{ANSWER[:5]}\n"


async def test_a_start_that_is_refused_says_why(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.outcome = "refused"

    ended = await command("run", "What is fNIRS?")

    assert (ended.code, ended.out, ended.err) == (1, "", "Temporal is away.\n")


async def test_each_start_has_a_key_of_its_own(command: CommandLine, dynavera: FakeDynavera) -> None:
    await command("run", "What is fNIRS?")
    await command("run", "What is fNIRS?")

    assert len({start["idempotency_key"] for start in dynavera.starts}) == 2


async def test_a_blank_question_is_wrong_use(command: CommandLine, dynavera: FakeDynavera) -> None:
    ended = await command("run", "  ")

    assert ended.code == 2
    assert "must not be blank" in ended.err
    assert dynavera.starts == []


async def test_without_a_name_the_agent_of_the_first_start_is_asked(
    command: CommandLine, dynavera: FakeDynavera
) -> None:
    dynavera.agents.append(an_agent("Another"))

    ended = await command("run", "What is fNIRS?")

    assert ended.code == 0


async def test_an_agent_is_found_by_name_and_by_id(command: CommandLine, dynavera: FakeDynavera) -> None:
    by_name = await command("run", "What is fNIRS?", "--agent", "Research assistant")
    by_id = await command("run", "What is fNIRS?", "--agent", str(dynavera.agents[0].id))

    assert (by_name.code, by_id.code) == (0, 0)


async def test_an_agent_that_is_not_there_is_named(command: CommandLine) -> None:
    ended = await command("run", "What is fNIRS?", "--agent", "Poet")

    assert (ended.code, ended.err) == (2, "There is no agent 'Poet'. There are: 'Research assistant'.\n")


async def test_two_agents_of_one_name_are_told_apart_by_id(command: CommandLine, dynavera: FakeDynavera) -> None:
    dynavera.agents.append(an_agent("Research assistant"))

    ended = await command("run", "What is fNIRS?", "--agent", "Research assistant")

    assert ended.code == 2
    assert "say which by its id" in ended.err


async def test_where_nothing_runs_it_says_how_to_start_it(nobody_there: CommandLine) -> None:
    ended = await nobody_there("run", "What is fNIRS?", DYNAVERA_TOKEN="dyn_x")

    assert ended.code == 3
    assert ended.err.startswith("Dynavera is not reachable at http://127.0.0.1:")
    assert ended.err.endswith(". Start it with `dynavera up`.\n")
