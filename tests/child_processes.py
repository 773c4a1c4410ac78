"""The processes that this one has started."""

import psutil


def running_children(module: str) -> list[psutil.Process]:
    """The running child processes whose command names `module`."""
    running = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in running if module in child.cmdline()]
