"""Quotas for concurrent requests and streams, per user and in total."""

from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from starlette.requests import HTTPConnection

from dynavera.settings import Settings
from dynavera.web.errors import Refused

RETRY_AFTER_SECONDS = 2

_CONTEXTS = "contexts"


class TooManyOpen(Refused):
    """The limit is reached; the message is short enough for the close reason of a WebSocket."""

    status: ClassVar[int] = 429
    retry_after_seconds = RETRY_AFTER_SECONDS
    plural: ClassVar[str]
    setting: ClassVar[str]

    def __init__(self, number: int, *, of_one_user: bool) -> None:
        detail = (
            f"You have {number} {self.plural} open, the most per user ({self.setting}_PER_USER). Close some."
            if of_one_user
            else f"There are {number} {self.plural} open, the most here ({self.setting}). Try again later."
        )
        super().__init__(detail)


class TooManyRequests(TooManyOpen):
    """Too many requests are in flight."""

    code: ClassVar[str] = "too_many_requests"
    plural = "requests"
    setting = "DYNAVERA_MAX_REQUESTS"


class TooManyStreams(TooManyOpen):
    """Too many WebSockets and server-sent event streams are open."""

    code: ClassVar[str] = "too_many_streams"
    plural = "sockets and streams"
    setting = "DYNAVERA_MAX_STREAMS"


@dataclass
class Quota:
    """Counts what is open, by user; without `in_all` there is no limit on the total."""

    refusal: type[TooManyOpen]
    per_user: int
    in_all: int | None = None
    _open: Counter[Hashable] = field(default_factory=Counter[Hashable], init=False)
    total: int = field(default=0, init=False)

    @contextmanager
    def slot(self, user: Hashable) -> Generator[None]:
        """Count one more until the context ends.

        Raises:
            TooManyOpen: the limit is reached.
        """
        if self.in_all is not None and self.total >= self.in_all:
            raise self.refusal(self.total, of_one_user=False)
        if self._open[user] >= self.per_user:
            raise self.refusal(self._open[user], of_one_user=True)
        self._open[user] += 1
        self.total += 1
        try:
            yield
        finally:
            self.total -= 1
            self._open[user] -= 1
            if not self._open[user]:
                del self._open[user]


@dataclass(frozen=True)
class Quotas:
    """The quotas of one process."""

    requests: Quota
    streams: Quota

    @classmethod
    def from_settings(cls, settings: Settings) -> "Quotas":
        """The quotas of the settings."""
        return cls(
            requests=Quota(TooManyRequests, settings.max_requests_per_user),
            streams=Quota(TooManyStreams, settings.max_streams_per_user, settings.max_streams),
        )


def attach_contexts(request: HTTPConnection, contexts: ExitStack) -> None:
    """Attach contexts to `request`, which end when it is answered, including a streamed body."""
    request.scope.setdefault("state", {})[_CONTEXTS] = contexts


def contexts_of(request: HTTPConnection) -> ExitStack:
    """The contexts that are attached to `request`."""
    contexts: ExitStack = request.scope["state"][_CONTEXTS]
    return contexts
