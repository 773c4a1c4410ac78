"""Files of this machine as documents: which there are below some paths, and under which names."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from dynavera.cli.failures import WrongUse
from dynavera.contracts.contract import storable
from dynavera.contracts.documents import Refusal
from dynavera.contracts.media_types import LARGEST_FILE, MEDIA_TYPES

# In a form such characters are escaped and a path of Windows is cut off, so that another name would arrive.
_CHANGED_ON_THE_WAY = re.compile(r'["\x00-\x1f\x7f-\x9f]|^(?:[A-Za-z]:|\\)\\')


@dataclass(frozen=True)
class LocalFile:
    """A file, and the name of the document that it becomes."""

    path: Path
    name: str


@dataclass
class Found:
    """The files below some paths; what is skipped and refused never leaves this machine."""

    files: dict[str, LocalFile] = field(default_factory=dict[str, LocalFile])
    skipped: list[Path] = field(default_factory=list[Path])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    is_all: bool = True
    """Whether every folder could be read; if not, there may be more files than these."""

    def add(self, path: Path, name: str) -> None:
        """Take a file, unless its name cannot be the name of a document of its own."""
        wrong = _wrong_with(name)
        if wrong is not None:
            self.refused.append(Refusal(name=_shown(name), code="bad_name", detail=f"Its name {wrong}. Rename it."))
            return
        other = self.files.setdefault(name, LocalFile(path, name))
        if other.path != path:
            detail = f"{other.path} has the same name, and would be replaced. Put one of them into another collection."
            self.refused.append(Refusal(name=name, code="same_name", detail=detail))

    def unread(self, error: OSError) -> None:
        """Say which folder cannot be read, and why."""
        self.is_all = False
        detail = f"This folder cannot be read here ({error.strerror})."
        self.refused.append(Refusal(name=_shown(str(error.filename)), code="unreadable", detail=detail))


def files_below(paths: Sequence[Path], excluded: Sequence[str]) -> Found:
    """Every file of `paths`, and of the folders among them all that can be read, but for what is `excluded`.

    The name of a document is the file's path below the folder that was named. `excluded` are patterns as in a
    `.gitignore`.

    Raises:
        WrongUse: there is no such file or folder.
    """
    found = Found()
    spec = GitIgnoreSpec.from_lines(excluded)
    for path in paths:
        if _is_file(path):
            found.add(path, path.name)
        elif path.is_dir():
            for below in _below(path, spec, found):
                found.add(path / below, below.as_posix())
        else:
            raise WrongUse(f"There is no file or folder {str(path)!r}.")
    return found


def content_of(file: LocalFile) -> bytes | Refusal:
    """What is in a file, or why it cannot be sent."""
    try:
        if file.path.stat().st_size > LARGEST_FILE:
            detail = f"A file may have at most {LARGEST_FILE // (1024 * 1024)} MiB. Split it into smaller ones."
            return Refusal(name=file.name, code="too_large", detail=detail)
        return file.path.read_bytes()
    except OSError as error:
        return Refusal(name=file.name, code="unreadable", detail=f"It cannot be read here ({error.strerror}).")


def _below(folder: Path, excluded: GitIgnoreSpec, found: Found) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=found.unread):
        here = Path(place)
        kept: list[str] = []
        for name in sorted(folders):
            if name.startswith(".") or excluded.match_file(f"{(here / name).relative_to(folder).as_posix()}/"):
                found.skipped.append(here / name)
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            path = here / name
            if _is_readable(path) and not excluded.match_file(path.relative_to(folder).as_posix()):
                yield path.relative_to(folder)
            else:
                found.skipped.append(path)


def _is_readable(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix.lower() in MEDIA_TYPES and _is_file(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # Whoever opens it learns why it cannot be read, and says so; it is there all the same.
        return True


def _wrong_with(name: str) -> str | None:
    try:
        storable(name)
    except ValueError:
        return "is not text"
    if _CHANGED_ON_THE_WAY.search(name):
        return "holds a double quote or a control character, or begins like a path of Windows"
    return None


def _shown(name: str) -> str:
    return name.encode(errors="replace").decode()
