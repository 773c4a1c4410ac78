"""The sweep delivers accepted starts and stops to Temporal, and records executions that ended there unrecorded."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.limits import SweepLimits
from api.live.log import EventsAway
from api.sweep import Sweep
from api.temporal import Temporal, TemporalAway, WorkflowNotFound
from dynavera.contracts.events import ExecutionCompleted, ExecutionError
from dynavera.records.agents import Agents
from dynavera.records.tables import ExecutionRow
from dynavera.settings import Settings
from tests.temporal import temporal_away
from tests.workflows.fakes import Gate
from tests.workflows.world import QUEUE, World, answer_of


async def test_a_start_during_an_outage_of_temporal_is_delivered_afterwards(here: World) -> None:
    execution = await here.records.accept(here.user.id, here.agent.id, {"query": "What?"})
    with pytest.raises(TemporalAway):
        await Sweep(
            Agents(here.database), here.deliveries, here.logs, await temporal_away(Settings()), here.mcp
        ).deliver()

    async with here.worker():
        await here.sweep.deliver()
        events = await here.events(execution.id)

    assert isinstance(events[-1], ExecutionCompleted)


async def test_a_stop_during_an_outage_of_temporal_is_delivered_afterwards(here: World) -> None:
    here.mcp.gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Light ")
        await here.records.request_stop(here.user.id, execution_id)
        with pytest.raises(TemporalAway):
            await Sweep(
                Agents(here.database), here.deliveries, here.logs, await temporal_away(Settings()), here.mcp
            ).deliver()
        still_open = await here.temporal.closing(execution_id)
        await here.sweep.deliver()
        events = await here.events(execution_id)

    assert still_open is None
    assert events[-1].type == "execution_stopped"
    assert await here.deliveries.stops_not_delivered() == []


async def test_a_start_that_is_delivered_twice_runs_once(here: World) -> None:
    async with here.worker():
        execution_id = await here.start()
        here.sweep.start_soon(execution_id)
        await here.sweep.deliver()
        await here.events(execution_id)
        workflow_input = await here.deliveries.workflow_input(execution_id)
        await here.closed_as(execution_id)

    assert workflow_input is None
    assert len(here.mcp.calls) == 1


async def test_an_execution_terminated_in_temporal_fails_with_that_reason_and_keeps_its_log(here: World) -> None:
    here.sweep = replace(here.sweep, limits=SweepLimits(inspection_age=timedelta(0)))
    here.mcp.gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Light ")
        await here.environment.client.get_workflow_handle(str(execution_id)).terminate(reason="the disk is full")
        await here.deliveries.note_started(execution_id)
        await here.sweep.inspect()
        events = await here.events(execution_id)

    ending = events[-1]
    assert isinstance(ending, ExecutionError)
    assert ending.code == "terminated"
    assert "the disk is full" in ending.message
    assert answer_of(events) == "Light "
    assert ending.output_data is not None
    assert ending.output_data.answer == "Light "


async def test_a_viewer_gets_an_end_that_the_sweep_recorded(here: World) -> None:
    here.sweep = replace(here.sweep, limits=SweepLimits(inspection_age=timedelta(0)))
    here.mcp.gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Light ")
        viewer = asyncio.create_task(here.events(execution_id))
        await here.wait_until_idle(execution_id)
        await here.environment.client.get_workflow_handle(str(execution_id)).terminate()
        await here.sweep.inspect()
        events = await viewer

    assert isinstance(events[-1], ExecutionError)


async def test_an_execution_that_cannot_be_delivered_delays_no_other(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken = await here.records.accept(here.user.id, here.agent.id, {"query": "What?"})
    async with here.database.writing() as session:
        await session.execute(update(ExecutionRow).where(ExecutionRow.id == broken.id).values(settings={"name": 7}))
    execution = await here.records.accept(here.user.id, here.agent.id, {"query": "What?"})

    async with here.worker():
        await here.sweep.deliver()
        events = await here.events(execution.id)

    assert isinstance(events[-1], ExecutionCompleted)
    assert str(broken.id) in caplog.text


async def test_a_missing_namespace_does_not_end_executions(here: World) -> None:
    host = here.environment.client.service_client.config.target_host
    client = await Client.connect(host, namespace="nowhere", data_converter=pydantic_data_converter)
    elsewhere = Temporal(client, QUEUE, timedelta(hours=1))
    execution = await here.records.accept(here.user.id, here.agent.id, {"query": "What?"})

    with pytest.raises(TemporalAway):
        await elsewhere.closing(execution.id)
    with pytest.raises(TemporalAway):
        await Sweep(Agents(here.database), here.deliveries, here.logs, elsewhere, here.mcp).deliver()


async def test_an_execution_that_temporal_has_forgotten_fails(here: World) -> None:
    here.sweep = replace(here.sweep, limits=SweepLimits(inspection_age=timedelta(0)))
    here.mcp.gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Light ")
    await here.environment.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=str(execution_id))
        )
    )
    await forgotten(here, execution_id)
    await here.sweep.inspect()
    events = await here.events(execution_id)

    assert isinstance(events[-1], ExecutionError)
    assert events[-1].code == "vanished"


async def forgotten(here: World, execution_id: UUID) -> None:
    while True:
        try:
            await here.temporal.closing(execution_id)
        except WorkflowNotFound:
            return


async def test_without_a_worker_only_archived_events_are_served(here: World) -> None:
    here.mcp.gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Light ")

    assert [event.sequence for event in await here.log.read(execution_id, 0)] == [1]
    with pytest.raises(EventsAway):
        await here.log.read(execution_id, 1)


async def test_an_unreachable_temporal_is_an_error(here: World) -> None:
    temporal = await temporal_away(Settings())

    with pytest.raises(TemporalAway):
        await temporal.has_worker()
