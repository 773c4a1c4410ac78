"""Limits of the API that are not settings, in one object that is passed in."""

from dataclasses import dataclass, field
from datetime import timedelta

from dynavera.limits import READER_TIMEOUT
from dynavera.web.limits import HttpLimits


@dataclass(frozen=True)
class SweepLimits:
    """Intervals and timeouts of the sweep."""

    interval: timedelta = timedelta(seconds=2)
    """How often accepted starts and stops that have not reached Temporal are delivered."""

    inspection_interval: timedelta = timedelta(seconds=20)
    """How often live executions are compared with Temporal. One that ended there unrecorded is recorded within 60 s."""

    inspection_age: timedelta = timedelta(seconds=10)
    """Younger executions are not compared with Temporal: their workflows may just be starting."""

    removal_pause: timedelta = timedelta(milliseconds=20)
    """The pause between two transactions that remove the logs of deleted agents, in which other processes can write."""

    nondeterminism_timeout: timedelta = timedelta(seconds=30)
    failing_task_timeout: timedelta = timedelta(minutes=10)
    """How long a workflow task may fail before the execution is ended. Where the code does not match the history, only
    other code helps; any other failure may pass, or be fixed by a new deployment."""

    stop_timeout: timedelta = timedelta(seconds=30)
    """How long a stop waits for the workflow before the execution is ended without it."""

    missing_workflow_timeout: timedelta = timedelta(seconds=60)
    """How long a stop looks for a workflow that another process may just be starting."""


@dataclass(frozen=True)
class PollLimits:
    """How often a live execution is polled, for all its viewers in a process together."""

    min_interval: timedelta = timedelta(milliseconds=50)
    polls_before_backoff: int = 10
    max_interval: timedelta = timedelta(milliseconds=500)
    backoff: float = 1.5
    """The interval between two polls: the minimum while events arrive and for half a second more, then growing by this
    factor to the maximum."""

    gap_delay: timedelta = timedelta(milliseconds=10)
    """How long a gap in what the event bus brings may close by itself, before the log is polled."""

    pushed_ahead: int = 200
    """Events from the bus that are kept while earlier ones are missing."""

    feeds_at_full_rate: int = 20
    """Live executions that a process polls at these intervals. With more of them, each interval grows in proportion."""

    window_bytes: int = 1024 * 1024
    """Bytes of a log's newest events kept in memory for all viewers; a viewer further behind reads the log itself."""


@dataclass(frozen=True)
class McpLimits:
    """Connections to the MCP service."""

    connect_timeout: timedelta = timedelta(seconds=2)
    read_timeout: timedelta = timedelta(minutes=5)
    """The longest silence: embedding a large upload takes minutes on a small machine."""

    health_timeout: timedelta = timedelta(seconds=2)

    calls: int = 100
    uploads: int = 20
    """Connections at the same time. An upload holds its connection while its client sends, so uploads have connections
    of their own, and other calls are not held up by them."""

    pool_timeout: timedelta = timedelta(seconds=2)
    """How long a call waits for a free connection."""


@dataclass(frozen=True)
class ApiLimits:
    """Limits of one API process. The defaults are for production; tests pass smaller ones."""

    body_bytes: int = 1024 * 1024
    upload_bytes: int = 100 * 1024 * 1024
    login_bytes: int = 64 * 1024
    """The body of a log-in, which anyone can send."""

    body_timeout: timedelta = timedelta(seconds=30)
    """How long an incomplete request body may be silent."""

    socket_message_bytes: int = 256 * 1024
    """Maximum bytes of a WebSocket message: room for a 64 KiB input in any JSON escaping."""

    socket_actions: int = 100
    """Maximum number of running and queued actions per WebSocket; at the limit, no further messages are read."""

    socket_close_timeout: timedelta = timedelta(seconds=5)
    """How long a WebSocket client may take to receive the close code."""

    reader_timeout: timedelta = READER_TIMEOUT
    """How long one message may wait for a client that does not read."""

    session_check_interval: timedelta = timedelta(seconds=15)
    """How often an open stream checks its session: the streams of a session that ends are closed within 30 s."""

    discovery_interval: timedelta = timedelta(milliseconds=500)
    """How often the records are searched for new and changed executions while somebody watches: shown within 1 s."""

    concurrent_queries: int = 20
    """Workflows that are queried at the same time when a socket opens."""

    health_timeout: timedelta = timedelta(seconds=2)
    """How long the database may take to answer a health check."""

    shutdown_timeout: timedelta = timedelta(seconds=5)
    """How long open requests and streams may continue after SIGTERM."""

    http: HttpLimits = field(default_factory=HttpLimits)
    polling: PollLimits = field(default_factory=PollLimits)
    sweep: SweepLimits = field(default_factory=SweepLimits)
    mcp: McpLimits = field(default_factory=McpLimits)
