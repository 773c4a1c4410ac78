"""Every timeout, heartbeat and pause of an execution, and the limits on what clients may send, in one place and with
its reason; see docs/architecture.md and docs/operations.md."""

from datetime import timedelta

# --- The records, as the workflow writes them -----------------------------------------------------------------------

BEGIN_AT_ONCE = timedelta(milliseconds=500)
"""The first record is tried as a local activity for this long: it saves a round trip, but holds queries up."""

RECORD_TIMEOUT = timedelta(seconds=15)
"""One try to write to the database: its own busy timeout of 10 s, and some."""

RECORD_RETRY_FIRST = timedelta(milliseconds=200)
RECORD_RETRY_MOST = timedelta(seconds=10)
"""Pauses between tries to write to the database; there is no last one, for an outcome must not be lost."""

# --- Attempts: the workflow's own loop ------------------------------------------------------------------------------

RETRY_FIRST = timedelta(seconds=0.5)
RETRY_SOON = timedelta(seconds=1)
RETRY_SOON_ATTEMPTS = 10
RETRY_MOST = timedelta(seconds=15)
"""Pauses between attempts: one a second for the first ten, for a service that is started again is back in 2 to 5 s;
then doubling to 15 s, so that an execution goes on, and ends, within a minute after whatever was away is back."""

RETRY_AFTER_MOST = timedelta(hours=1)
"""The longest wish of a model's server, when to come back, that is kept (`Retry-After`)."""

HISTORY_EVENTS_SLOW_DOWN = 10_000
HISTORY_BYTES_SLOW_DOWN = 8 * 1024 * 1024
"""Events and bytes of history after each of which a pause is as long again. An attempt is some 11 events and repeats
its passages, so a day without the MCP service is some 32,000 events: Temporal ends a history at 51,200, or 50 MB."""

RETRIEVE_TIMEOUT = timedelta(seconds=60)
"""One attempt to retrieve: it takes milliseconds, and a minute covers a cold embedder on a busy machine."""

HEARTBEAT_EVERY = timedelta(seconds=0.4)
"""How often an activity says that it lives, and learns that it is cancelled: a stop arrives within this."""

HEARTBEAT_TIMEOUT = timedelta(seconds=3)
"""How long a dead worker goes unnoticed; three seconds of a busy machine are no death."""

STOP_ACKNOWLEDGEMENT = timedelta(seconds=5)
"""How long a stop waits for the generator to say that it has let go; native code evaluating a prompt takes longest."""

# --- The log --------------------------------------------------------------------------------------------------------

ARCHIVE_EVENTS = 100
ARCHIVE_AFTER = timedelta(seconds=30)
ARCHIVE_AFTER_ONCE = timedelta(seconds=10)
"""The tail is archived at so many events, or when the newest of them is so much younger than the first: without a
timer, and a tail that every query can carry. Each archive is six events of history, so half a minute of a slow answer
is worth one. Executions whose histories were made with the second age keep it: see workflows/recording.py."""

PAGE_BYTES = 256 * 1024
"""A page of the tail: queries answer within gRPC's 4 MB and the history's 2 MB a payload, with room."""

FIRST_DELTA_GATHERS = timedelta(milliseconds=15)
"""The first delta waits this long for the rest: an answer that is there at once needs no signal at all."""

DELTA_EVERY_FIRST = timedelta(milliseconds=100)
DELTA_EVERY_MOST = timedelta(seconds=2)
DELTA_EVERY_GROWS_OVER = 40_000
"""Deltas go out in batches by time: 100 ms for a short answer, 1 s at some 20,000 characters, 2 s from 40,000 on. Each
is 4 events of history, and 1,000 of them cost a worker that takes an execution over 0.3 s and more, nearly all of it
Temporal's part of each workflow task: 45 minutes at 20 tokens a second are some 7,000 events, and the first query of a
fresh worker is answered after 5 s."""

BATCHES_BEFORE_SLOW = 5_000
DELTA_EVERY_SLOW = timedelta(seconds=10)
"""An attempt that has sent so many batches sends the next ones this far apart: Temporal takes 10,000 signals in all."""

# --- The worker -----------------------------------------------------------------------------------------------------

STICKY_TIMEOUT = timedelta(seconds=1)
"""How long a signal or a query waits for a worker that died before another one takes the workflow over: less than the
API waits for Temporal, so that its query is answered by the other one."""

WORKFLOW_TASK_TIMEOUT = timedelta(seconds=4)
WORKFLOW_TASK_TIMEOUT_MOST = timedelta(seconds=10)
WORKFLOW_TASK_TOKENS = 40_000
"""How long what a worker had in its hands as it died waits for another one, where answers are short; twice as long at
so many tokens, whose history takes a busy machine seconds to read; never longer than Temporal's own default. See
docs/decisions/workflow-task-timeout.md."""

