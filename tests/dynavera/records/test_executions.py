"""The records of executions: each is accepted, archived and ended once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from dynavera.contracts.agents import Agent, AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import (
    DeltaContent,
    ExecutionCompleted,
    ExecutionError,
    ExecutionEvent,
    ExecutionStarted,
    ExecutionStopped,
    TerminalEvent,
    agent_event,
)
from dynavera.contracts.executions import CompletedOutput, Execution, ExecutionCounts, PartialOutput, StopReceipt, Usage
from dynavera.contracts.feedback import FeedbackGiven
from dynavera.contracts.users import User
from dynavera.identifiers import new_id
from dynavera.records.agents import AgentBusy, AgentNotFound, Agents
from dynavera.records.cursors import BadCursor
from dynavera.records.database import Database
from dynavera.records.deliveries import Deliveries
from dynavera.records.execution_order import ExecutionSort, SortOrder
from dynavera.records.executions import (
    ExecutionQuery,
    Executions,
    ExecutionStillRuns,
    IdempotencyConflict,
)
from dynavera.records.logs import Abandoned, ExecutionNotFound, Logs
from dynavera.records.tables import EventRow, ExecutionRow, FeedbackRow
from dynavera.records.users import Users

QUESTION = {"query": "What is fNIRS?", "tags": ["ä", "🧠", '"']}


@pytest.fixture
def executions(database: Database) -> Executions:
    return Executions(database, "http://temporal.test")


@pytest.fixture
def logs(database: Database) -> Logs:
    return Logs(database)


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Deliveries(database)


@pytest.fixture
async def agent(database: Database, user: User) -> Agent:
    return await Agents(database).create(user.id, AgentSettings(name="Tester"))


def deltas(execution: Execution, first: int, count: int) -> list[ExecutionEvent]:
    return [
        agent_event(
            DeltaContent(offset=number, text="x"),
            execution_id=execution.id,
            agent_id=execution.agent_id,
            sequence=first + number,
            timestamp=utc_now(),
        )
        for number in range(count)
    ]


def completed(execution: Execution, sequence: int) -> ExecutionCompleted:
    usage = Usage(prompt_tokens=1, completion_tokens=2)
    return ExecutionCompleted(
        execution_id=execution.id,
        agent_id=execution.agent_id,
        sequence=sequence,
        timestamp=utc_now(),
        output_data=CompletedOutput(answer="Light.", sources=[], generator="fake", usage=usage),
    )


def stopped(execution: Execution, sequence: int) -> ExecutionStopped:
    receipt = StopReceipt(requested_at=utc_now(), acknowledged_at=None, characters=3)
    return ExecutionStopped(
        execution_id=execution.id,
        agent_id=execution.agent_id,
        sequence=sequence,
        timestamp=utc_now(),
        message="Stopped.",
        output_data=PartialOutput(answer="xxx", sources=[], partial=True),
        stop=receipt,
    )


async def test_an_accepted_start_is_queued_and_has_its_first_event(
    executions: Executions, user: User, agent: Agent, logs: Logs, deliveries: Deliveries
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)

    events = await logs.events(execution.id, 0, 10)

    assert execution.status == "queued"
    assert execution.temporal_url == f"http://temporal.test/{execution.id}"
    assert [type(event) for event in events] == [ExecutionStarted]
    assert isinstance(events[0], ExecutionStarted)
    assert events[0].input_data == QUESTION
    assert await executions.get(user.id, execution.id) == execution
    assert await deliveries.not_started() == [execution.id]


async def test_the_same_key_and_input_is_the_same_execution(executions: Executions, user: User, agent: Agent) -> None:
    started = await asyncio.gather(
        *(executions.accept(user.id, agent.id, QUESTION, idempotency_key="once") for _ in range(5))
    )

    assert len({execution.id for execution in started}) == 1


async def test_the_same_key_with_another_input_or_agent_is_refused(
    executions: Executions, user: User, agent: Agent, database: Database
) -> None:
    other = await Agents(database).create(user.id, AgentSettings(name="Other"))
    await executions.accept(user.id, agent.id, QUESTION, idempotency_key="once")

    with pytest.raises(IdempotencyConflict):
        await executions.accept(user.id, agent.id, {"query": "Why?"}, idempotency_key="once")
    with pytest.raises(IdempotencyConflict):
        await executions.accept(user.id, other.id, QUESTION, idempotency_key="once")


async def test_another_user_sees_nothing_and_may_use_the_same_key(
    executions: Executions, user: User, agent: Agent, database: Database
) -> None:
    stranger = await Users(database).add("stranger")
    theirs = await Agents(database).create(stranger.id, AgentSettings(name="Theirs"))
    execution = await executions.accept(user.id, agent.id, QUESTION, idempotency_key="once")

    own = await executions.accept(stranger.id, theirs.id, QUESTION, idempotency_key="once")

    assert own.id != execution.id
    with pytest.raises(ExecutionNotFound):
        await executions.get(stranger.id, execution.id)
    with pytest.raises(ExecutionNotFound):
        await executions.request_stop(stranger.id, execution.id)
    with pytest.raises(AgentNotFound):
        await executions.accept(stranger.id, agent.id, QUESTION)
    page, _ = await executions.page(stranger.id, ExecutionQuery())
    assert [one.id for one in page] == [own.id]


async def test_archiving_the_same_events_again_changes_nothing(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)
    assert await logs.begin(execution.id) is None

    for _ in range(2):
        await logs.archive(execution.id, deltas(execution, 2, 3))

    events = await logs.events(execution.id, 0, 100)
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert await logs.last_sequence(execution.id) == 4
    assert [event.sequence for event in await logs.events(execution.id, 2, 1)] == [3]


async def test_the_first_outcome_wins_and_is_returned_to_later_ones(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)
    await logs.begin(execution.id)
    outcomes: list[TerminalEvent] = [completed(execution, 4), stopped(execution, 4)] * 3

    stored = await asyncio.gather(*(logs.finish(deltas(execution, 2, 2), one) for one in outcomes))

    assert len({event.model_dump_json() for event in stored}) == 1
    events = await logs.events(execution.id, 0, 100)
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert events[-1] == stored[0]
    record = await executions.get(user.id, execution.id)
    assert record.status == ("completed" if isinstance(stored[0], ExecutionCompleted) else "stopped")
    assert record.output_data == stored[0].output_data
    await logs.archive(execution.id, deltas(execution, 5, 1))
    assert await logs.last_sequence(execution.id) == 4


async def test_a_stop_in_the_queue_ends_the_execution_and_its_workflow_adopts_that(
    executions: Executions, user: User, agent: Agent, logs: Logs, deliveries: Deliveries
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)

    stop = await executions.request_stop(user.id, execution.id)
    again = await executions.request_stop(user.id, execution.id)
    ending = await logs.begin(execution.id)

    assert (stop.execution.status, stop.ended_before) == ("stopped", False)
    assert again.ended_before
    assert isinstance(ending, ExecutionStopped)
    assert ending.sequence == 2
    assert await deliveries.stops_not_delivered() == [execution.id]


async def test_the_receipt_of_a_stop_has_the_time_of_the_request(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)
    await logs.begin(execution.id)
    before = utc_now()
    await executions.request_stop(user.id, execution.id)
    after = utc_now()

    ending = await logs.finish([], stopped(execution, 2))

    assert isinstance(ending, ExecutionStopped)
    assert before <= ending.stop.requested_at <= after


async def test_an_unrecorded_end_keeps_the_partial_answer(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)
    await logs.begin(execution.id)

    ending = await logs.abandon(execution.id, deltas(execution, 2, 3), Abandoned("Terminated.", "terminated"))

    assert isinstance(ending, ExecutionError)
    assert ending.sequence == 5
    assert ending.output_data is not None
    assert ending.output_data.answer == "xxx"
    assert (await executions.get(user.id, execution.id)).error_message == "Terminated."


async def test_lists_are_filtered_and_paged_newest_first(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    questions = ["Was ist 100 % Ö?", "What is EEG?", "what is eeg worth?", "Why_not"]
    made = [await executions.accept(user.id, agent.id, {"query": question}) for question in questions]
    await logs.begin(made[0].id)

    async def found(query: ExecutionQuery) -> list[UUID]:
        return [one.id for one in (await executions.page(user.id, query))[0]]

    first, cursor = await executions.page(user.id, ExecutionQuery(limit=3))
    rest, end = await executions.page(user.id, ExecutionQuery(limit=3, cursor=cursor))
    assert [one.id for one in first + rest] == [one.id for one in reversed(made)]
    assert end is None
    assert await found(ExecutionQuery(q="eeg")) == [made[2].id, made[1].id]
    assert await found(ExecutionQuery(q="100 %")) == [made[0].id]
    assert await found(ExecutionQuery(q="y_n")) == [made[3].id]
    assert await found(ExecutionQuery(status="running")) == [made[0].id]
    assert await found(ExecutionQuery(since=made[1].created_at, until=made[3].created_at)) == [made[2].id, made[1].id]
    assert await found(ExecutionQuery(agent_id=new_id())) == []
    with pytest.raises(BadCursor):
        await executions.page(user.id, ExecutionQuery(cursor="next"))


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("created_at", "asc", [0, 1, 2, 3]),
        ("created_at", "desc", [3, 2, 1, 0]),
        ("duration", "asc", [2, 1, 3, 0]),
        ("duration", "desc", [1, 2, 3, 0]),
        ("status", "asc", [3, 0, 2, 1]),
        ("status", "desc", [2, 1, 0, 3]),
    ],
)
async def test_lists_are_sorted_over_all_pages(
    database: Database,
    executions: Executions,
    user: User,
    agent: Agent,
    sort: ExecutionSort,
    order: SortOrder,
    expected: list[int],
) -> None:
    made = [(await executions.accept(user.id, agent.id, QUESTION)).id for _ in range(4)]
    begin = utc_now()
    ended: list[tuple[str, timedelta | None]] = [
        ("running", None),
        ("completed", timedelta(minutes=2)),
        ("completed", timedelta(seconds=1.5)),
        ("queued", None),
    ]
    async with database.writing() as session:
        for execution_id, (status, took) in zip(made, ended, strict=True):
            row = await session.get_one(ExecutionRow, execution_id)
            row.status = status
            if status != "queued":
                row.started_at = begin
            row.completed_at = None if took is None else begin + took

    found: list[int] = []
    query = ExecutionQuery(sort=sort, order=order, limit=1)
    while True:
        page, cursor = await executions.page(user.id, query)
        found += [made.index(one.id) for one in page]
        if cursor is None:
            break
        query = replace(query, cursor=cursor)

    assert found == expected


async def test_a_page_after_a_deleted_execution_is_refused_where_its_place_is_lost(
    executions: Executions, user: User, agent: Agent
) -> None:
    made = [(await executions.accept(user.id, agent.id, QUESTION)).id for _ in range(3)]
    for execution_id in made:
        await executions.request_stop(user.id, execution_id)
    by_status, by_time = ExecutionQuery(limit=1, sort="status"), ExecutionQuery(limit=1)
    _, cursor = await executions.page(user.id, by_status)

    await executions.delete(user.id, made[2])

    page, _ = await executions.page(user.id, replace(by_time, cursor=cursor))
    assert [one.id for one in page] == [made[1]]
    with pytest.raises(BadCursor):
        await executions.page(user.id, replace(by_status, cursor=cursor))


async def test_an_ended_execution_is_deleted_with_its_log(
    database: Database, executions: Executions, user: User, agent: Agent
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION, idempotency_key="one")
    kept = await executions.accept(user.id, agent.id, QUESTION)
    stranger = await Users(database).add("stranger")
    with pytest.raises(ExecutionStillRuns):
        await executions.delete(user.id, execution.id)
    await executions.request_stop(user.id, execution.id)
    with pytest.raises(ExecutionNotFound):
        await executions.delete(stranger.id, execution.id)

    await executions.delete(user.id, execution.id)

    with pytest.raises(ExecutionNotFound):
        await executions.delete(user.id, execution.id)
    with pytest.raises(ExecutionNotFound):
        await executions.get(user.id, execution.id)
    async with database.reading() as session:
        assert set(await session.scalars(select(EventRow.execution_id))) == {kept.id}
    again = await executions.accept(user.id, agent.id, QUESTION, idempotency_key="one")
    assert again.id != execution.id


async def test_the_users_own_executions_are_counted_by_status(
    database: Database, executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    made = [await executions.accept(user.id, agent.id, {"query": question}) for question in ("EEG?", "eeg!", "MEG?")]
    await logs.begin(made[0].id)
    stranger = await Users(database).add("stranger")

    assert await executions.counts(user.id, ExecutionQuery()) == ExecutionCounts(queued=2, running=1)
    assert await executions.counts(user.id, ExecutionQuery(q="eeg")) == ExecutionCounts(queued=1, running=1)
    assert await executions.counts(user.id, ExecutionQuery(since=made[2].created_at)) == ExecutionCounts(queued=1)
    assert await executions.counts(stranger.id, ExecutionQuery()) == ExecutionCounts()


async def test_the_latest_executions_are_those_of_the_users_agents(
    executions: Executions, database: Database, user: User, agent: Agent
) -> None:
    agents = Agents(database)
    other = await agents.create(user.id, AgentSettings(name="Other"))
    await agents.create(user.id, AgentSettings(name="Never asked"))
    stranger = await Users(database).add("stranger")
    theirs = await agents.create(stranger.id, AgentSettings(name="Theirs"))
    await executions.accept(user.id, agent.id, QUESTION)
    of_other = await executions.accept(user.id, other.id, QUESTION)
    newest = await executions.accept(user.id, agent.id, QUESTION)
    await executions.accept(stranger.id, theirs.id, QUESTION)

    latest, _ = await executions.page(user.id, ExecutionQuery(latest=True))

    assert [one.id for one in latest] == [newest.id, of_other.id]


async def test_only_an_ended_execution_can_be_retried_with_the_same_input(
    executions: Executions, user: User, agent: Agent
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)
    with pytest.raises(ExecutionStillRuns):
        await executions.retry(user.id, execution.id)
    await executions.request_stop(user.id, execution.id)

    again = await executions.retry(user.id, execution.id)

    assert again.retry_of == execution.id
    assert again.input_data == QUESTION
    assert again.status == "queued"


async def test_changes_are_listed_in_order(executions: Executions, user: User, agent: Agent, logs: Logs) -> None:
    since = utc_now() - timedelta(seconds=1)
    first = await executions.accept(user.id, agent.id, QUESTION)
    second = await executions.accept(user.id, agent.id, QUESTION)
    await logs.begin(first.id)

    changed = await executions.changed(user.id, since)

    assert [execution_id for _, execution_id in changed] == [second.id, first.id]
    assert await executions.of_agents({agent.id}, since) == [(agent.id, first.id), (agent.id, second.id)]
    assert (await executions.count_live()) == {"queued": 1, "running": 1}
    assert await executions.newest_live(user.id, agent.id) == second


async def test_an_unknown_execution_is_not_found(executions: Executions, user: User, logs: Logs) -> None:
    unknown = new_id()

    for call in (logs.begin(unknown), logs.archive(unknown, []), logs.status(unknown)):
        with pytest.raises(ExecutionNotFound):
            await call
    with pytest.raises(ExecutionNotFound):
        await executions.get(user.id, unknown)


async def test_concurrent_stops_in_the_queue_have_one_result(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)

    stops = await asyncio.gather(*(executions.request_stop(user.id, execution.id) for _ in range(6)))

    assert [stop.ended_before for stop in stops].count(False) == 1
    assert len(await logs.events(execution.id, 0, 10)) == 2


async def test_a_stop_and_a_begin_at_the_same_moment_agree(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    for _ in range(10):
        execution = await executions.accept(user.id, agent.id, QUESTION)

        ended, stop = await asyncio.gather(logs.begin(execution.id), executions.request_stop(user.id, execution.id))

        if ended is None:
            assert stop.execution.status == "running"
            assert await logs.last_sequence(execution.id) == 1
        else:
            assert stop.execution.status == "stopped"


async def test_an_end_that_is_recorded_late_is_listed_as_a_change(
    executions: Executions, user: User, agent: Agent, logs: Logs
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)
    await logs.begin(execution.id)
    now = utc_now()
    long_ago = completed(execution, 2).model_copy(update={"timestamp": now - timedelta(minutes=1)})

    await logs.finish([], long_ago)

    assert [execution_id for _, execution_id in await executions.changed(user.id, now)] == [execution.id]


async def test_a_start_and_the_deletion_of_its_agent_exclude_each_other(
    executions: Executions, user: User, database: Database
) -> None:
    agents = Agents(database)
    for _ in range(10):
        agent = await agents.create(user.id, AgentSettings(name="Short-lived"))

        start, deletion = await asyncio.gather(
            executions.accept(user.id, agent.id, QUESTION),
            agents.delete(user.id, agent.id),
            return_exceptions=True,
        )

        assert isinstance(start, AgentNotFound) == (deletion is None)
        assert isinstance(deletion, AgentBusy) == isinstance(start, Execution)


async def test_the_search_for_a_question_ignores_case_in_any_alphabet(
    executions: Executions, user: User, agent: Agent
) -> None:
    execution = await executions.accept(user.id, agent.id, {"query": "Ein CAFÉ?"})

    found, _ = await executions.page(user.id, ExecutionQuery(q="café"))

    assert [one.id for one in found] == [execution.id]


async def test_feedback_is_replaced_and_goes_with_the_execution(
    executions: Executions, agent: Agent, user: User, database: Database
) -> None:
    execution = await executions.accept(user.id, agent.id, QUESTION)
    await executions.request_stop(user.id, execution.id)

    await executions.set_feedback(user.id, execution.id, FeedbackGiven(verdict="up", note="Ärgerlich 🧠"))
    given = await executions.set_feedback(user.id, execution.id, FeedbackGiven(verdict="down"))
    disliked, _cursor = await executions.page(user.id, ExecutionQuery(feedback="down"))
    liked, _cursor = await executions.page(user.id, ExecutionQuery(feedback="up"))
    await executions.delete(user.id, execution.id)

    assert given.feedback is not None
    assert (given.feedback.verdict, given.feedback.note) == ("down", None)
    assert (disliked, liked) == ([given], [])
    async with database.reading() as session:
        assert list(await session.scalars(select(FeedbackRow))) == []
