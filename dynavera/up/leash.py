"""Become a command that does not outlive its parent: `leash.py PARENT COMMAND …`, on Linux.

A small program of its own, because between a fork and an exec of a process with threads no Python may run.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel to kill this process when its parent dies, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("The process that started this one is gone.")
    os.execv(command[0], command)  # noqa: S606 -- the command is ours


if __name__ == "__main__":
    main()
