"""`python -m mcp_service`: the MCP service as a process.

With `--lent` it is what a desktop client brings along for itself: on any free port, until that client is gone, or until
another service wants the knowledge.
"""

import asyncio
import gc
import socket
import sys

from dynavera.settings import BadSettings, load_settings
from dynavera.starting import CannotStart, prepared_data_dir

LENT = "--lent"


class CannotListen(Exception):
    """The port is taken, or the address is not of this machine."""


def main() -> None:
    """Serve until a signal says stop; what cannot be started is one sentence and exit code 1."""
    lent = LENT in sys.argv[1:]
    try:
        settings = load_settings()
        prepared_data_dir(settings)
        listening = _listen("127.0.0.1", 0) if lent else _listen(settings.mcp_host, settings.mcp_port)
    except (BadSettings, CannotStart, CannotListen) as error:
        sys.exit(str(error))
    # Nearly all that a start makes is there to stay: looking through it for what is not takes a sixth of the start.
    gc.disable()
    # Imported last: who calls meanwhile is answered when it is ready, and need not try again.
    from mcp_service.process import serve

    sys.exit(asyncio.run(serve(settings, listening, lent=lent)))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # A socket that names its protocol gets TCP_NODELAY from asyncio; without it each answer waits for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        raise CannotListen(
            f"The MCP service cannot listen on {host}:{port}: {error.strerror}. "
            "Set DYNAVERA_MCP_PORT (and DYNAVERA_MCP_HOST) to another one."
        ) from error
    return listening


if __name__ == "__main__":
    main()
