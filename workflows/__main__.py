"""The worker process: `python -m workflows`."""

import asyncio
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.startup import CannotStart, ensure_records_dir, pause_gc
from dynavera.web.open_files import raise_open_files_limit


def main() -> None:
    """Run until SIGTERM or SIGINT; exits with 1 and the reason if the worker cannot start."""
    try:
        settings = load_settings()
        ensure_records_dir(settings)
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    raise_open_files_limit()
    pause_gc()
    from workflows.process import work

    sys.exit(asyncio.run(work(settings)))


if __name__ == "__main__":
    main()
