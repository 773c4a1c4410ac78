"""The HTTP server of a process, from its start to an end in order."""

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn


class Server(uvicorn.Server):
    """uvicorn, which ends in order at a signal instead of dying by it once more at the end."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """End at SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def end(self, _reason: object = None) -> None:
        """End as soon as open requests allow."""
        self.should_exit = True
