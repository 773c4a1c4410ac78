"""An execution that Temporal refuses, beside others that it takes."""

import pytest

from dynavera.contracts.events import ExecutionError
from tests.api.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGER_THAN_TEMPORAL_TAKES = 2_500_000


async def test_an_execution_that_temporal_refuses_fails_and_does_not_delay_others(live: Live) -> None:
    question = {"query": "x" * LARGER_THAN_TEMPORAL_TAKES}
    refused = await live.records.accept(live.user.id, live.agent.id, question)
    others = [await live.records.accept(live.user.id, live.agent.id, {"query": "What?"}) for _ in range(2)]

    async with live.worker():
        for other in others:
            await live.has_status(other.id, "completed")
    await live.has_status(refused.id, "failed")
    ending = (await live.logs.events(refused.id, 1, 10))[-1]
    shown = await live.records.get(live.user.id, refused.id)

    assert isinstance(ending, ExecutionError)
    assert (ending.sequence, ending.code) == (2, "start_refused")
    assert "Blob data size exceeds limit" in ending.message
    assert shown.temporal_url is None
