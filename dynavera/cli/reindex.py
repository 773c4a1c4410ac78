"""`dynavera reindex`: make both search indexes anew from the passages."""

import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynavera.cli.client import Api, api
from dynavera.cli.failures import CommandFailed, ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import notes, write_one
from dynavera.contracts.documents import Reindexing
from dynavera.settings import Settings

PATH = "/api/reindex"
LOOK_EVERY_SECONDS = 0.3


def reindex(settings: Settings, output: Output) -> ExitCode:
    """Ask the service to do it, and wait until it is done; interrupted, the service goes on with it."""
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal or output is not Output.TEXT
    with api(settings) as dynavera, Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        ended = _ended(dynavera, progress)
    if ended.state == "failed":
        raise CommandFailed("The indexes could not be made anew: the MCP service's log says why. Run this again.")
    write_one(ended.model_dump(mode="json"), output, f"{ended.total} passages are in both indexes again.")
    return ExitCode.DONE


def _ended(dynavera: Api, progress: Progress) -> Reindexing:
    now = dynavera.post(PATH, Reindexing)
    task = progress.add_task("Indexing passages", total=now.total)
    while now.state == "running":
        time.sleep(LOOK_EVERY_SECONDS)
        now = dynavera.get(PATH, Reindexing)
        progress.update(task, completed=now.passages)
    return now
