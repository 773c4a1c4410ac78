import os
import signal
import time
from pathlib import Path

import pytest

from dynavera.up.supervisor import PartFailed, Patience
from tests.serving import until
from tests.up.children import HAS_A_CHILD, REFUSES, RUNS, RUNS_ON_AFTER_SIGTERM, Workshop, at_once, runs


async def test_a_part_that_is_killed_is_started_again_and_the_person_is_told(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    await workshop.supervisor.start(workshop.part("worker", RUNS))
    first = workshop.pid("worker")
    assert first is not None

    os.kill(first, signal.SIGKILL)
    await until(lambda: workshop.pid("worker") not in (None, first), seconds=10)

    second = workshop.pid("worker")
    assert second is not None
    assert runs(second)
    assert workshop.said == [
        f"The worker was killed by SIGKILL; it is started again. Its log: {tmp_path / 'logs' / 'worker.log'}"
    ]
    await workshop.supervisor.stop("worker", patience=5)


async def test_stopping_ends_all_parts_and_removes_their_pid_files(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    for name in ("api", "worker"):
        await workshop.supervisor.start(workshop.part(name, RUNS))
    pids = [workshop.pid("api"), workshop.pid("worker")]

    await workshop.supervisor.stop("api", "worker", patience=5)

    assert not [pid for pid in pids if pid is None or runs(pid)]
    assert list((tmp_path / "run").iterdir()) == []
    assert workshop.said == []


async def test_a_part_that_ignores_sigterm_is_killed_when_its_time_is_up(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    await workshop.supervisor.start(workshop.part("mcp", RUNS_ON_AFTER_SIGTERM))
    pid = workshop.pid("mcp")
    assert pid is not None
    began = time.monotonic()

    await workshop.supervisor.stop("mcp", patience=0.5)

    assert not runs(pid)
    assert 0.5 <= time.monotonic() - began < 5


async def test_what_a_part_had_started_itself_goes_with_it(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    await workshop.supervisor.start(workshop.part("mcp", HAS_A_CHILD))
    grandchild = workshop.grandchild("mcp")
    assert runs(grandchild)

    await workshop.supervisor.stop("mcp", patience=5)

    await until(lambda: not runs(grandchild))


async def test_a_part_that_says_no_again_and_again_is_given_up_with_its_own_words(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)

    with pytest.raises(
        PartFailed, match=r"^The mcp does not start\. It says: DYNAVERA_GENERATOR 'poet' is not known\."
    ):
        await workshop.supervisor.start(workshop.part("mcp", REFUSES))

    assert workshop.pid("mcp") is None


async def test_a_part_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    workshop = Workshop(tmp_path, Patience(ready=0.3))

    with pytest.raises(PartFailed, match=r"^The api was not ready after 0 s\."):
        await workshop.supervisor.start(workshop.part("api", RUNS, never))

    await workshop.supervisor.stop("api", patience=5)


async def test_a_part_that_was_ready_is_started_again_however_often_it_says_no(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)

    await workshop.supervisor.start(workshop.part("worker", REFUSES, at_once))
    await until(lambda: len(workshop.said) > workshop.patience.attempts, seconds=20)

    assert "The worker ended with exit code 1; it is started again." in workshop.said[-1]
    await workshop.supervisor.stop("worker", patience=5)


async def test_the_second_wish_to_stop_kills_at_once(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    await workshop.supervisor.start(workshop.part("mcp", RUNS_ON_AFTER_SIGTERM))
    began = time.monotonic()

    workshop.supervisor.kill_all()
    await workshop.supervisor.stop("mcp", patience=30)

    assert time.monotonic() - began < 5


async def test_a_part_writes_to_its_log(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)

    await workshop.supervisor.start(workshop.part("api", f"print('said out loud', flush=True){RUNS}"))

    assert (tmp_path / "logs" / "api.log").read_text() == "said out loud\n"
    await workshop.supervisor.stop("api", patience=5)
