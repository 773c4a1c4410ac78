"""How many requests and streams a user may have open at the same time, and all users together."""

from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from starlette.requests import HTTPConnection

from dynavera.settings import Settings
from dynavera.web.errors import Refused

RETRY_AFTER_SECONDS = 2

_HELD = "held_until_answered"


class TooManyOpen(Refused):
    """There are as many open as there may be; the message is short enough for the reason of a closed WebSocket."""

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
    """Counts what is open, by user; `in_all` is None where only each user has a limit."""

    refusal: type[TooManyOpen]
    per_user: int
    in_all: int | None = None
    _open: Counter[Hashable] = field(default_factory=Counter[Hashable], init=False)
    total: int = field(default=0, init=False)

    @contextmanager
    def place(self, user: Hashable) -> Generator[None]:
        """One more that is open, until the context ends.

        Raises:
            TooManyOpen: there are as many as there may be.
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
    def of(cls, settings: Settings) -> "Quotas":
        """As the settings say."""
        return cls(
            requests=Quota(TooManyRequests, settings.max_requests_per_user),
            streams=Quota(TooManyStreams, settings.max_streams_per_user, settings.max_streams),
        )


def hold(request: HTTPConnection, contexts: ExitStack) -> None:
    """Give `request` the contexts that end when it is answered as a whole, its stream too."""
    request.scope.setdefault("state", {})[_HELD] = contexts


def held(request: HTTPConnection) -> ExitStack:
    """What `request` holds until it is answered."""
    contexts: ExitStack = request.scope["state"][_HELD]
    return contexts
