"""Which generators there are, and the one that a name means."""

from typing import TYPE_CHECKING

from dynavera.settings import Settings
from mcp_service.generators.extractive import Extractive
from mcp_service.generators.generator import Generator, GeneratorUnavailable, UnknownGenerator
from mcp_service.knowledge.embedders import Embedder

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class Generators:
    """The generators of this service; what is dear to make is made when it is first asked for, and kept."""

    def __init__(self, settings: Settings, embedder: Embedder) -> None:
        self._settings = settings
        self._extractive = Extractive(embedder)
        self._client: AsyncOpenAI | None = None

    @property
    def default(self) -> str:
        """The name of the one that is used when none is named."""
        return self._settings.generator

    def check_default(self) -> None:
        """Say now that the default cannot be used, not to the first who asks.

        Raises:
            GeneratorUnavailable: it cannot; the message names the setting.
        """
        try:
            self.named(None)
        except (UnknownGenerator, GeneratorUnavailable) as error:
            raise GeneratorUnavailable(f"DYNAVERA_GENERATOR cannot be used: {error}") from error

    def named(self, name: str | None) -> Generator:
        """The generator of this name; without one, the service's default.

        Raises:
            UnknownGenerator: no generator has this name.
            GeneratorUnavailable: it cannot be used here; the message says what to do.
        """
        wanted = name or self.default
        match wanted.partition(":"):
            case ("extractive", "", ""):
                return self._extractive
            case ("openai", ":", model) if model.strip():
                return self._openai(wanted, model)
            case ("gpt4all", ":", model) if model.strip():
                raise GeneratorUnavailable(
                    f"The generator {wanted!r} cannot be used: this version does not run GPT4All models yet. "
                    "Use 'extractive', or 'openai:<model>' with a server that runs the model."
                )
            case _:
                raise UnknownGenerator(
                    f"There is no generator {wanted!r}. Use 'extractive', 'openai:<model>' or 'gpt4all:<model file>'."
                )

    async def close(self) -> None:
        """Close what was opened."""
        if self._client is not None:
            await self._client.close()

    def _openai(self, name: str, model: str) -> Generator:
        # Its library takes most of a second to import, and most services never need it.
        from mcp_service.generators.openai_compatible import OpenAiCompatible, open_client
        from mcp_service.generators.patience import Silence

        if self._client is None:
            self._client = open_client(self._settings)
        silence = Silence(self._settings.prompt_timeout, self._settings.token_timeout)
        return OpenAiCompatible(name, model, self._client, silence)
