"""Keeps the indexes in sync with the records: after changes, after a crash, and by rebuilding them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

from starlette import status

from dynavera.contracts.documents import FoundPassage, Reindexing
from dynavera.records.change_log import ChangeLog
from dynavera.web.errors import Refused
from mcp_service.knowledge.index import Follower
from mcp_service.knowledge.search import SearchResult

BATCH_PASSAGES = 2000
"""Passages that are read and indexed together, unless one document has more."""

RETRY_AFTER_SECONDS = 2

logger = logging.getLogger(__name__)


class Rebuilding(Refused):
    """The indexes are being rebuilt, and incomplete until that is done."""

    code: ClassVar[str] = "rebuilding"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE
    retry_after_seconds = RETRY_AFTER_SECONDS


class Indexing:
    """Updates the indexes from the records.

    The records are the source of truth. An index holds them up to a revision, and catches up with the change log: at
    startup, after each write, and before a search if another process has written.
    """

    def __init__(self, changes: ChangeLog, indexes: Sequence[Follower]) -> None:
        self._changes = changes
        self._indexes = indexes
        self._lock = asyncio.Lock()
        self._revision: int | None = None
        self._rebuilding: asyncio.Task[None] | None = None
        self._done = self._total = 0

    @property
    def revision(self) -> int | None:
        """The revision of the records that both indexes have reached; None while it is unknown."""
        return self._revision

    async def catch_up(self) -> None:
        """Bring both indexes to the latest revision of the records."""
        async with self._lock:
            await self._catch_up()

    async def search(self, search: Callable[[], Awaitable[SearchResult]]) -> list[FoundPassage]:
        """The passages that `search` finds with indexes that have every committed write, of other processes too.

        The indexes are nearly always up to date, and the search's own read of the records confirms it; if it has
        missed a change, it is repeated. Writes in progress may be missing.

        Raises:
            Rebuilding: the indexes are being rebuilt.
        """
        self.check_not_rebuilding()
        writing, revision = self._lock.locked(), self._revision
        result = await search()
        if not writing and revision != (result.revision or await self._changes.last_revision()):
            await self.catch_up()
            result = await search()
        return result.passages

    def check_not_rebuilding(self) -> None:
        """Check that the indexes can be used.

        Raises:
            Rebuilding: they are being rebuilt, which can take minutes.
        """
        if self.progress().state == "running":
            raise Rebuilding("The search indexes are being rebuilt. Try again in a moment.")

    def progress(self) -> Reindexing:
        """The progress of the current or the last rebuild."""
        return Reindexing(state=_state(self._rebuilding), passages=min(self._done, self._total), total=self._total)

    def rebuild(self, passages: int) -> Reindexing:
        """Start rebuilding both indexes from the `passages` in the records, unless that is running already."""
        if self.progress().state != "running":
            self._done, self._total = 0, passages
            self._rebuilding = asyncio.create_task(self._rebuild())
            self._rebuilding.add_done_callback(_log_failure)
        return self.progress()

    async def close(self) -> None:
        """Cancel a rebuild; the next start continues it."""
        if self._rebuilding is not None:
            self._rebuilding.cancel()
            await asyncio.wait([self._rebuilding])

    async def _rebuild(self) -> None:
        async with self._lock:
            self._revision = None
            await _run_all(*(index.clear for index in self._indexes))
            await self._catch_up()

    async def _catch_up(self) -> None:
        latest = await self._changes.last_revision()
        revisions = [await self._index_revision(index, latest) for index in self._indexes]
        while (lowest := min(revisions)) < latest:
            changes = await self._changes.after(lowest, most_passages=BATCH_PASSAGES)
            if changes.revision == lowest:
                return
            behind = [number for number, revision in enumerate(revisions) if revision < changes.revision]
            # An index that has some of the changes already applies them again, which is idempotent.
            await _run_all(
                *(partial(self._indexes[number].apply, changes.documents, changes.revision) for number in behind)
            )
            for number in behind:
                revisions[number] = changes.revision
            self._done += sum(len(document.passages) for document in changes.documents)
        self._revision = latest

    async def _index_revision(self, index: Follower, latest: int) -> int:
        revision = await asyncio.to_thread(index.revision)
        if revision <= latest:
            return revision
        # The records were replaced by older ones, perhaps from a backup.
        logger.warning("An index is ahead of the records; rebuilding it.")
        await _run_all(index.clear)
        return 0


async def _run_all(*writes: Callable[[], None]) -> None:
    """Run all `writes` in threads; returns only once all have ended, so that writes to an index never overlap."""
    running = asyncio.gather(*map(asyncio.to_thread, writes), return_exceptions=True)
    try:
        outcomes = await asyncio.shield(running)
    except asyncio.CancelledError:
        await running
        raise
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


def _state(rebuilding: asyncio.Task[None] | None) -> Literal["never", "running", "done", "failed"]:
    if rebuilding is None:
        return "never"
    if not rebuilding.done():
        return "running"
    return "failed" if rebuilding.cancelled() or rebuilding.exception() else "done"


def _log_failure(rebuilding: asyncio.Task[None]) -> None:
    error = None if rebuilding.cancelled() else rebuilding.exception()
    if error is not None:
        logger.error("Rebuilding the indexes failed. The next write or search continues it.", exc_info=error)
