"""The API process: `python -m api`."""

import asyncio

from dynavera.settings import load_settings
from dynavera.startup import ensure_records_dir, open_listener, service_process


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    with service_process():
        settings = load_settings()
        ensure_records_dir(settings)
        listener = open_listener(settings.host, settings.port, "DYNAVERA_PORT")
        # Imported late: connections made meanwhile are accepted and answered once the API is ready.
        from api.process import serve

        asyncio.run(serve(settings, listener))


if __name__ == "__main__":
    main()
