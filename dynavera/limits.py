"""Timeouts, intervals and size limits of executions, each with its reason; see docs/architecture.md.

The limits of the services are in `api/limits.py`, `mcp_service/limits.py` and `dynavera/web/limits.py`.
"""

from datetime import timedelta

# --- The records, as the workflow writes them -----------------------------------------------------------------------

LOCAL_TIMEOUT = timedelta(milliseconds=500)
"""How long a short activity is tried within the workflow task, where it costs one event of history instead of six. The
workflow answers no query and handles no stop meanwhile."""

RECORD_TIMEOUT = timedelta(seconds=15)
"""One attempt to write to the database, whose own busy timeout is 10 s."""

RECORD_RETRY_INITIAL_INTERVAL = timedelta(milliseconds=200)
RECORD_RETRY_MAX_INTERVAL = timedelta(seconds=10)
"""Intervals between attempts to write to the database. There is no last attempt: an outcome must not be lost."""

# --- Attempts: the workflow's own loop ------------------------------------------------------------------------------

RETRY_FIRST_DELAY = timedelta(seconds=0.5)
RETRY_SHORT_DELAY = timedelta(seconds=1)
RETRY_SHORT_ATTEMPTS = 10
RETRY_MAX_DELAY = timedelta(seconds=15)
"""Delays between attempts: one second for the first ten, because a restarted service is back in 2 to 5 s; then doubling
to 15 s, so that an execution continues or ends within a minute of the service's return."""

RETRY_AFTER_MAX = timedelta(hours=1)
"""The longest `Retry-After` of a model server that is respected."""

HISTORY_SLOWDOWN_EVENTS = 10_000
HISTORY_SLOWDOWN_BYTES = 8 * 1024 * 1024
"""Each time a history has grown by this much, the delays grow by their own length again. An attempt is about 11 events
and repeats its passages, so a day without the MCP service is about 32,000 events: Temporal ends a history at 51,200
events, or 50 MB."""

RETRIEVE_TIMEOUT = timedelta(seconds=60)
"""One attempt to retrieve. It takes milliseconds; a minute covers a cold embedder on a busy machine."""

HEARTBEAT_INTERVAL = timedelta(seconds=0.4)
"""How often an activity sends a heartbeat and learns of its cancellation: the delay of a stop."""

HEARTBEAT_TIMEOUT = timedelta(seconds=3)
"""How long a dead worker goes unnoticed. A busy machine may miss heartbeats for a second or two."""

STOP_ACKNOWLEDGEMENT_TIMEOUT = timedelta(seconds=5)
"""How long a stop waits for the generator to confirm; native code that evaluates a prompt takes longest."""

# --- The log --------------------------------------------------------------------------------------------------------

ARCHIVE_EVENTS = 100
ARCHIVE_AGE = timedelta(seconds=30)
LEGACY_ARCHIVE_AGE = timedelta(seconds=10)
"""The tail is archived when it has this many events, or when its newest event is this much younger than its first: no
timer is needed, and every query can carry the tail. Each archive is six events of history, so one per half minute of a
slow answer. Executions that started with the legacy age keep it: see workflows/recording.py."""

PAGE_BYTES = 256 * 1024
"""A page of the tail, well within gRPC's 4 MB per query and the history's 2 MB per payload."""

FIRST_DELTA_DELAY = timedelta(milliseconds=15)
"""The first delta waits this long: an answer that is complete by then needs no signal at all."""

DELTA_MIN_INTERVAL = timedelta(milliseconds=100)
DELTA_MAX_INTERVAL = timedelta(seconds=2)
DELTA_MAX_INTERVAL_AT = 40_000
"""The interval between batches of deltas: 100 ms for a short answer, 1 s at about 20,000 characters, 2 s from 40,000
characters on. Each batch is 4 events of history, and 1,000 of them cost a worker that takes over an execution 0.3 s or
more, nearly all of it in Temporal's part of each workflow task: 45 minutes at 20 tokens per second are about 7,000
events, and a fresh worker answers its first query after 5 s."""

BATCHES_BEFORE_SLOWDOWN = 5_000
DELTA_SLOWDOWN_INTERVAL = timedelta(seconds=10)
"""An attempt that has sent this many batches sends the next ones at this interval: Temporal takes 10,000 signals per
execution."""

# --- The worker -----------------------------------------------------------------------------------------------------

STICKY_TIMEOUT = timedelta(seconds=1)
"""How long a signal or a query waits for a dead worker before another one takes over the workflow: less than the API
waits for Temporal, so that the other worker still answers the query."""

WORKFLOW_TASK_TIMEOUT = timedelta(seconds=4)
WORKFLOW_TASK_TIMEOUT_MAX = timedelta(seconds=10)
WORKFLOW_TASK_TIMEOUT_TOKENS = 40_000
"""How long a workflow task of a dead worker waits before it is given to another worker, for short answers. It doubles
at this many tokens, whose history takes a busy machine seconds to read, and never exceeds Temporal's own default. See
docs/decisions/workflow-task-timeout.md."""

GENERATION_SHUTDOWN_GRACE = timedelta(seconds=4)
SHORT_ACTIVITY_SHUTDOWN_GRACE = timedelta(seconds=3)
"""After SIGTERM: how long a running generation gets before it is handed over to another worker, and then how long short
activities get. The whole process has 10 s."""

HANDOVER_DELAY = timedelta(seconds=0.4)
"""How long a worker that shuts down still serves its workflows after it has handed over its generations: a workflow
task that arrives in the last moment is lost, and is given out again only after `WORKFLOW_TASK_TIMEOUT`. Shorter than
the first delay between attempts, whose end is the next such task."""

MAX_CONCURRENT_GENERATIONS = 500
"""Generations mostly wait, so one worker can run many."""

WORKER_HEARTBEAT_INTERVAL = timedelta(seconds=1)
WORKER_HEARTBEAT_TIMEOUT = timedelta(seconds=4)
"""How often a worker reports to Temporal, and after which silence `/api/health` reports that no worker runs."""

# --- Records, Temporal and readers ----------------------------------------------------------------------------------

DATABASE_CONNECTIONS = 15
"""Connections that a process opens to PostgreSQL at most: six processes fit into its default of 100."""

RPC_TIMEOUT = timedelta(seconds=2)
"""How long the API waits for Temporal before it serves what the records have."""

HISTORY_TIMEOUT = timedelta(seconds=15)
"""How long fetching a whole history may take: about 7,000 events for 45 minutes of text."""

QUERY_ATTEMPTS = 4
QUERY_RETRY_DELAY = timedelta(milliseconds=100)
"""Attempts for a query, and the delay between them. A worker that has taken over a workflow refuses queries until it
has received the pending workflow task, which takes milliseconds."""

READER_TIMEOUT = timedelta(seconds=10)
"""How long one message may wait for its reader. Then the reader is disconnected, and resumes with `after`."""

SESSION_USE_INTERVAL = timedelta(minutes=5)
"""How often the use of a session is recorded. A list of sessions shows who is still active, and a page that sends a
request every second costs one write per interval."""

TEMPORAL_RETENTION = timedelta(days=30)
"""The retention of the embedded server's namespace. After it the link to Temporal Web leads nowhere and is null."""
