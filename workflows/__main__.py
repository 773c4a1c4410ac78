"""The worker process: `python -m workflows`."""

import asyncio

from dynavera.settings import load_settings
from dynavera.startup import ensure_records_dir, service_process


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    with service_process():
        settings = load_settings()
        ensure_records_dir(settings)
        # Imported late: bad settings are reported at once.
        from workflows.process import work

        asyncio.run(work(settings))


if __name__ == "__main__":
    main()
