"""Downloads of models: resumable, verified, and moved into place when complete."""

import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http import HTTPStatus
from io import BufferedRandom
from pathlib import Path

import httpx
from filelock import lock_descriptor

from dynavera.models.catalogue import CatalogueModel
from dynavera.models.installed import PARTIAL_SUFFIX

READ_TIMEOUT_SECONDS = 30
MAX_ATTEMPTS_WITHOUT_PROGRESS = 3
"""How often in a row a download is resumed without receiving anything."""

RESERVED_BYTES = 64 * 1024 * 1024
"""Disk space that stays free."""

Progress = Callable[[int], None]
"""Called with the number of bytes received so far."""


class DownloadFailed(Exception):
    """The download failed; the message says why and what to do."""


class DownloadInterrupted(DownloadFailed):
    """The connection was lost; the partial file is kept."""


def download(model: CatalogueModel, folder: Path, progress: Progress) -> Path:
    """Download the model into `folder`; the path of the file.

    Raises:
        DownloadFailed: the model cannot be downloaded or stored.
    """
    target = folder / model.file
    if target.is_file() and target.stat().st_size == model.bytes:
        progress(model.bytes)
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked_file(folder / f"{model.file}{PARTIAL_SUFFIX}") as part:
            _check_disk_space(model, folder, part)
            _download(model, part, progress)
            _verify(model, part)
            os.fsync(part.fileno())
            Path(part.name).replace(target)
    except OSError as error:
        raise DownloadFailed(f"{model.file} cannot be written into {folder}: {error.strerror}.") from error
    return target


@contextmanager
def _locked_file(path: Path) -> Generator[BufferedRandom]:
    """The partial file, locked against other processes."""
    with path.open("ab+") as part:
        if not lock_descriptor(part.fileno(), blocking=False):
            raise DownloadFailed(f"Another process is already downloading {path.stem}.")
        yield part


def _check_disk_space(model: CatalogueModel, folder: Path, part: BufferedRandom) -> None:
    missing = model.bytes - _size(part)
    free = shutil.disk_usage(folder).free
    if missing + RESERVED_BYTES > free:
        raise DownloadFailed(
            f"{model.file} needs {missing / 1e9:.1f} GB more, and {folder} has {free / 1e9:.1f} GB free. "
            "Free some space, or set DYNAVERA_DATA_DIR to a larger disk."
        )


def _download(model: CatalogueModel, part: BufferedRandom, progress: Progress) -> None:
    """Download the whole model; resume after each lost connection."""
    attempts_without_progress = 0
    timeout = httpx.Timeout(READ_TIMEOUT_SECONDS)
    with httpx.Client(timeout=timeout, follow_redirects=True, headers={"Accept-Encoding": "identity"}) as client:
        while (before := _size(part)) < model.bytes:
            try:
                _download_rest(client, model, part, progress)
                reason = "the response ended early"
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            attempts_without_progress = attempts_without_progress + 1 if _size(part) <= before else 0
            if attempts_without_progress == MAX_ATTEMPTS_WITHOUT_PROGRESS:
                raise DownloadInterrupted(
                    f"The download of {model.url} stopped after {_size(part)} of {model.bytes} bytes ({reason}). "
                    "Run the command again to resume it."
                )


def _download_rest(client: httpx.Client, model: CatalogueModel, part: BufferedRandom, progress: Progress) -> None:
    offset = _size(part)
    with client.stream("GET", model.url, headers={"Range": f"bytes={offset}-"} if offset else {}) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _rejected(model, part, f"is smaller than the {model.bytes} bytes that the catalogue gives")
        if not response.is_success:
            raise DownloadFailed(f"{model.url} answers {response.status_code} {response.reason_phrase}.")
        if response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
            progress(offset)
        else:
            # The server does not support ranges, or sends another one: start over.
            part.truncate(0)
        for block in response.iter_raw():
            part.write(block)
            part.flush()
            progress(_size(part))
            if _size(part) > model.bytes:
                raise _rejected(model, part, f"is larger than the {model.bytes} bytes that the catalogue gives")


def _verify(model: CatalogueModel, part: BufferedRandom) -> None:
    expected, actual = _checksums(model, part)
    if expected is not None and expected.lower() != actual:
        raise _rejected(model, part, f"has the checksum {actual} instead of the catalogue's {expected.lower()}")


def _checksums(model: CatalogueModel, part: BufferedRandom) -> tuple[str | None, str]:
    part.seek(0)
    if model.sha256 is not None:
        return model.sha256, hashlib.file_digest(part, "sha256").hexdigest()
    # The catalogue's own checksum: it detects corruption, not tampering.
    return model.md5, hashlib.file_digest(part, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _rejected(model: CatalogueModel, part: BufferedRandom, problem: str) -> DownloadFailed:
    Path(part.name).unlink()
    return DownloadFailed(f"The file from {model.url} {problem}. It was deleted; try again later.")


def _size(part: BufferedRandom) -> int:
    return os.fstat(part.fileno()).st_size
