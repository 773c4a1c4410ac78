"""`python -m mcp_service`: the MCP service as a process.

With `--lent` it is what a desktop client brings along for itself: on any free port, until that client is gone, or until
another service wants the knowledge.
"""

import asyncio
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.starting import CannotStart, begin, listening, prepared_data_dir

LENT = "--lent"


def main() -> None:
    """Serve until a signal says stop; what cannot be started is one sentence and exit code 1."""
    lent = LENT in sys.argv[1:]
    try:
        settings = load_settings()
        prepared_data_dir(settings)
        host, port = ("127.0.0.1", 0) if lent else (settings.mcp_host, settings.mcp_port)
        listener = listening(host, port, "DYNAVERA_MCP_PORT")
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    begin()
    # Imported last: who calls meanwhile is answered when it is ready, and need not try again.
    from mcp_service.process import serve

    sys.exit(asyncio.run(serve(settings, listener, lent=lent)))


if __name__ == "__main__":
    main()
