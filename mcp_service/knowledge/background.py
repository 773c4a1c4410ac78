"""Keeps an index in sync that is too slow to wait for, while a faster one serves."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from dynavera.contracts.documents import Reindexing
from dynavera.memory import release_free_memory
from dynavera.records.change_log import ChangeLog, CurrentDocument
from mcp_service.knowledge.index import Follower

STEP_PASSAGES = 64
"""Passages between two saved states, unless one document has more; an interruption repeats them."""

POLL_SECONDS = 10
"""How often changes of other processes are looked for, and how soon a failure is repeated."""

logger = logging.getLogger(__name__)


class Interrupted(Exception):
    """The embedder was stopped while it was embedding."""


class Interruptible(Protocol):
    """An embedder that is loaded in the background, and can be stopped from another thread."""

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        ...

    def load(self) -> object:
        """Load the model."""
        ...

    def interrupt(self) -> None:
        """Stop what it is embedding, and refuse more."""
        ...


class BackgroundIndexing:
    """Updates an index from the records, a few passages at a time. The next start continues after an interruption."""

    def __init__(self, changes: ChangeLog, index: Follower, embedder: Interruptible) -> None:
        self._changes = changes
        self._index = index
        self._embedder = embedder
        self._changed = asyncio.Event()
        self._clear = False
        self._revision = -1
        self._done = self._total = 0
        self._is_behind = True
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start catching up."""
        self._running = asyncio.create_task(self._run())

    def notify(self) -> None:
        """Catch up with new changes now."""
        self._is_behind = True
        self._changed.set()

    def rebuild(self) -> None:
        """Build the index from nothing; until that is done it is not current."""
        self._clear = True
        self._revision = -1
        self.notify()

    def is_current(self, revision: int | None) -> bool:
        """Whether the index has every change up to `revision`."""
        return revision is not None and self._revision >= revision

    def progress(self) -> Reindexing:
        """The passages that it has to embed, and those that it has."""
        state = "running" if self._is_behind else "done"
        return Reindexing(state=state, passages=min(self._done, self._total), total=self._total)

    async def close(self) -> None:
        """Stop within a step of the embedder."""
        if self._running is not None:
            self._embedder.interrupt()
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                if not self._embedder.is_loaded and await self._changes.passages_after(0):
                    # Before it serves, so that no question waits for it. Without passages, none needs it.
                    await asyncio.to_thread(self._embedder.load)
                await self._catch_up()
                if self._done:
                    # Embedding long texts takes more memory than the model itself.
                    await asyncio.to_thread(release_free_memory)
            except Interrupted:
                return
            except Exception:
                # Indexing must survive any error; searches use the faster index meanwhile.
                logger.exception("Indexing in the background failed. It is tried again in %s s.", POLL_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), POLL_SECONDS)

    async def _catch_up(self) -> None:
        revision = await asyncio.to_thread(self._index.revision)
        latest = await self._changes.last_revision()
        if self._clear or revision > latest:
            self._clear = False
            await asyncio.to_thread(self._index.clear)
            revision = 0
        self._done, self._total = 0, await self._changes.passages_after(revision)
        while revision < latest and not self._clear:
            changes = await self._changes.after(revision, most_passages=STEP_PASSAGES)
            if changes.revision == revision:
                break
            await self._apply(changes.documents, changes.revision)
            revision = changes.revision
            self._done += sum(len(document.passages) for document in changes.documents)
        if not self._clear:
            self._revision = revision
            self._is_behind = self._changed.is_set()

    async def _apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        applying = asyncio.ensure_future(asyncio.to_thread(self._index.apply, documents, revision))
        try:
            await asyncio.shield(applying)
        except asyncio.CancelledError:
            # A thread cannot be cancelled; the index must not be closed before it ends.
            await asyncio.wait([applying])
            applying.exception()
            raise
