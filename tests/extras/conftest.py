import platform
from pathlib import Path

import pytest

from tests.extras.tiny_model import make_model

NO_GPT4ALL = platform.system() == "Linux" and platform.machine() == "aarch64"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fast model, and one that takes seconds for a long prompt."""
    if NO_GPT4ALL:
        pytest.skip("GPT4All has no build for Linux on ARM.")
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "tiny.gguf")
    make_model(folder / "slow.gguf", layers=8, wide=512)
    return folder
