"""The time limits for a model's first and next token."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import anyio

from mcp_service.generators.generator import GeneratorSilent


@dataclass(frozen=True)
class SilenceLimits:
    """The longest wait from the request to the first token, and from one token to the next."""

    first_token: timedelta
    next_token: timedelta


class SilenceTimer:
    """Measures how long a model is waited for; time that the reader of the answer takes does not count."""

    def __init__(self, name: str, limits: SilenceLimits) -> None:
        self._next_token_seconds = limits.next_token.total_seconds()
        self._remaining = limits.first_token.total_seconds()
        self._message = (
            f"The model of {name!r} did not begin its answer within {self._remaining:g} s. "
            "DYNAVERA_PROMPT_TIMEOUT sets the limit."
        )
        self._next_token_message = (
            f"The model of {name!r} stopped sending in the middle of its answer, for {self._next_token_seconds:g} s. "
            "DYNAVERA_TOKEN_TIMEOUT sets the limit."
        )

    @contextmanager
    def running(self) -> Generator[None]:
        """Run the timer while the body waits for the model.

        Raises:
            GeneratorSilent: the limit is exceeded.
        """
        start = anyio.current_time()
        try:
            with anyio.fail_after(self._remaining):
                yield
        except TimeoutError as error:
            raise GeneratorSilent(self._message) from error
        self._remaining -= anyio.current_time() - start

    def restart(self) -> None:
        """Restart after a token, with the limit for the next one."""
        self._remaining = self._next_token_seconds
        self._message = self._next_token_message
