"""The model files on this machine."""

from pathlib import Path

from dynavera.contracts.contract import Contract

SUFFIX = ".gguf"
UNFINISHED = ".part"


class InstalledModel(Contract):
    """A model file in the data directory."""

    file: str
    bytes: int


def installed(folder: Path) -> list[InstalledModel]:
    """The models in `folder`, by name; there may be no such folder yet."""
    files = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    return [InstalledModel(file=path.name, bytes=path.stat().st_size) for path in files]


def generator_of(file: str) -> str:
    """What the settings and agents call the model."""
    return f"gpt4all:{file}"
