"""`python -m mcp_service`: runs the MCP service.

With `--on-demand` it is started by a desktop client's bridge: it takes any free port, and ends when that client is gone
or another service needs the knowledge.
"""

import asyncio
import sys

from dynavera.settings import load_settings
from dynavera.startup import ensure_data_dir, open_listener, service_process

ON_DEMAND = "--on-demand"


def main() -> None:
    """Serve until a signal to stop."""
    on_demand = ON_DEMAND in sys.argv[1:]
    with service_process():
        settings = load_settings()
        ensure_data_dir(settings)
        host, port = ("127.0.0.1", 0) if on_demand else (settings.mcp_host, settings.mcp_port)
        listener = open_listener(host, port, "DYNAVERA_MCP_PORT")
        # Imported late: connections made meanwhile are accepted and answered once the service is ready.
        from mcp_service.process import serve

        asyncio.run(serve(settings, listener, on_demand=on_demand))


if __name__ == "__main__":
    main()
