import os
import sys
import time
from pathlib import Path

import pytest

from tests.serving import until
from tests.up.harness import RUNS_UNTIL_KILLED, SupervisorHarness, is_running, spawned


@pytest.fixture
def harness(tmp_path: Path) -> SupervisorHarness:
    return SupervisorHarness(tmp_path)


async def test_orphan_of_a_killed_up_is_killed(harness: SupervisorHarness) -> None:
    spec = harness.spec("worker", RUNS_UNTIL_KILLED)
    with spawned(*spec.command) as orphan:
        await until(harness.ready_file("worker").exists)
        harness.pids.write(spec, orphan.pid)

        killed = harness.pids.kill_orphans([spec])

        orphan.wait(timeout=5)
    assert killed == ["worker"]
    assert harness.pid("worker") is None


async def test_another_program_with_the_same_pid_is_not_killed(harness: SupervisorHarness) -> None:
    spec = harness.spec("worker", RUNS_UNTIL_KILLED)
    with spawned(sys.executable, "-c", "import time; time.sleep(600)") as other:
        harness.pids.write(spec, other.pid)

        killed = harness.pids.kill_orphans([spec])

        assert killed == []
        assert is_running(other.pid)


async def test_process_that_started_after_the_pid_file_is_not_killed(harness: SupervisorHarness) -> None:
    spec = harness.spec("worker", RUNS_UNTIL_KILLED)
    with spawned(*spec.command) as other:
        await until(harness.ready_file("worker").exists)
        harness.pids.write(spec, other.pid)
        hour_ago = time.time() - 3600
        os.utime(harness.folder / "run" / "worker.pid", (hour_ago, hour_ago))

        killed = harness.pids.kill_orphans([spec])

        assert killed == []
        assert is_running(other.pid)


def test_empty_pid_file_is_removed(harness: SupervisorHarness) -> None:
    spec = harness.spec("worker", RUNS_UNTIL_KILLED)
    (harness.folder / "run").mkdir()
    (harness.folder / "run" / "worker.pid").write_text("")

    assert harness.pids.kill_orphans([spec]) == []
    assert harness.pid("worker") is None
