"""Memory that the allocator keeps for later, after much of it was used for a short time."""

import ctypes
import sys


def release_free_memory() -> None:
    """Give free memory back to the system. Only glibc keeps much: elsewhere this does nothing."""
    if sys.platform == "linux":
        # Other C libraries for Linux do not have it.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
