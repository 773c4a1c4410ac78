"""Which generators there are, and the one that a name means."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dynavera.models.installed import generator_name, installed_models
from dynavera.settings import Settings
from mcp_service.generators.extractive import EXTRACTIVE, Extractive
from mcp_service.generators.generator import Generator, GeneratorUnavailable, UnknownGenerator
from mcp_service.knowledge.embedders import WordLlamaEmbedder

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from mcp_service.generators.gpt4all.generator import Gpt4All
    from mcp_service.generators.patience import Silence

OFFERED = (EXTRACTIVE, "openai:*", "gpt4all:*")
"""What agents may choose besides the default, where the settings do not say."""

EVERY = "*"


class Generators:
    """The generators of this service; what is dear to make is made when it is first asked for, and kept."""

    def __init__(self, settings: Settings, words: WordLlamaEmbedder) -> None:
        self._settings = settings
        self._extractive = Extractive(words)
        self._client: AsyncOpenAI | None = None
        self._local: dict[Path, Gpt4All] = {}

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
                self._check_offered(wanted)
                return self._extractive
            case ("openai", ":", model) if model.strip():
                self._check_offered(wanted)
                return self._openai(wanted, model)
            case ("gpt4all", ":", model) if model.strip():
                self._check_offered(wanted)
                return self._gpt4all(wanted, model)
            case _:
                raise UnknownGenerator(
                    f"There is no generator {wanted!r}. Use 'extractive', 'openai:<model>' or 'gpt4all:<model file>'."
                )

    async def usable(self) -> list[str]:
        """The names that agents may choose now: what is installed here, and what the endpoint says that it serves."""
        names = {self.default, EXTRACTIVE, *(name for name in self._settings.generators if EVERY not in name)}
        if find_spec("gpt4all") is not None:
            names.update(generator_name(model.file) for model in installed_models(self._settings.models_dir))
        if self._settings.openai_base_url is not None:
            from mcp_service.generators.openai_compatible import served_models

            names.update(f"openai:{model}" for model in await served_models(self._opened_client()))
        return sorted(name for name in names if self._is_offered(name))

    async def close(self) -> None:
        """Close what was opened."""
        for model in self._local.values():
            await model.close()
        if self._client is not None:
            await self._client.close()

    def _check_offered(self, name: str) -> None:
        if not self._is_offered(name):
            raise GeneratorUnavailable(
                f"This service does not offer the generator {name!r}. DYNAVERA_GENERATORS says what agents may choose."
            )

    def _is_offered(self, name: str) -> bool:
        if name == self.default:
            return True
        kind, _, model = name.partition(":")
        offered = self._settings.generators or OFFERED
        # A path could reach every file of this machine, so the settings must name it.
        if name in offered:
            return True
        reaches_any_file = kind == "gpt4all" and Path(model).name != model
        return f"{kind}:{EVERY}" in offered and not reaches_any_file

    def _openai(self, name: str, model: str) -> Generator:
        # Its library takes most of a second to import, and most services never need it.
        from mcp_service.generators.openai_compatible import OpenAiCompatible

        return OpenAiCompatible(name, model, self._opened_client(), self._silence())

    def _opened_client(self) -> "AsyncOpenAI":
        from mcp_service.generators.openai_compatible import open_client

        if self._client is None:
            self._client = open_client(self._settings)
        return self._client

    def _gpt4all(self, name: str, model: str) -> Generator:
        if find_spec("gpt4all") is None:
            raise GeneratorUnavailable(
                f"The generator {name!r} cannot be used: GPT4All is not installed. Run `make setup EXTRAS=gpt4all`; "
                "there is no build for Linux on ARM, where 'openai:<model>' with llama.cpp or Ollama does the same."
            )
        path = self._settings.models_dir / model
        if not path.is_file():
            raise GeneratorUnavailable(
                f"There is no model file {model!r}. `dynavera models list` shows those that are installed and those "
                "that `dynavera models pull` can bring."
            )
        return self._local_model(name, path.resolve())

    def _local_model(self, name: str, path: Path) -> "Gpt4All":
        from mcp_service.generators.gpt4all.generator import Gpt4All, Limits
        from mcp_service.generators.gpt4all.process import command

        if path not in self._local:
            settings = self._settings
            limits = Limits(settings.queue_timeout, settings.load_timeout, self._silence(), settings.model_idle_timeout)
            self._local[path] = Gpt4All(name, command(path, settings.model_context), limits)
        return self._local[path]

    def _silence(self) -> "Silence":
        from mcp_service.generators.patience import Silence

        return Silence(self._settings.prompt_timeout, self._settings.token_timeout)
