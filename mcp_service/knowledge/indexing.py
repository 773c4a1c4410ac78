"""The indexes follow the records: after each change, after a crash, and from nothing when they are asked to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

from starlette import status

from dynavera.contracts.documents import FoundPassage, Reindexing
from dynavera.records.change_log import ChangeLog
from mcp_service.knowledge.index import Follower
from mcp_service.knowledge.search import Looked
from mcp_service.refusals import Refused

PASSAGES_AT_ONCE = 2000
"""Passages that are read and applied together, unless one document has more."""

COME_BACK_SECONDS = 2

logger = logging.getLogger(__name__)


class Rebuilding(Refused):
    """The indexes are made anew, and know only a part until that is done."""

    code: ClassVar[str] = "rebuilding"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE
    retryable: ClassVar[bool] = True
    retry_after_seconds = COME_BACK_SECONDS


class Indexing:
    """Brings the indexes to what the records hold.

    The records are the truth. An index holds them up to a revision, and catches up with the log of changes: at the
    start, after each write, and before a search when another process has written.
    """

    def __init__(self, changes: ChangeLog, indexes: Sequence[Follower]) -> None:
        self._changes = changes
        self._indexes = indexes
        self._turn = asyncio.Lock()
        self._reached: int | None = None
        self._rebuilding: asyncio.Task[None] | None = None
        self._done = self._total = 0

    async def catch_up(self) -> None:
        """Bring both indexes to the latest revision of the records: what is written by now can be retrieved."""
        async with self._turn:
            await self._catch_up()

    async def searched(self, search: Callable[[], Awaitable[Looked]]) -> list[FoundPassage]:
        """What `search` finds of what is written by now, by whichever process; what is being written may be missing.

        Nearly always the indexes are up to date, and a search that looks its passages up sees that in the same read;
        one that has missed a change is made again.

        Raises:
            Rebuilding: the indexes are being rebuilt.
        """
        self.check_not_rebuilding()
        changing, reached = self._turn.locked(), self._reached
        looked = await search()
        if not changing and reached != (looked.revision or await self._changes.last_revision()):
            await self.catch_up()
            looked = await search()
        return looked.passages

    def check_not_rebuilding(self) -> None:
        """Make sure that the indexes can be used now.

        Raises:
            Rebuilding: they are being rebuilt, which may take minutes.
        """
        if self.progress().state == "running":
            raise Rebuilding("The search indexes are being rebuilt. Try again in a moment.")

    def progress(self) -> Reindexing:
        """How far the indexes are that are made anew, or were last."""
        return Reindexing(state=_state(self._rebuilding), passages=min(self._done, self._total), total=self._total)

    def rebuild(self, passages: int) -> Reindexing:
        """Begin to make both indexes anew from the `passages` of the records, unless that is being done already."""
        if self.progress().state != "running":
            self._done, self._total = 0, passages
            self._rebuilding = asyncio.create_task(self._make_anew())
            self._rebuilding.add_done_callback(_tell)
        return self.progress()

    async def close(self) -> None:
        """Leave a rebuild where it is: the next start goes on from there."""
        if self._rebuilding is not None:
            self._rebuilding.cancel()
            await asyncio.wait([self._rebuilding])

    async def _make_anew(self) -> None:
        async with self._turn:
            self._reached = None
            await _done(*(index.clear for index in self._indexes))
            await self._catch_up()

    async def _catch_up(self) -> None:
        latest = await self._changes.last_revision()
        reached = [await self._reached_by(index, latest) for index in self._indexes]
        while (lowest := min(reached)) < latest:
            changes = await self._changes.after(lowest, most_passages=PASSAGES_AT_ONCE)
            if changes.revision == lowest:
                return
            behind = [place for place, revision in enumerate(reached) if revision < changes.revision]
            # An index that has some of the changes takes them once more: what it is given is how things are now.
            await _done(*(partial(self._indexes[place].apply, changes.documents, changes.revision) for place in behind))
            for place in behind:
                reached[place] = changes.revision
            self._done += sum(len(document.passages) for document in changes.documents)
        self._reached = latest

    async def _reached_by(self, index: Follower, latest: int) -> int:
        revision = await asyncio.to_thread(index.revision)
        if revision <= latest:
            return revision
        # Its records were replaced by older ones, a backup perhaps: nothing it holds can be trusted.
        logger.warning("An index is ahead of the records. It is made anew.")
        await _done(index.clear)
        return 0


async def _done(*writes: Callable[[], None]) -> None:
    """Do all of this in threads, and be back only when all of it has ended: one writes to an index at a time."""
    ending = asyncio.gather(*map(asyncio.to_thread, writes), return_exceptions=True)
    try:
        outcomes = await asyncio.shield(ending)
    except asyncio.CancelledError:
        await ending
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


def _tell(rebuilding: asyncio.Task[None]) -> None:
    error = None if rebuilding.cancelled() else rebuilding.exception()
    if error is not None:
        logger.error("The indexes could not be made anew. The next write or search goes on with it.", exc_info=error)
