"""Test collections as they are published: documents, queries, and which documents a query should find."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CRANFIELD = ("cran.all.1400", "cran.qry", "cranqrel")
BEIR = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")

_FIELD = re.compile(r"^\.([A-Z])\s*$")


class CollectionNotFound(Exception):
    """The folder holds no test collection; the message says where to get one."""


@dataclass(frozen=True)
class Collection:
    """Texts and queries by their ids, and for each query the gain of each document that it should find.

    `gains` count each relevant document alike or as published; `grades`, where a collection has them, by how good an
    answer it is.
    """

    name: str
    texts: Mapping[str, str]
    queries: Mapping[str, str]
    gains: Mapping[str, Mapping[str, int]]
    grades: Mapping[str, Mapping[str, int]]


def read(folder: Path) -> Collection:
    """The test collection in `folder`, of Cranfield's original files or in BEIR's format.

    Raises:
        CollectionNotFound: there is none, or a part of it is missing.
    """
    if all((folder / name).is_file() for name in CRANFIELD):
        return _cranfield(folder)
    if all((folder / name).is_file() for name in BEIR):
        return _beir(folder)
    raise CollectionNotFound(
        f"There is no test collection in {str(folder)!r}. Say where one is: `make bench-retrieval COLLECTION=folder`, "
        f"with Cranfield's files ({', '.join(CRANFIELD)}; from the University of Glasgow's IR test collections, "
        "ir.dcs.gla.ac.uk/resources/test_collections/cran) or "
        f"any collection in BEIR's format ({', '.join(BEIR)}; see github.com/beir-cellar/beir)."
    )


def _cranfield(folder: Path) -> Collection:
    """Cranfield 1400 (Cleverdon 1967).

    Queries are judged by their position in cran.qry: their own numbers (`.I`) have gaps. The codes in cranqrel are,
    by the readme that comes with it, from 1, "a complete answer to the question", to 4, "of minimum interest"; it
    knows no -1, which is not taken for relevant, as trec_eval does not. A document of any of the four counts alike in
    `gains`, the usual reading of Cranfield; in `grades` a complete answer counts 4 and one of minimum interest 1.
    """
    texts = {
        record["I"]: f"{record['T'].strip()}\n\n{record['W'].strip()}" for record in _records(folder / CRANFIELD[0])
    }
    queries = {
        str(number): record["W"].strip() for number, record in enumerate(_records(folder / CRANFIELD[1]), start=1)
    }
    grades: dict[str, dict[str, int]] = {query: {} for query in queries}
    for line in (folder / CRANFIELD[2]).read_text(encoding="latin-1").splitlines():
        query, document, code = line.split()
        if int(code) > 0:
            grades[query][document] = 5 - int(code)
    gains = {query: dict.fromkeys(found, 1) for query, found in grades.items()}
    return Collection("Cranfield", _told(texts), queries, gains, grades)


def _records(file: Path) -> Iterator[dict[str, str]]:
    """The records of a file in SMART's format: `.I 1`, and then fields that begin with `.T`, `.W` and others."""
    record: dict[str, str] = {}
    field = ""
    for line in file.read_text(encoding="latin-1").splitlines(keepends=True):
        if line.startswith(".I "):
            if record:
                yield record
            record, field = {"I": line[3:].strip()}, ""
        elif beginning := _FIELD.match(line):
            field = beginning[1]
            record.setdefault(field, "")
        elif field:
            record[field] += line
    if record:
        yield record


def _beir(folder: Path) -> Collection:
    """A collection in BEIR's format (Thakur and others 2021); the gain of a document is its score."""
    texts = {
        str(line["_id"]): f"{line.get('title') or ''}\n\n{line['text']}".strip() for line in _lines(folder / BEIR[0])
    }
    gains: dict[str, dict[str, int]] = {}
    with (folder / BEIR[2]).open(encoding="utf-8", newline="") as file:
        for query, document, score in list(csv.reader(file, delimiter="\t"))[1:]:
            gains.setdefault(query, {})[document] = max(int(score), 0)
    queries = {str(line["_id"]): str(line["text"]) for line in _lines(folder / BEIR[1])}
    judged = {query: text for query, text in queries.items() if any(gains.get(query, {}).values())}
    return Collection(folder.resolve().name, _told(texts), judged, gains, {})


def _told(texts: Mapping[str, str]) -> dict[str, str]:
    """Those that have text: Cranfield has two that have none, which no service takes in."""
    return {name: text for name, text in texts.items() if text.strip()}


def _lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)
