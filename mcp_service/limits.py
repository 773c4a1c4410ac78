"""Timeouts and caches of the MCP service that are not settings, in one object that is passed in."""

from dataclasses import dataclass, field
from datetime import timedelta

from dynavera.limits import READER_TIMEOUT


@dataclass(frozen=True)
class StopGrace:
    """How long a stopped GPT4All model may take before its process is killed, before and after its first token: a
    batch of the prompt can take many seconds on a slow machine."""

    reading: timedelta = timedelta(seconds=3)
    writing: timedelta = timedelta(seconds=0.7)


@dataclass(frozen=True)
class ServiceLimits:
    """The defaults are for production; tests pass shorter ones."""

    keep_alive: timedelta = timedelta(seconds=10)
    """The longest silence of a `generate` call; after it an empty status note is sent."""

    lock_wait: timedelta = timedelta(seconds=5)
    """How long a start waits for a previous service to release the knowledge."""

    startup_wait: timedelta = timedelta(seconds=10)
    """How long a call waits for the knowledge: opening takes a second, catching up with many changes minutes."""

    extractor_idle: timedelta = timedelta(seconds=60)
    """An extractor process without work for so long is ended, to free its memory."""

    open_bm25_indexes: int = 64
    """BM25 indexes (one per user and collection) whose files stay open for the next search."""

    reader_timeout: timedelta = READER_TIMEOUT
    """How long one server-sent event may wait for a client that does not read."""

    body_timeout: timedelta = timedelta(seconds=30)
    """How long an incomplete request body may be silent."""

    stop_grace: StopGrace = field(default_factory=StopGrace)
