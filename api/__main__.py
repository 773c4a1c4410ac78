"""The API process: `python -m api`."""

import asyncio
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.startup import CannotStart, ensure_records_dir, open_listener, pause_gc
from dynavera.web.open_files import raise_open_files_limit


def main() -> None:
    """Serve until a signal says stop; what cannot be started is one sentence and exit code 1."""
    try:
        settings = load_settings()
        ensure_records_dir(settings)
        listener = open_listener(settings.host, settings.port, "DYNAVERA_PORT")
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    raise_open_files_limit()
    pause_gc()
    # Imported last: who calls meanwhile is answered when it is ready, and need not try again.
    from api.process import serve

    sys.exit(asyncio.run(serve(settings, listener)))


if __name__ == "__main__":
    main()
