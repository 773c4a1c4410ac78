"""The model files on this machine."""

from pathlib import Path

from dynavera.contracts.contract import Contract

SUFFIX = ".gguf"
PARTIAL_SUFFIX = ".part"


class InstalledModel(Contract):
    """A model file in the data directory."""

    file: str
    bytes: int


def installed_models(folder: Path) -> list[InstalledModel]:
    """The models in `folder`, sorted by name; the folder need not exist."""
    files = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    return [InstalledModel(file=path.name, bytes=path.stat().st_size) for path in files]


def generator_name(file: str) -> str:
    """The model's name in settings and agents."""
    return f"gpt4all:{file}"
