"""The files below a folder, and the names of their documents."""

import unicodedata
from pathlib import Path

from dynavera.cli.local_files import files_below


def test_names_are_composed(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "Prüfung.md")).write_text("It costs 40 euros.")

    assert list(files_below([tmp_path], []).files) == ["Prüfung.md"]