GENERATION_GRACE = timedelta(seconds=4)
SHORT_GRACE = timedelta(seconds=3)
"""What a running generation gets after SIGTERM before it is handed to another worker, and then what is short gets to
end; the process has 10 s in all."""

HANDING_OVER = timedelta(seconds=0.4)
"""What a worker that leaves stays for its workflows to hear of generations that it has handed over: a workflow task
that comes in its very last moment is lost, and given out again only after `WORKFLOW_TASK_TIMEOUT`. Shorter than the
first pause between attempts, whose end is the next such task."""

CONCURRENT_GENERATIONS = 500
"""Generations are waiting, not work: many fit into one worker."""

WORKER_SAYS_IT_LIVES = timedelta(seconds=1)
WORKER_SILENT = timedelta(seconds=4)
"""How often a worker tells Temporal that it runs, and after which silence `/api/health` says that none does."""

# --- The API --------------------------------------------------------------------------------------------------------

RPC_TIMEOUT = timedelta(seconds=2)
"""How long the API waits for Temporal before it serves what the records know."""

HISTORY_TIMEOUT = timedelta(seconds=15)
"""How long a whole history may take to fetch: some 7,000 events for 45 minutes of text."""

QUERY_TRIES = 4
QUERY_AGAIN = timedelta(milliseconds=100)
"""How often a query that failed is asked, and the pause before each further time. A worker that has taken a workflow
over refuses queries until it has the workflow task that waits for it, which takes milliseconds."""

SWEEP_EVERY = timedelta(seconds=2)
"""How often accepted starts and stops that have not reached Temporal are delivered."""

INSPECT_EVERY = timedelta(seconds=20)
"""How often live executions are compared with Temporal; what ended there without a word is recorded within 60 s."""

NONDETERMINISTIC_PATIENCE = timedelta(seconds=30)
FAILING_TASK_PATIENCE = timedelta(minutes=10)
"""How long a workflow task may fail before the execution is ended: where its code does not match its history, nothing
but other code helps; any other failure may pass, or be mended by a new deployment."""

STOP_PATIENCE = timedelta(seconds=30)
"""How long a stop waits for the workflow to carry it out before the execution is ended without it."""

POLL_FASTEST = timedelta(milliseconds=50)
POLLS_BEFORE_SLOWER = 10
POLL_SLOWEST = timedelta(milliseconds=500)
"""The pause between two looks at a live execution: the first while events come and for half a second more, then growing
to the second."""

DISCOVER_EVERY = timedelta(milliseconds=400)
"""How often the API looks for executions that were started elsewhere, while somebody watches: shown within 1 s."""

READER_PATIENCE = timedelta(seconds=10)
"""How long one message may wait for its reader; then the reader is told to come back with `after`."""

WELCOME_EVERY = timedelta(seconds=15)
"""How often an open stream looks whether its session still lives: one that ends closes its streams within 30 s."""

SESSION_USE_NOTED_EVERY = timedelta(minutes=5)
"""How often the use of a session is written down: a list of sessions says who is still there, and a page that asks for
something every second costs no more than a write in so long."""

TEMPORAL_REMEMBERS = timedelta(days=30)
"""The retention of the embedded server's namespace; after it the link to Temporal Web leads nowhere and is null."""

# --- What a client may ask of a connection --------------------------------------------------------------------------

LARGEST_HEAD = 64 * 1024
MOST_HEADERS = 200
"""Bytes of a URL, of all headers of a request together, and of what comes without making a message longer (a header
that does not end, trailers, chunk extensions): as h11, uvicorn's other parser, and several times what browsers send."""

HEAD_PATIENCE = timedelta(seconds=30)
"""How long a request's line and headers may take, from the connection or from their first byte: a packet that is lost
is sent again within seconds, and nginx gives 60."""

BODY_PATIENCE = timedelta(seconds=30)
SLOWEST_BODY = 1000
"""How long a body may say nothing before it is complete, and the bytes a second that it may not fall below on the
whole: a modem of the nineties sends four times as many."""

REST_OF_BODY_PATIENCE = timedelta(seconds=30)
"""What a client may take to send the rest of a body that has been answered already (as `lingering_time` of nginx):
some look for the answer only then."""

LINGER = timedelta(seconds=5)
"""How long what is sent after a refusal is read and thrown away, so that the client gets to see the refusal."""

MOST_PIPELINED = 16
"""Requests that wait behind one that is being answered. Browsers send none ahead; those that are not answered are sent
again (RFC 9112, 9.3.2)."""

SLOWEST_READER = 1000
SLOW_READER_WINDOW = timedelta(seconds=30)
"""The bytes a second that a client must take of an answer of more than 64 KiB, looked at so often: the rest of the
answer is in memory meanwhile."""

CROWDED_MOST = 64
CROWDED_HEAD_PATIENCE = timedelta(seconds=5)
"""Connections beyond DYNAVERA_MAX_CONNECTIONS that are told so, or get an answer to a health check, and how soon they
must ask. Yet more are closed at once."""
