"""The records of agents, on a real database."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dynavera.contracts.agents import AgentPatch, AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.contracts.executions import ExecutionStatus
from dynavera.contracts.users import User
from dynavera.identifiers import new_id
from dynavera.records.agents import AgentBusy, AgentNotFound, Agents
from dynavera.records.database import Database
from dynavera.records.executions import ExecutionQuery, Executions
from dynavera.records.logs import ExecutionNotFound
from dynavera.records.tables import AgentRow, EventRow, ExecutionRow
from dynavera.records.users import Users


async def execution_of(
    database: Database, user: User, agent_id: UUID, status: ExecutionStatus, events: int = 1
) -> UUID:
    now = utc_now()
    execution_id = new_id()
    async with database.writing() as session:
        session.add(
            ExecutionRow(
                id=execution_id,
                user_id=user.id,
                agent_id=agent_id,
                settings={},
                status=status,
                input_data={},
                created_at=now,
                changed_at=now,
            )
        )
        await session.flush()
        session.add_all(EventRow(execution_id=execution_id, sequence=1 + n, event="{}") for n in range(events))
    return execution_id


async def stored(database: Database, table: type[AgentRow | ExecutionRow | EventRow]) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_new_agent_has_the_defaults_and_is_idle(database: Database, user: User) -> None:
    agents = Agents(database)

    agent = await agents.create(user.id, AgentSettings(name="Librarian"))

    assert agent == await agents.get(user.id, agent.id)
    assert (agent.status, agent.collection, agent.top_k, agent.generator) == ("idle", "default", 4, None)
    assert agent.created_at == agent.updated_at


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("queued", "running"),
        ("running", "running"),
        ("completed", "idle"),
        ("failed", "idle"),
        ("stopped", "idle"),
    ],
)
async def test_an_agent_is_running_while_it_has_a_live_execution(
    database: Database, user: User, status: ExecutionStatus, shown: str
) -> None:
    agents = Agents(database)
    agent, other = [await agents.create(user.id, AgentSettings(name=name)) for name in ("asked", "not asked")]
    await execution_of(database, user, agent.id, status)

    page = await agents.page(user.id, 10)

    assert [(item.id, item.status) for item in page.items] == [(other.id, "idle"), (agent.id, shown)]
    assert (await agents.get(user.id, agent.id)).status == shown


async def test_agents_are_paged_newest_first(database: Database, user: User) -> None:
    agents = Agents(database)
    made = [(await agents.create(user.id, AgentSettings(name=f"agent {n}"))).id for n in range(5)]

    seen: list[UUID] = []
    cursor = None
    for _ in range(3):
        page = await agents.page(user.id, 2, cursor)
        seen += [agent.id for agent in page.items]
        cursor = page.next_cursor

    assert seen == made[::-1]
    assert cursor is None


async def test_a_patch_changes_only_its_fields(database: Database, user: User) -> None:
    agents = Agents(database)
    agent = await agents.create(user.id, AgentSettings(name="Librarian", generator="openai:gpt", top_k=7))

    changed = await agents.patch(user.id, agent.id, AgentPatch(name="Archivist", generator=None))

    assert changed == await agents.get(user.id, agent.id)
    assert (changed.name, changed.generator, changed.top_k) == ("Archivist", None, 7)
    assert changed.updated_at > agent.updated_at


async def test_an_empty_patch_changes_nothing(database: Database, user: User) -> None:
    agents = Agents(database)
    agent = await agents.create(user.id, AgentSettings(name="Librarian"))

    assert await agents.patch(user.id, agent.id, AgentPatch()) == agent


async def test_a_deleted_agent_and_its_executions_are_not_found(database: Database, user: User) -> None:
    agents, executions = Agents(database), Executions(database, "")
    agent, other = [await agents.create(user.id, AgentSettings(name=name)) for name in ("gone", "kept")]
    gone = await execution_of(database, user, agent.id, "completed")
    kept = await execution_of(database, user, other.id, "completed")

    await agents.delete(user.id, agent.id)

    for call in (
        agents.get(user.id, agent.id),
        agents.patch(user.id, agent.id, AgentPatch(name="again")),
        agents.delete(user.id, agent.id),
        executions.accept(user.id, agent.id, {"query": "What?"}),
    ):
        with pytest.raises(AgentNotFound):
            await call
    for call in (
        executions.get(user.id, gone),
        executions.settings(user.id, gone),
        executions.retry(user.id, gone),
        executions.request_stop(user.id, gone),
    ):
        with pytest.raises(ExecutionNotFound):
            await call
    page, _ = await executions.page(user.id, ExecutionQuery())
    assert [execution.id for execution in page] == [kept]
    changed = await executions.changed(user.id, utc_now() - timedelta(minutes=1))
    assert [execution_id for _, execution_id in changed] == [kept]
    assert [one.id for one in (await agents.page(user.id, 10)).items] == [other.id]
    assert await agents.by_name(user.id, "gone") == []


async def test_the_executions_of_a_deleted_agent_are_removed_in_parts(database: Database, user: User) -> None:
    agents = Agents(database)
    agent, other = [await agents.create(user.id, AgentSettings(name=name)) for name in ("gone", "kept")]
    for events in (4, 6, 1, 25, 0):
        await execution_of(database, user, agent.id, "completed", events)
    await execution_of(database, user, other.id, "completed")
    await agents.delete(user.id, agent.id)

    left: list[int] = []
    while await agents.remove_deleted(events=10):
        left.append(await stored(database, EventRow))

    assert left == [27, 26, 16, 6, 1, 1]
    assert (await stored(database, ExecutionRow), await stored(database, AgentRow)) == (1, 1)


async def test_the_idempotency_keys_of_a_deleted_agent_can_be_used_again(database: Database, user: User) -> None:
    agents, executions = Agents(database), Executions(database, "")
    agent, other = [await agents.create(user.id, AgentSettings(name=name)) for name in ("gone", "kept")]
    before = await executions.accept(user.id, agent.id, {"query": "What?"}, idempotency_key="one")
    await executions.request_stop(user.id, before.id)

    await agents.delete(user.id, agent.id)
    after = await executions.accept(user.id, other.id, {"query": "What?"}, idempotency_key="one")

    assert after.id != before.id


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_busy_agent_is_not_deleted(database: Database, user: User, status: ExecutionStatus) -> None:
    agents = Agents(database)
    agent = await agents.create(user.id, AgentSettings(name="Librarian"))
    await execution_of(database, user, agent.id, status)

    with pytest.raises(AgentBusy):
        await agents.delete(user.id, agent.id)

    assert (await agents.get(user.id, agent.id)).status == "running"
    assert await stored(database, EventRow) == 1


async def test_an_agent_of_another_user_is_not_found(database: Database, user: User) -> None:
    agents = Agents(database)
    other = await Users(database).add("other")
    agent = await agents.create(user.id, AgentSettings(name="Librarian"))

    for call in (
        agents.get(other.id, agent.id),
        agents.patch(other.id, agent.id, AgentPatch(name="mine")),
        agents.delete(other.id, agent.id),
    ):
        with pytest.raises(AgentNotFound):
            await call

    assert (await agents.page(other.id, 10)).items == []
    assert await agents.by_name(other.id, "Librarian") == []
    assert await agents.by_name(user.id, "Librarian") == [agent]
