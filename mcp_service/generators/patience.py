"""How long a model may be silent before it is given up."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import anyio

from mcp_service.generators.generator import GeneratorSilent


@dataclass(frozen=True)
class Silence:
    """The longest silence from the request to the first token, and between two tokens."""

    prompt: timedelta
    token: timedelta


class Patience:
    """What is left of it while a model is waited for; the time that the reader takes does not count."""

    def __init__(self, name: str, silence: Silence) -> None:
        self._token_seconds = silence.token.total_seconds()
        self._left = silence.prompt.total_seconds()
        self._over = (
            f"The model of {name!r} did not begin its answer within {self._left:g} s. "
            "DYNAVERA_PROMPT_TIMEOUT sets the limit."
        )
        self._fell_silent = (
            f"The model of {name!r} fell silent in the middle of its answer, for {self._token_seconds:g} s. "
            "DYNAVERA_TOKEN_TIMEOUT sets the limit."
        )

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Wait for the model in here.

        Raises:
            GeneratorSilent: there is no patience left.
        """
        began = anyio.current_time()
        try:
            with anyio.fail_after(self._left):
                yield
        except TimeoutError as error:
            raise GeneratorSilent(self._over) from error
        self._left -= anyio.current_time() - began

    def hears(self) -> None:
        """A token came: the patience is renewed."""
        self._left = self._token_seconds
        self._over = self._fell_silent
