import os
import signal
import time
from pathlib import Path

import pytest

from dynavera.up.supervisor import ProcessNotReady, RestartPolicy
from tests.serving import until
from tests.up.harness import (
    EXITS_WITH_ERROR,
    IGNORES_SIGTERM,
    RUNS_UNTIL_KILLED,
    STARTS_A_CHILD,
    SupervisorHarness,
    always_ready,
    is_running,
)


@pytest.fixture
def harness(tmp_path: Path) -> SupervisorHarness:
    return SupervisorHarness(tmp_path)


async def test_killed_process_is_restarted_with_a_notification(harness: SupervisorHarness) -> None:
    await harness.supervisor.start(harness.spec("worker", RUNS_UNTIL_KILLED))
    first = harness.pid("worker")
    assert first is not None

    os.kill(first, signal.SIGKILL)
    await until(lambda: harness.pid("worker") not in (None, first), seconds=10)

    second = harness.pid("worker")
    assert second is not None
    assert is_running(second)
    assert harness.notifications == [
        f"The worker was killed by SIGKILL; restarting it. Log: {harness.folder / 'logs' / 'worker.log'}"
    ]
    await harness.supervisor.stop("worker", timeout=5)


async def test_stop_ends_all_processes_and_removes_their_pid_files(harness: SupervisorHarness) -> None:
    for name in ("api", "worker"):
        await harness.supervisor.start(harness.spec(name, RUNS_UNTIL_KILLED))
    pids = [harness.pid("api"), harness.pid("worker")]

    await harness.supervisor.stop("api", "worker", timeout=5)

    assert not [pid for pid in pids if pid is None or is_running(pid)]
    assert list((harness.folder / "run").iterdir()) == []
    assert harness.notifications == []


async def test_process_that_ignores_sigterm_is_killed_after_the_timeout(harness: SupervisorHarness) -> None:
    await harness.supervisor.start(harness.spec("mcp", IGNORES_SIGTERM))
    pid = harness.pid("mcp")
    assert pid is not None
    started = time.monotonic()

    await harness.supervisor.stop("mcp", timeout=0.5)

    assert not is_running(pid)
    assert 0.5 <= time.monotonic() - started < 5


async def test_child_processes_are_killed_with_their_process(harness: SupervisorHarness) -> None:
    await harness.supervisor.start(harness.spec("mcp", STARTS_A_CHILD))
    child = harness.child_pid("mcp")
    assert is_running(child)

    await harness.supervisor.stop("mcp", timeout=5)

    await until(lambda: not is_running(child))


async def test_process_that_keeps_failing_is_given_up_with_its_last_log_line(harness: SupervisorHarness) -> None:
    with pytest.raises(
        ProcessNotReady,
        match=r"^The mcp does not start\. Its last log line: DYNAVERA_GENERATOR 'poet' is not known\.",
    ):
        await harness.supervisor.start(harness.spec("mcp", EXITS_WITH_ERROR))

    assert harness.pid("mcp") is None


async def test_process_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    async def never_ready() -> bool:
        return False

    harness = SupervisorHarness(tmp_path, RestartPolicy(ready_timeout=0.3))

    with pytest.raises(ProcessNotReady, match=r"^The api was not ready after 0 s\."):
        await harness.supervisor.start(harness.spec("api", RUNS_UNTIL_KILLED, never_ready))

    await harness.supervisor.stop("api", timeout=5)


async def test_process_that_was_ready_is_restarted_however_often_it_fails(harness: SupervisorHarness) -> None:
    await harness.supervisor.start(harness.spec("worker", EXITS_WITH_ERROR, always_ready))
    await until(lambda: len(harness.notifications) > harness.policy.max_failures, seconds=20)

    assert "The worker ended with exit code 1; restarting it." in harness.notifications[-1]
    await harness.supervisor.stop("worker", timeout=5)


async def test_kill_all_does_not_wait_for_the_timeout(harness: SupervisorHarness) -> None:
    await harness.supervisor.start(harness.spec("mcp", IGNORES_SIGTERM))
    started = time.monotonic()

    harness.supervisor.kill_all()
    await harness.supervisor.stop("mcp", timeout=30)

    assert time.monotonic() - started < 5


async def test_output_of_a_process_goes_to_its_log(harness: SupervisorHarness) -> None:
    await harness.supervisor.start(harness.spec("api", f"print('hello', flush=True){RUNS_UNTIL_KILLED}"))

    assert (harness.folder / "logs" / "api.log").read_text() == "hello\n"
    await harness.supervisor.stop("api", timeout=5)
