"""The worker process: `python -m workflows`."""

import asyncio
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.starting import CannotStart, begin, prepare_records_folder


def main() -> None:
    """Run until SIGTERM or SIGINT; exits with 1 and the reason if the worker cannot start."""
    try:
        settings = load_settings()
        prepare_records_folder(settings)
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    begin()
    from workflows.process import work

    sys.exit(asyncio.run(work(settings)))


if __name__ == "__main__":
    main()
