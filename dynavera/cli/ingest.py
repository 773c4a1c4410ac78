"""`dynavera ingest`: send files and folders to the knowledge base."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dynavera.cli.client import Api, api, refusal
from dynavera.cli.failures import CommandFailed, ExitCode, WrongUse
from dynavera.cli.options import Output
from dynavera.cli.output import notes, printable, write
from dynavera.contracts.contract import Contract
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.settings import Settings

READABLE = frozenset({".md", ".markdown", ".txt", ".text", ".html", ".htm", ".xhtml"})
"""What is taken from a folder; a file that is named itself is always sent, and the service says why it refuses it."""

BATCH_FILES = 20
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class _File:
    path: Path
    name: str

    @property
    def size(self) -> int:
        return self.path.stat().st_size


@dataclass
class _Report:
    taken: list[Document] = field(default_factory=list[Document])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    skipped: list[Path] = field(default_factory=list[Path])


class _AllRefused(Contract):
    """A 422 that names the files."""

    refused: list[Refusal]


def ingest(settings: Settings, paths: Sequence[Path], collection: str, output: Output) -> ExitCode:
    """Send everything below `paths`; the name of a document is its path below the folder that was named."""
    console = notes()
    report = _Report()
    files = list(_files(paths, report.skipped))
    with api(settings) as dynavera, _progress(console) as progress:
        task = progress.add_task("Ingesting", total=len(files))
        for batch in _batches(files):
            _send(dynavera, batch, collection, report)
            progress.advance(task, len(batch))
    _tell(console, report)
    _write(report, output)
    return ExitCode.FAILED if report.refused else ExitCode.DONE


def _files(paths: Iterable[Path], skipped: list[Path]) -> Iterator[_File]:
    for path in paths:
        if path.is_file():
            yield _File(path, path.name)
        elif path.is_dir():
            yield from _below(path, skipped)
        else:
            raise WrongUse(f"There is no file or folder {str(path)!r}.")


def _below(folder: Path, skipped: list[Path]) -> Iterator[_File]:
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if not path.is_file():
            continue
        if any(part.startswith(".") for part in below.parts) or path.suffix.lower() not in READABLE:
            skipped.append(path)
        else:
            yield _File(path, below.as_posix())


def _batches(files: Iterable[_File]) -> Iterator[list[_File]]:
    batch: list[_File] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def _send(dynavera: Api, batch: list[_File], collection: str, report: _Report) -> None:
    try:
        fields = [("file", (file.name, file.path.read_bytes())) for file in batch]
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be read ({error.strerror}).") from error
    response = dynavera.upload(fields, collection)
    if response.status_code == HTTPStatus.CREATED:
        ingestion = Ingestion.model_validate_json(response.content)
        report.taken += ingestion.items
        report.refused += ingestion.refused
    elif response.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
        _refused(dynavera, batch, collection, report, (response.status_code, response.content))
    else:
        raise refusal(response.status_code, response.content)


def _refused(dynavera: Api, batch: list[_File], collection: str, report: _Report, answer: tuple[int, bytes]) -> None:
    """Why the batch was refused, file by file."""
    try:
        report.refused += _AllRefused.model_validate_json(answer[1]).refused
    except ValidationError:
        if len(batch) == 1:
            report.refused.append(Refusal(name=batch[0].name, code="refused", detail=str(refusal(*answer))))
            return
        for file in batch:
            _send(dynavera, [file], collection, report)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _tell(console: Console, report: _Report) -> None:
    for path in report.skipped:
        console.print(printable(f"Skipped {path}: hidden, or neither Markdown, text nor HTML."))
    for refused in report.refused:
        console.print(printable(f"Refused {refused.name}: {refused.detail}"))
    passages = sum(document.passages for document in report.taken)
    console.print(
        f"{len(report.taken)} documents with {passages} passages ingested, {len(report.refused)} refused, "
        f"{len(report.skipped)} skipped."
    )


def _write(report: _Report, output: Output) -> None:
    match output:
        case Output.JSON:
            ingestion = Ingestion(items=report.taken, refused=report.refused)
            write(json.dumps(ingestion.model_dump(mode="json"), ensure_ascii=False, indent=2))
        case Output.JSONL:
            for document in report.taken:
                write(document.model_dump_json())
        case Output.TEXT:
            for document in report.taken:
                write(printable(f"{document.id}  {document.name}"))
