"""The API process: `python -m api`."""

import asyncio
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.starting import CannotStart, begin, listening, prepare_records_folder


def main() -> None:
    """Serve until a signal says stop; what cannot be started is one sentence and exit code 1."""
    try:
        settings = load_settings()
        prepare_records_folder(settings)
        listener = listening(settings.host, settings.port, "DYNAVERA_PORT")
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    begin()
    # Imported last: who calls meanwhile is answered when it is ready, and need not try again.
    from api.process import serve

    sys.exit(asyncio.run(serve(settings, listener)))


if __name__ == "__main__":
    main()
