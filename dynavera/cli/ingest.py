"""`dynavera ingest`: bring files and folders into the knowledge base, as far as they are not there already."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from pydantic import Field, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynavera.cli.client import Api, api, refusal
from dynavera.cli.failures import CommandFailed, ExitCode, WrongUse
from dynavera.cli.local_files import LocalFile, content_of, files_below
from dynavera.cli.options import Output
from dynavera.cli.output import notes, one_line, write
from dynavera.contracts.contract import Contract
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.settings import Settings

BATCH_FILES = 200
BATCH_BYTES = 8 * 1024 * 1024
MOST_SKIPPED_SHOWN = 20


@dataclass(frozen=True)
class Order:
    """What to bring, and where: `prune` forgets the documents of the collection that are not among the files."""

    paths: Sequence[Path]
    collection: str
    excluded: Sequence[str] = ()
    prune: bool = False


class Report(Ingestion):
    """What became of the files."""

    forgotten: list[str] = Field(description="The documents that were forgotten: their files are gone.")

    @property
    def new(self) -> list[Document]:
        """The documents that were not there before as they are now."""
        return [document for document in self.items if document.id not in self.unchanged]


@dataclass
class _Ingest:
    """One run of the command: what it has done so far."""

    dynavera: Api
    collection: str
    taken: list[Document] = field(default_factory=list[Document])
    kept: list[Document] = field(default_factory=list[Document])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    forgotten: list[str] = field(default_factory=list[str])

    def report(self) -> Report:
        """What has become of the files so far."""
        return Report(
            items=self.taken + self.kept,
            refused=self.refused,
            unchanged=[document.id for document in self.kept],
            forgotten=self.forgotten,
        )

    def known(self) -> dict[str, Document]:
        """The documents of the collection by their names."""
        documents = self.dynavera.list("/api/documents", Document, collection=self.collection)
        return {document.name: document for document in documents}

    def forget(self, documents: Iterable[Document]) -> None:
        """Forget documents, each for itself."""
        for document in documents:
            self.dynavera.delete(f"/api/documents/{document.id}")
            self.forgotten.append(document.name)

    def bring(self, files: Sequence[LocalFile], known: dict[str, Document], progress: Progress) -> None:
        """Send the files that are new or have changed."""
        task = progress.add_task("Ingesting", total=len(files))
        for batch in _batches(self._changed(files, known)):
            self._send(batch)
            progress.update(task, completed=len(self.taken) + len(self.kept) + len(self.refused))

    def _changed(self, files: Iterable[LocalFile], known: dict[str, Document]) -> Iterator["_Content"]:
        for file in files:
            match content_of(file):
                case Refusal() as refused:
                    self.refused.append(refused)
                case bytes() as data:
                    there = known.get(file.name)
                    if there is not None and there.sha256 == hashlib.sha256(data).hexdigest():
                        self.kept.append(there)
                    else:
                        yield file.name, data

    def _send(self, batch: list["_Content"]) -> None:
        response = self.dynavera.upload([("file", content) for content in batch], self.collection)
        if response.status_code == HTTPStatus.CREATED:
            ingestion = Ingestion.model_validate_json(response.content)
            for document in ingestion.items:
                (self.kept if document.id in ingestion.unchanged else self.taken).append(document)
            self.refused += ingestion.refused
        elif response.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            self._refuse(batch, response.status_code, response.content)
        else:
            raise refusal(response.status_code, response.content)

    def _refuse(self, batch: list["_Content"], status: int, said: bytes) -> None:
        """Why the batch was refused, file by file."""
        try:
            self.refused += _AllRefused.model_validate_json(said).refused
        except ValidationError:
            if len(batch) == 1:
                name, _ = batch[0]
                self.refused.append(Refusal(name=name, code="refused", detail=str(refusal(status, said))))
                return
            for content in batch:
                self._send([content])


_Content = tuple[str, bytes]


class _AllRefused(Contract):
    """A 422 that names the files."""

    refused: list[Refusal]


def ingest(settings: Settings, order: Order, output: Output) -> ExitCode:
    """Bring the files of `order`; run again after an interruption, it sends only what is missing."""
    console = notes()
    found = files_below(order.paths, order.excluded)
    if order.prune and found.is_all and not found.files:
        raise WrongUse("There is nothing to read in these paths, so nothing is forgotten either.")
    with api(settings) as dynavera, _progress(console, output) as progress:
        run = _Ingest(dynavera, order.collection, refused=found.refused)
        known = run.known()
        try:
            if order.prune and found.is_all:
                run.forget(document for name, document in known.items() if name not in found.files)
            run.bring(list(found.files.values()), known, progress)
        except (CommandFailed, KeyboardInterrupt):
            _tell(console, run.report(), [])
            console.print("It is not done. Run the same command again: what is there already is not sent again.")
            raise
    _tell(console, run.report(), found.skipped)
    if order.prune and not found.is_all:
        console.print("Nothing is forgotten: documents of the folders that cannot be read may still have their files.")
    _write(run.report(), output)
    return ExitCode.FAILED if run.refused else ExitCode.DONE


def _batches(contents: Iterable[_Content]) -> Iterator[list[_Content]]:
    batch: list[_Content] = []
    size = 0
    for name, data in contents:
        if batch and (len(batch) == BATCH_FILES or size + len(data) > BATCH_BYTES):
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


def _tell(console: Console, report: Report, skipped: Sequence[Path]) -> None:
    for path in skipped[:MOST_SKIPPED_SHOWN]:
        console.print(f"Skipped {one_line(str(path))}: hidden, excluded, or of a kind that is not read.")
    if len(skipped) > MOST_SKIPPED_SHOWN:
        console.print(f"Skipped {len(skipped) - MOST_SKIPPED_SHOWN} more.")
    for refused in report.refused:
        console.print(f"Refused {one_line(refused.name)}: {refused.detail}")
    new = report.new
    passages = sum(document.passages for document in new)
    forgotten = f", {len(report.forgotten)} forgotten" if report.forgotten else ""
    console.print(
        f"{_counted(len(new), 'document')} with {_counted(passages, 'passage')} ingested, "
        f"{len(report.unchanged)} unchanged, "
        f"{len(report.refused)} refused, {len(skipped)} skipped{forgotten}."
    )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _write(report: Report, output: Output) -> None:
    match output:
        case Output.JSON:
            write(json.dumps(report.model_dump(mode="json"), ensure_ascii=False, indent=2))
        case Output.JSONL:
            for document in report.new:
                write(document.model_dump_json())
        case Output.TEXT:
            for document in report.new:
                write(f"{document.id}  {one_line(document.name)}")
