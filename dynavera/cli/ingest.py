"""`dynavera ingest`: bring files and folders into the knowledge base, as far as they are not there already."""

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

from dynavera.cli.client import Api, api, refusal
from dynavera.cli.failures import CommandFailed, ExitCode, WrongUse
from dynavera.cli.local_files import LocalFile, Skipped, content_of, files_below
from dynavera.cli.options import Output
from dynavera.cli.output import notes, one_line, write
from dynavera.contracts.contract import Contract
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.settings import Settings

BATCH_FILES = 200
BATCH_BYTES = 8 * 1024 * 1024
MOST_SHOWN = 20
"""How many skipped files are named, and how many copies."""


@dataclass(frozen=True)
class Order:
    """What to bring, and where: `prune` forgets the documents of the collection that are not among the files."""

    paths: Sequence[Path]
    collection: str
    excluded: Sequence[str] = ()
    prune: bool = False


class Copy(Contract):
    """A file that is the same as another one: both are one document."""

    name: str = Field(description="The file's name.")
    document: str = Field(description="The document's name.")


class Report(Ingestion):
    """What became of the files."""

    copies: list[Copy] = Field(description="Files that are the same as others, and no documents of their own.")
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
    taken: dict[UUID, Document] = field(default_factory=dict[UUID, Document])
    kept: dict[UUID, Document] = field(default_factory=dict[UUID, Document])
    copies: list[Copy] = field(default_factory=list[Copy])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    forgotten: list[str] = field(default_factory=list[str])

    def report(self) -> Report:
        """What has become of the files so far."""
        return Report(
            items=[*self.taken.values(), *self.kept.values()],
            refused=self.refused,
            unchanged=list(self.kept),
            copies=self.copies,
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
            done = (self.taken, self.kept, self.copies, self.refused)
            progress.update(task, completed=sum(len(files) for files in done))

    def _changed(self, files: Iterable[LocalFile], known: dict[str, Document]) -> Iterator["_Content"]:
        for file in files:
            match content_of(file):
                case Refusal() as refused:
                    self.refused.append(refused)
                case bytes() as data:
                    there = known.get(file.name)
                    if there is not None and there.sha256 == _sha256(data):
                        self.kept[there.id] = there
                    else:
                        yield file.name, data

    def _send(self, batch: list["_Content"]) -> None:
        response = self.dynavera.upload([("file", content) for content in batch], self.collection)
        if response.status_code == HTTPStatus.CREATED:
            self._take(batch, Ingestion.model_validate_json(response.content))
        elif response.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            self._refuse(batch, response.status_code, response.content)
        else:
            raise refusal(response.status_code, response.content)

    def _take(self, batch: list["_Content"], ingestion: Ingestion) -> None:
        for document in ingestion.items:
            if document.id not in self.taken:
                (self.kept if document.id in ingestion.unchanged else self.taken)[document.id] = document
        self.refused += ingestion.refused
        own = {document.name for document in ingestion.items}
        same = {document.sha256: document.name for document in ingestion.items}
        for name, data in batch:
            document = same.get(_sha256(data))
            if name not in own and document is not None:
                self.copies.append(Copy(name=name, document=document))

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


class _Forgotten(Contract):
    """A document whose file is gone."""

    name: str


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
            _tell(console, run.report(), ())
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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _tell(console: Console, report: Report, skipped: Sequence[Skipped]) -> None:
    _tell_some(console, [f"Skipped {one_line(str(path.path))}: {path.reason}." for path in skipped])
    _tell_some(
        console,
        [f"{one_line(copy.name)} is the same as {one_line(copy.document)}: one document." for copy in report.copies],
    )
    for refused in report.refused:
        console.print(f"Refused {one_line(refused.name)}: {refused.detail}")
    new = report.new
    passages = sum(document.passages for document in new)
    copies = f", {_counted(len(report.copies), 'file')} twice" if report.copies else ""
    forgotten = f", {len(report.forgotten)} forgotten" if report.forgotten else ""
    console.print(
        f"{_counted(len(new), 'document')} with {_counted(passages, 'passage')} ingested, "
        f"{len(report.unchanged)} unchanged, "
        f"{len(report.refused)} refused, {len(skipped)} skipped{copies}{forgotten}."
    )


def _tell_some(console: Console, lines: Sequence[str]) -> None:
    for line in lines[:MOST_SHOWN]:
        console.print(line)
    if len(lines) > MOST_SHOWN:
        console.print(f"{len(lines) - MOST_SHOWN} more like this.")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _outcomes(report: Report) -> Iterator[tuple[str, Sequence[Contract]]]:
    yield "ingested", report.new
    yield "unchanged", [document for document in report.items if document.id in report.unchanged]
    yield "refused", report.refused
    yield "copy", report.copies
    yield "forgotten", [_Forgotten(name=name) for name in report.forgotten]


def _write(report: Report, output: Output) -> None:
    match output:
        case Output.JSON:
            write(json.dumps(report.model_dump(mode="json"), ensure_ascii=False, indent=2))
        case Output.JSONL:
            for outcome, things in _outcomes(report):
                for thing in things:
                    write(json.dumps({"outcome": outcome} | thing.model_dump(mode="json"), ensure_ascii=False))
        case Output.TEXT:
            for document in report.new:
                write(f"{document.id}  {one_line(document.name)}")
