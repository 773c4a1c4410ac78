import os
import sys
import time
from pathlib import Path

from tests.serving import until
from tests.up.children import RUNS, Workshop, runs, spawned


async def test_what_an_up_that_was_killed_left_behind_is_ended(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    part = workshop.part("worker", RUNS)
    with spawned(*part.command) as orphan:
        await until(workshop.flag("worker").exists)
        workshop.pids.write(part, orphan.pid)

        ended = workshop.pids.end_leftovers([part])

        orphan.wait(timeout=5)
    assert ended == ["worker"]
    assert workshop.pid("worker") is None


async def test_another_program_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    part = workshop.part("worker", RUNS)
    with spawned(sys.executable, "-c", "import time; time.sleep(600)") as stranger:
        workshop.pids.write(part, stranger.pid)

        ended = workshop.pids.end_leftovers([part])

        assert ended == []
        assert runs(stranger.pid)


async def test_a_later_process_of_another_instance_is_left_alone(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    part = workshop.part("worker", RUNS)
    with spawned(*part.command) as other:
        await until(workshop.flag("worker").exists)
        workshop.pids.write(part, other.pid)
        hour_ago = time.time() - 3600
        os.utime(tmp_path / "run" / "worker.pid", (hour_ago, hour_ago))

        ended = workshop.pids.end_leftovers([part])

        assert ended == []
        assert runs(other.pid)


def test_a_pid_file_that_says_nothing_is_cleared_away(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    part = workshop.part("worker", RUNS)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "worker.pid").write_text("")

    assert workshop.pids.end_leftovers([part]) == []
    assert workshop.pid("worker") is None
