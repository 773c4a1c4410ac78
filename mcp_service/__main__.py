"""`python -m mcp_service`: runs the MCP service.

With `--on-demand` it is started by a desktop client's bridge: it takes any free port, and ends when that client is gone
or another service needs the knowledge.
"""

import asyncio
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.startup import CannotStart, ensure_data_dir, open_listener, pause_gc
from dynavera.web.open_files import raise_open_files_limit

ON_DEMAND = "--on-demand"


def main() -> None:
    """Serve until a signal to stop; if the service cannot start, print one sentence and exit with code 1."""
    on_demand = ON_DEMAND in sys.argv[1:]
    try:
        settings = load_settings()
        ensure_data_dir(settings)
        host, port = ("127.0.0.1", 0) if on_demand else (settings.mcp_host, settings.mcp_port)
        listener = open_listener(host, port, "DYNAVERA_MCP_PORT")
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    raise_open_files_limit()
    pause_gc()
    # Imported late: connections made meanwhile are accepted and answered once the service is ready.
    from mcp_service.process import serve

    sys.exit(asyncio.run(serve(settings, listener, on_demand=on_demand)))


if __name__ == "__main__":
    main()
