"""`python -m mcp_service`: the MCP service as a process.

With `--lent` it is what a desktop client brings along for itself: on any free port, until that client is gone, or until
another service wants the knowledge.
"""

import asyncio
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.startup import CannotStart, ensure_data_dir, open_listener, pause_gc
from dynavera.web.open_files import raise_open_files_limit

LENT = "--lent"


def main() -> None:
    """Serve until a signal says stop; what cannot be started is one sentence and exit code 1."""
    lent = LENT in sys.argv[1:]
    try:
        settings = load_settings()
        ensure_data_dir(settings)
        host, port = ("127.0.0.1", 0) if lent else (settings.mcp_host, settings.mcp_port)
        listener = open_listener(host, port, "DYNAVERA_MCP_PORT")
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    raise_open_files_limit()
    pause_gc()
    # Imported last: who calls meanwhile is answered when it is ready, and need not try again.
    from mcp_service.process import serve

    sys.exit(asyncio.run(serve(settings, listener, lent=lent)))


if __name__ == "__main__":
    main()
