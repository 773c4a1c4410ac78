"""Local files to ingest: the files below some paths, and the names of their documents."""

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from dynavera.cli.errors import UsageError
from dynavera.contracts.contract import storable
from dynavera.contracts.documents import Refusal
from dynavera.contracts.media_types import MAX_FILE_BYTES, MEDIA_TYPES

# Multipart forms escape these characters and shorten Windows paths, so another name would be stored.
_ALTERED_BY_FORMS = re.compile(r'["\x00-\x1f\x7f-\x9f]|^(?:[A-Za-z]:|\\)\\')


@dataclass(frozen=True)
class LocalFile:
    """A file and the name of its document."""

    path: Path
    name: str


@dataclass(frozen=True)
class Skipped:
    """A path that is not ingested, and the reason."""

    path: Path
    reason: str


@dataclass
class FileSelection:
    """The files to ingest; those that are skipped or refused are not sent."""

    files: dict[str, LocalFile] = field(default_factory=dict[str, LocalFile])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    is_complete: bool = True
    """False if a folder could not be read, so that files may be missing."""

    def add(self, path: Path, name: str) -> None:
        """Add a file, unless its name cannot be a document's name or is used twice."""
        # macOS lists decomposed names, and the service stores composed ones.
        name = unicodedata.normalize("NFC", name)
        problem = _name_problem(name)
        if problem is not None:
            self.refused.append(
                Refusal(name=_encodable(name), code="bad_name", detail=f"Its name {problem}. Rename it.")
            )
            return
        other = self.files.setdefault(name, LocalFile(path, name))
        if other.path != path:
            detail = f"{other.path} has the same name and would be replaced. Put one of them into another collection."
            self.refused.append(Refusal(name=name, code="same_name", detail=detail))

    def add_unreadable(self, error: OSError) -> None:
        """Record a folder that cannot be read."""
        self.is_complete = False
        detail = f"This folder cannot be read ({error.strerror})."
        self.refused.append(Refusal(name=_encodable(str(error.filename)), code="unreadable", detail=detail))


def files_below(paths: Sequence[Path], excluded: Sequence[str]) -> FileSelection:
    """The files among `paths` and all readable files in the folders among them, except those that are `excluded`.

    A document's name is the file's path relative to the folder in `paths`. `excluded` contains patterns as in a
    `.gitignore`.

    Raises:
        UsageError: a path does not exist, or is neither a file nor a folder.
    """
    selection = FileSelection()
    spec = GitIgnoreSpec.from_lines(excluded)
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 -- pathlib's raises if a parent folder cannot be entered
            for relative in _walk(path, spec, selection):
                selection.add(path / relative, relative.as_posix())
            continue
        reason = _not_a_file(path)
        if reason is not None:
            raise UsageError(f"{str(path)!r} cannot be ingested: {reason}.")
        selection.add(path, path.name)
    return selection


def read_content(file: LocalFile) -> bytes | Refusal:
    """The content of a file, or why it cannot be sent."""
    try:
        if file.path.stat().st_size > MAX_FILE_BYTES:
            detail = f"A file may have at most {MAX_FILE_BYTES // (1024 * 1024)} MiB. Split it into smaller ones."
            return Refusal(name=file.name, code="too_large", detail=detail)
        return file.path.read_bytes()
    except OSError as error:
        return Refusal(name=file.name, code="unreadable", detail=f"It cannot be read ({error.strerror}).")


def _walk(folder: Path, excluded: GitIgnoreSpec, selection: FileSelection) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=selection.add_unreadable):
        here = Path(parent)
        kept_folders: list[str] = []
        for name in sorted(folders):
            path = here / name
            reason = _exclusion_reason(f"{path.relative_to(folder).as_posix()}/", excluded)
            if reason is None and os.path.islink(path):  # noqa: PTH114 -- pathlib's raises if a path is too long
                reason = "it is a link to a folder"
            if reason is None:
                kept_folders.append(name)
            else:
                selection.skipped.append(Skipped(path, reason))
        folders[:] = kept_folders
        for name in sorted(names):
            path = here / name
            relative = path.relative_to(folder)
            reason = _exclusion_reason(relative.as_posix(), excluded) or _not_a_file(path) or _unsupported_type(path)
            if reason is None:
                yield relative
            else:
                selection.skipped.append(Skipped(path, reason))


def _exclusion_reason(relative: str, excluded: GitIgnoreSpec) -> str | None:
    if Path(relative).name.startswith("."):
        return "it is hidden"
    return "it is excluded" if excluded.match_file(relative) else None


def _not_a_file(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "it is a broken link" if path.is_symlink() else "it does not exist"
    except OSError as error:
        # The file exists; other errors are reported when it is opened.
        return "it is a link to itself" if error.errno == errno.ELOOP else None
    return None if stat.S_ISREG(mode) else "it is a pipe, a socket or a device"


def _unsupported_type(path: Path) -> str | None:
    if path.suffix.lower() in MEDIA_TYPES:
        return None
    return f"the type {path.suffix} is not supported" if path.suffix else "it has no file extension"


def _name_problem(name: str) -> str | None:
    try:
        storable(name)
    except ValueError:
        return "is not text"
    if _ALTERED_BY_FORMS.search(name):
        return "contains a double quote or a control character, or starts like a Windows path"
    return None


def _encodable(name: str) -> str:
    return name.encode(errors="replace").decode()
