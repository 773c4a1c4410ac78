"""`dynavera reindex`: rebuild both search indexes from the passages."""

import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynavera.cli.client import ApiClient, api_client
from dynavera.cli.errors import CommandFailed, ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import stderr_console, write_one
from dynavera.contracts.documents import Reindexing
from dynavera.settings import Settings

PATH = "/api/reindex"
POLL_SECONDS = 0.3


def reindex(settings: Settings, output: Output) -> ExitCode:
    """Start rebuilding and wait for the end; after an interruption the service continues."""
    console = stderr_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal or output is not Output.TEXT
    with api_client(settings) as api, Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        result = _rebuild(api, progress)
    if result.state == "failed":
        raise CommandFailed("The indexes could not be rebuilt: the MCP service's log says why. Run this again.")
    write_one(result.model_dump(mode="json"), output, f"Rebuilt both indexes with {result.total} passages.")
    return ExitCode.SUCCESS


def _rebuild(api: ApiClient, progress: Progress) -> Reindexing:
    status = api.post(PATH, Reindexing)
    task = progress.add_task("Indexing passages", total=status.total)
    while status.state == "running":
        time.sleep(POLL_SECONDS)
        status = api.get(PATH, Reindexing)
        progress.update(task, completed=status.passages)
    return status
