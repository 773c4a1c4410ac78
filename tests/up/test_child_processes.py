import sys
from pathlib import Path

import pytest

from dynavera.up import child_processes
from tests.serving import until
from tests.up.harness import is_running, spawned

PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), sys.executable, "-c",
    "import sys, time; print('ready', flush=True); time.sleep(600)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
async def test_bound_command_does_not_outlive_its_parent() -> None:
    with spawned(sys.executable, "-c", PARENT, str(Path(child_processes.__file__))) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)

        parent.kill()

        await until(lambda: not is_running(child))
