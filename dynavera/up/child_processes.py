"""Child processes that do not outlive their parent, on Linux.

Run as a script, `child_processes.py PARENT_PID COMMAND …` binds itself to its parent and becomes the command. It is a
program of its own because no Python code may run between fork and exec of a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def bound_to_this_process(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command line that runs `command` and is killed by the kernel when this process ends; Linux only."""
    if sys.platform != "linux":
        return command
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), *command)


def main() -> None:
    """Ask the kernel to kill this process when its parent dies, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("The process that started this one is gone.")
    os.execv(command[0], command)  # noqa: S606 -- the command is ours


if __name__ == "__main__":
    main()
