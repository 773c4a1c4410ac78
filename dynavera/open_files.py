"""How many files this process may have open."""

import resource
from contextlib import suppress

MOST_FILES = 65_536
"""Where raising the limit ends: some systems allow a thousand million, and some programs look at each."""

LARGEST_ON_MACOS = 10_240
"""What macOS calls unlimited (`OPEN_MAX`)."""


def raise_open_files_limit() -> None:
    """Allow this process as many open files as the system lets it: shells start it with 1,024, or 256 on macOS."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (MOST_FILES, LARGEST_ON_MACOS):
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= allowed:
            return
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            return
