"""`dynavera ingest`: upload the files that are new or have changed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

from pydantic import Field, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynavera.cli.client import ApiClient, api_client, error_from_response
from dynavera.cli.errors import CommandFailed, ExitCode, UsageError
from dynavera.cli.local_files import LocalFile, Skipped, files_below, read_content
from dynavera.cli.options import Output
from dynavera.cli.output import one_line, stderr_console, write
from dynavera.contracts.contract import Contract
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.settings import Settings

MAX_BATCH_FILES = 200
MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_LISTED = 20
"""How many skipped files and how many copies are listed."""


@dataclass(frozen=True)
class IngestOptions:
    """The options of the command. `prune` deletes the documents of the collection that are not among the files."""

    paths: Sequence[Path]
    collection: str
    excluded: Sequence[str] = ()
    prune: bool = False


class Copy(Contract):
    """A file with the same content as another one: both are one document."""

    name: str = Field(description="The file's name.")
    document: str = Field(description="The document's name.")


class Report(Ingestion):
    """The outcome for each file."""

    copies: list[Copy] = Field(description="Files with the same content as others: they add no documents.")
    forgotten: list[str] = Field(description="The documents that were deleted because their files are gone.")

    @property
    def new(self) -> list[Document]:
        """The documents that are new or have changed."""
        return [document for document in self.items if document.id not in self.unchanged]


@dataclass
class _Ingest:
    """The state of one run of the command."""

    api: ApiClient
    collection: str
    ingested: dict[UUID, Document] = field(default_factory=dict[UUID, Document])
    unchanged: dict[UUID, Document] = field(default_factory=dict[UUID, Document])
    copies: list[Copy] = field(default_factory=list[Copy])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    forgotten: list[str] = field(default_factory=list[str])

    def report(self) -> Report:
        """The outcome so far."""
        return Report(
            items=[*self.ingested.values(), *self.unchanged.values()],
            refused=self.refused,
            unchanged=list(self.unchanged),
            copies=self.copies,
            forgotten=self.forgotten,
        )

    def existing(self) -> dict[str, Document]:
        """The documents of the collection by name."""
        documents = self.api.list("/api/documents", Document, collection=self.collection)
        return {document.name: document for document in documents}

    def delete(self, documents: Iterable[Document]) -> None:
        """Delete documents one by one."""
        for document in documents:
            self.api.delete(f"/api/documents/{document.id}")
            self.forgotten.append(document.name)

    def upload(self, files: Sequence[LocalFile], existing: dict[str, Document], progress: Progress) -> None:
        """Upload the files that are new or have changed."""
        task = progress.add_task("Ingesting", total=len(files))
        for batch in _batches(self._changed(files, existing)):
            self._upload_batch(batch)
            done = (self.ingested, self.unchanged, self.copies, self.refused)
            progress.update(task, completed=sum(len(files) for files in done))

    def _changed(self, files: Iterable[LocalFile], existing: dict[str, Document]) -> Iterator["_NamedContent"]:
        for file in files:
            match read_content(file):
                case Refusal() as refusal:
                    self.refused.append(refusal)
                case bytes() as data:
                    document = existing.get(file.name)
                    if document is not None and not document.outdated and document.sha256 == _sha256(data):
                        self.unchanged[document.id] = document
                    else:
                        yield file.name, data

    def _upload_batch(self, batch: list["_NamedContent"]) -> None:
        response = self.api.upload([("file", content) for content in batch], self.collection)
        if response.status_code == HTTPStatus.CREATED:
            self._record_success(batch, Ingestion.model_validate_json(response.content))
        elif response.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            self._record_refusals(batch, response.status_code, response.content)
        else:
            raise error_from_response(response.status_code, response.content)

    def _record_success(self, batch: list["_NamedContent"], ingestion: Ingestion) -> None:
        for document in ingestion.items:
            if document.id not in self.ingested:
                (self.unchanged if document.id in ingestion.unchanged else self.ingested)[document.id] = document
        self.refused += ingestion.refused
        names = {document.name for document in ingestion.items}
        names_by_hash = {document.sha256: document.name for document in ingestion.items}
        for name, data in batch:
            document = names_by_hash.get(_sha256(data))
            if name not in names and document is not None:
                self.copies.append(Copy(name=name, document=document))

    def _record_refusals(self, batch: list["_NamedContent"], status: int, body: bytes) -> None:
        """Record why each file was refused; upload the files one by one if the response does not name them."""
        try:
            self.refused += _BatchRefused.model_validate_json(body).refused
        except ValidationError:
            if len(batch) == 1:
                name, _ = batch[0]
                self.refused.append(Refusal(name=name, code="refused", detail=str(error_from_response(status, body))))
                return
            for content in batch:
                self._upload_batch([content])


_NamedContent = tuple[str, bytes]


class _Deleted(Contract):
    """A document that was deleted because its file is gone."""

    name: str


class _BatchRefused(Contract):
    """A response with status 422 that names the refused files."""

    refused: list[Refusal]


def ingest(settings: Settings, options: IngestOptions, output: Output) -> ExitCode:
    """Ingest files. After an interruption, the same command sends only what is missing."""
    console = stderr_console()
    selection = files_below(options.paths, options.excluded)
    if options.prune and selection.is_complete and not selection.files:
        raise UsageError("There are no files to ingest in these paths, so no documents are deleted either.")
    with api_client(settings) as api, _progress(console, output) as progress:
        run = _Ingest(api, options.collection, refused=selection.refused)
        existing = run.existing()
        try:
            if options.prune and selection.is_complete:
                run.delete(document for name, document in existing.items() if name not in selection.files)
            run.upload(list(selection.files.values()), existing, progress)
        except (CommandFailed, KeyboardInterrupt):
            _print_report(console, run.report(), ())
            console.print("Not finished. Run the same command again: only the missing files are sent.")
            raise
    _print_report(console, run.report(), selection.skipped)
    if options.prune and not selection.is_complete:
        console.print("No documents are deleted: their files may be in the folders that cannot be read.")
    _write(run.report(), output)
    return ExitCode.FAILED if run.refused else ExitCode.SUCCESS


def _batches(contents: Iterable[_NamedContent]) -> Iterator[list[_NamedContent]]:
    batch: list[_NamedContent] = []
    size = 0
    for name, data in contents:
        if batch and (len(batch) == MAX_BATCH_FILES or size + len(data) > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((name, data))
        size += len(data)
    if batch:
        yield batch


def _progress(console: Console, output: Output) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal or output is not Output.TEXT,
        transient=True,
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _print_report(console: Console, report: Report, skipped: Sequence[Skipped]) -> None:
    _print_some(console, [f"Skipped {one_line(str(path.path))}: {path.reason}." for path in skipped])
    _print_some(
        console,
        [
            f"{one_line(copy.name)} has the same content as {one_line(copy.document)}: one document."
            for copy in report.copies
        ],
    )
    for document in report.new:
        if document.notice is not None:
            console.print(f"{one_line(document.name)}: {document.notice}")
    for refusal in report.refused:
        console.print(f"Refused {one_line(refusal.name)}: {refusal.detail}")
    new = report.new
    passages = sum(document.passages for document in new)
    copies = f", {_counted(len(report.copies), 'duplicate')}" if report.copies else ""
    deleted = f", {len(report.forgotten)} deleted" if report.forgotten else ""
    console.print(
        f"{_counted(len(new), 'document')} with {_counted(passages, 'passage')} ingested, "
        f"{len(report.unchanged)} unchanged, "
        f"{len(report.refused)} refused, {len(skipped)} skipped{copies}{deleted}."
    )


def _print_some(console: Console, lines: Sequence[str]) -> None:
    for line in lines[:MAX_LISTED]:
        console.print(line)
    if len(lines) > MAX_LISTED:
        console.print(f"{len(lines) - MAX_LISTED} more.")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _outcomes(report: Report) -> Iterator[tuple[str, Sequence[Contract]]]:
    yield "ingested", report.new
    yield "unchanged", [document for document in report.items if document.id in report.unchanged]
    yield "refused", report.refused
    yield "copy", report.copies
    yield "forgotten", [_Deleted(name=name) for name in report.forgotten]


def _write(report: Report, output: Output) -> None:
    match output:
        case Output.JSON:
            write(json.dumps(report.model_dump(mode="json"), ensure_ascii=False, indent=2))
        case Output.JSONL:
            for outcome, items in _outcomes(report):
                for item in items:
                    write(json.dumps({"outcome": outcome} | item.model_dump(mode="json"), ensure_ascii=False))
        case Output.TEXT:
            for document in report.new:
                write(f"{document.id}  {one_line(document.name)}")
