"""The generators of this service, by name."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from dynavera.contracts.system import UnusableModel
from dynavera.models.installed import InstalledModel, generator_name, installed_models
from dynavera.models.model_file import reason_against
from dynavera.settings import Settings
from dynavera.web.errors import GeneratorUnavailable, UnknownGenerator
from mcp_service.generators.extractive import EXTRACTIVE, Extractive
from mcp_service.generators.generator import Generator
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from mcp_service.limits import StopGrace

if TYPE_CHECKING:
    from mcp_service.generators.endpoint.client import Endpoint
    from mcp_service.generators.gpt4all.generator import Gpt4All
    from mcp_service.generators.silence_timeout import SilenceLimits

DEFAULT_ALLOWED = (EXTRACTIVE, "openai:*", "gpt4all:*")
"""The generators that agents can use besides the default, unless the settings list them."""

WILDCARD = "*"

CHECK_SECONDS = 8
"""How long a model is loaded to check it, while somebody waits for an agent to be saved."""

FileVersion: TypeAlias = tuple[int, int]
"""The time of a file's last change in nanoseconds, and its size in bytes."""


class GeneratorRegistry:
    """Creates generators on first use, and keeps what is expensive to create."""

    def __init__(self, settings: Settings, wordllama: WordLlamaEmbedder, stop_grace: StopGrace = StopGrace()) -> None:  # noqa: B008 -- frozen
        self._settings = settings
        self._stop_grace = stop_grace
        self._extractive = Extractive(wordllama)
        self._endpoint: Endpoint | None = None
        self._local: dict[Path, tuple[FileVersion, Gpt4All]] = {}

    @property
    def default(self) -> str:
        """The name of the generator for agents that name none."""
        return self._settings.generator

    def check_default(self) -> None:
        """Check at startup that the default generator can be used.

        Raises:
            GeneratorUnavailable: it cannot be used; the message names the setting.
        """
        try:
            self.get(None)
        except (UnknownGenerator, GeneratorUnavailable) as error:
            raise GeneratorUnavailable(f"DYNAVERA_GENERATOR cannot be used: {error}") from error

    def get(self, name: str | None) -> Generator:
        """The generator of this name, or the default one.

        Raises:
            UnknownGenerator: no generator has this name.
            GeneratorUnavailable: it cannot be used here; the message says what to do.
        """
        name = name or self.default
        match name.partition(":"):
            case ("extractive", "", ""):
                self._check_allowed(name)
                return self._extractive
            case ("openai", ":", model) if model.strip():
                self._check_allowed(name)
                return self._openai(name, model)
            case ("gpt4all", ":", model) if model.strip():
                self._check_allowed(name)
                return self._gpt4all(name, model)
            case _:
                raise UnknownGenerator(
                    f"There is no generator {name!r}. Use 'extractive', 'openai:<model>' or 'gpt4all:<model file>'."
                )

    async def check(self, name: str) -> None:
        """Check that an agent can use the generator; a local model is loaded for it, unless that takes too long.

        Raises:
            UnknownGenerator: no generator has this name.
            GeneratorUnavailable: it cannot be used here; the message says what to do.
        """
        generator = self.get(name)
        if name.startswith("gpt4all:"):
            await cast("Gpt4All", generator).check(CHECK_SECONDS)

    def unusable(self) -> list[UnusableModel]:
        """The local model files that cannot be used, and why."""
        found = [(model, self._reason_against(self._settings.models_dir / model.file)) for model in self._installed()]
        return [UnusableModel(name=generator_name(model.file), reason=reason) for model, reason in found if reason]

    async def available(self) -> list[str]:
        """The names that agents can use now: what is installed here, and what the endpoint lists."""
        names = {self.default, EXTRACTIVE, *(name for name in self._settings.generators if WILDCARD not in name)}
        names.update(generator_name(model.file) for model in self._installed())
        names.difference_update(model.name for model in self.unusable())
        if self._settings.openai_base_url is not None:
            names.update(f"openai:{model}" for model in await self._open_endpoint().models())
        return sorted(name for name in names if self._is_allowed(name))

    async def close(self) -> None:
        """Close the connections and end the processes."""
        for _, model in self._local.values():
            await model.close()
        if self._endpoint is not None:
            await self._endpoint.close()

    def _check_allowed(self, name: str) -> None:
        if not self._is_allowed(name):
            raise GeneratorUnavailable(
                f"This service does not offer the generator {name!r}. DYNAVERA_GENERATORS lists what agents can use."
            )

    def _is_allowed(self, name: str) -> bool:
        if name == self.default:
            return True
        kind, _, model = name.partition(":")
        allowed = self._settings.generators or DEFAULT_ALLOWED
        # A path could name any file of this machine, so the settings must list it.
        if name in allowed:
            return True
        is_path = kind == "gpt4all" and Path(model).name != model
        return f"{kind}:{WILDCARD}" in allowed and not is_path

    def _installed(self) -> list[InstalledModel]:
        return installed_models(self._settings.models_dir) if find_spec("gpt4all") is not None else []

    def _reason_against(self, path: Path) -> str | None:
        version, model = self._local.get(path.resolve(), (None, None))
        if model is not None and model.rejection and version == _version(path):
            return model.rejection
        return reason_against(path)

    def _openai(self, name: str, model: str) -> Generator:
        # Imported lazily: most services never need it.
        from mcp_service.generators.endpoint.generator import OpenAiCompatible

        return OpenAiCompatible(name, model, self._open_endpoint(), self._silence_limits())

    def _open_endpoint(self) -> "Endpoint":
        from mcp_service.generators.endpoint.client import open_endpoint

        if self._endpoint is None:
            self._endpoint = open_endpoint(self._settings)
        return self._endpoint

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
                "that `dynavera models pull` can download."
            )
        if reason := self._reason_against(path):
            raise GeneratorUnavailable(f"The model file {model!r} cannot be used: {reason}.")
        return self._local_model(name, path.resolve())

    def _local_model(self, name: str, path: Path) -> "Gpt4All":
        from mcp_service.generators.gpt4all.generator import Gpt4All, Gpt4AllLimits
        from mcp_service.generators.gpt4all.process import child_command

        known = self._local.get(path)
        # A file that could not be loaded may have been replaced.
        if known is None or (known[1].rejection and known[0] != _version(path)):
            settings = self._settings
            limits = Gpt4AllLimits(
                queue=settings.queue_timeout,
                load=settings.load_timeout,
                silence=self._silence_limits(),
                idle=settings.model_idle_timeout,
                stop_grace=self._stop_grace,
            )
            model = Gpt4All(name, child_command(path, settings.model_context), limits)
            known = self._local[path] = (_version(path), model)
        return known[1]

    def _silence_limits(self) -> "SilenceLimits":
        from mcp_service.generators.silence_timeout import SilenceLimits

        return SilenceLimits(self._settings.prompt_timeout, self._settings.token_timeout)


def _version(path: Path) -> FileVersion:
    about = path.stat()
    return about.st_mtime_ns, about.st_size
