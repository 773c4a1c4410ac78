"""Files of this machine as documents: which there are below some paths, and under which names."""

import errno
import os
import re
import stat
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


@dataclass(frozen=True)
class Skipped:
    """What is not brought, and why: the end of a sentence."""

    path: Path
    reason: str


@dataclass
class Found:
    """The files below some paths; what is skipped and refused never leaves this machine."""

    files: dict[str, LocalFile] = field(default_factory=dict[str, LocalFile])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
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
        WrongUse: there is no such file or folder, or it is neither.
    """
    found = Found()
    spec = GitIgnoreSpec.from_lines(excluded)
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 -- pathlib's raises where a folder above cannot be entered
            for below in _below(path, spec, found):
                found.add(path / below, below.as_posix())
            continue
        reason = _why_no_file(path)
        if reason is not None:
            raise WrongUse(f"{str(path)!r} cannot be brought: {reason}.")
        found.add(path, path.name)
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
        entered: list[str] = []
        for name in sorted(folders):
            path = here / name
            reason = _why_left_out(f"{path.relative_to(folder).as_posix()}/", excluded)
            if reason is None and os.path.islink(path):  # noqa: PTH114 -- pathlib's raises where a path is too long
                reason = "it is a link to a folder"
            if reason is None:
                entered.append(name)
            else:
                found.skipped.append(Skipped(path, reason))
        folders[:] = entered
        for name in sorted(names):
            path = here / name
            below = path.relative_to(folder)
            reason = _why_left_out(below.as_posix(), excluded) or _why_no_file(path) or _why_not_read(path)
            if reason is None:
                yield below
            else:
                found.skipped.append(Skipped(path, reason))


def _why_left_out(below: str, excluded: GitIgnoreSpec) -> str | None:
    if Path(below).name.startswith("."):
        return "it is hidden"
    return "it is excluded" if excluded.match_file(below) else None


def _why_no_file(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "it is a link to nothing" if path.is_symlink() else "it is not there"
    except OSError as error:
        # Of other errors whoever opens it learns, and says so; it is there all the same.
        return "it is a link that leads back to itself" if error.errno == errno.ELOOP else None
    return None if stat.S_ISREG(mode) else "it is a pipe, a socket or a device"


def _why_not_read(path: Path) -> str | None:
    if path.suffix.lower() in MEDIA_TYPES:
        return None
    return f"files that end in {path.suffix} are not read" if path.suffix else "its name does not say what kind it is"


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
