"""A model's way here: resumed where it broke off, checked, and only then in its place."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http import HTTPStatus
from io import BufferedRandom
from pathlib import Path

import httpx

from dynavera.models.catalogue import CatalogueModel
from dynavera.models.installed import UNFINISHED

SILENCE_SECONDS = 30
TRIES_IN_VAIN = 3
"""Times that a download is resumed in a row without getting any further."""

ROOM_LEFT = 64 * 1024 * 1024
"""Bytes that stay free on the disk."""

Progress = Callable[[int], None]
"""Is told how many bytes are here."""


class DownloadFailed(Exception):
    """The model is not here; the message says why, and what to do."""


class DownloadBrokeOff(DownloadFailed):
    """The server is away, or went away; what came is kept."""


def download(model: CatalogueModel, folder: Path, progress: Progress) -> Path:
    """Bring the model into `folder`; its file there.

    Raises:
        DownloadFailed: it is not here, and why.
    """
    target = folder / model.file
    if target.is_file() and target.stat().st_size == model.bytes:
        progress(model.bytes)
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f"{model.file}{UNFINISHED}") as part:
            _check_room(model, folder, part)
            _fetch(model, part, progress)
            _check(model, part)
            os.fsync(part.fileno())
            Path(part.name).replace(target)
    except OSError as error:
        raise DownloadFailed(f"{model.file} cannot be written into {folder}: {error.strerror}.") from error
    return target


@contextmanager
def _alone(path: Path) -> Generator[BufferedRandom]:
    """The unfinished file, which nobody else writes meanwhile."""
    with path.open("ab+") as part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadFailed(f"Another process is downloading {path.stem} already.") from error
        yield part


def _check_room(model: CatalogueModel, folder: Path, part: BufferedRandom) -> None:
    missing = model.bytes - _size(part)
    free = shutil.disk_usage(folder).free
    if missing + ROOM_LEFT > free:
        raise DownloadFailed(
            f"{model.file} needs {missing / 1e9:.1f} GB more, and {folder} has {free / 1e9:.1f} GB free. "
            "Make room, or set DYNAVERA_DATA_DIR to a larger disk."
        )


def _fetch(model: CatalogueModel, part: BufferedRandom, progress: Progress) -> None:
    """All bytes of the model; a connection that breaks off is taken up where it did."""
    in_vain = 0
    timeout = httpx.Timeout(SILENCE_SECONDS)
    with httpx.Client(timeout=timeout, follow_redirects=True, headers={"Accept-Encoding": "identity"}) as client:
        while (before := _size(part)) < model.bytes:
            try:
                _fetch_rest(client, model, part, progress)
                reason = "it ended early"
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            in_vain = in_vain + 1 if _size(part) <= before else 0
            if in_vain == TRIES_IN_VAIN:
                raise DownloadBrokeOff(
                    f"{model.url} broke off after {_size(part)} of {model.bytes} bytes ({reason}). "
                    "Run the command again: it goes on from there."
                )


def _fetch_rest(client: httpx.Client, model: CatalogueModel, part: BufferedRandom, progress: Progress) -> None:
    have = _size(part)
    with client.stream("GET", model.url, headers={"Range": f"bytes={have}-"} if have else {}) as answer:
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _refused(model, part, f"is smaller than the {model.bytes} bytes that the catalogue gives")
        if not answer.is_success:
            raise DownloadFailed(f"{model.url} answers {answer.status_code} {answer.reason_phrase}.")
        if answer.headers.get("content-range", "").startswith(f"bytes {have}-"):
            progress(have)
        else:
            # The server knows no ranges, or another one: from the beginning.
            part.truncate(0)
        for block in answer.iter_raw():
            part.write(block)
            part.flush()
            progress(_size(part))
            if _size(part) > model.bytes:
                raise _refused(model, part, f"is larger than the {model.bytes} bytes that the catalogue gives")


def _check(model: CatalogueModel, part: BufferedRandom) -> None:
    expected, found = _checksums(model, part)
    if expected is not None and expected.lower() != found:
        raise _refused(model, part, f"has the checksum {found} and not the catalogue's {expected.lower()}")


def _checksums(model: CatalogueModel, part: BufferedRandom) -> tuple[str | None, str]:
    part.seek(0)
    if model.sha256 is not None:
        return model.sha256, hashlib.file_digest(part, "sha256").hexdigest()
    # The catalogue's own; it protects from damage, not from malice.
    return model.md5, hashlib.file_digest(part, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _refused(model: CatalogueModel, part: BufferedRandom, why: str) -> DownloadFailed:
    Path(part.name).unlink()
    return DownloadFailed(f"What came from {model.url} {why}. It was deleted; try again later.")


def _size(part: BufferedRandom) -> int:
    return os.fstat(part.fileno()).st_size
