"""Reads published test collections: documents, queries, and relevance judgements."""

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
    """The folder has no test collection; the message says where to get one."""


@dataclass(frozen=True)
class Collection:
    """Texts and queries by their ids, and for each query the gain of each relevant document.

    `gains` are as published, or 1 for each relevant document; `grades`, if the collection has them, reflect how good an
    answer is.
    """

    name: str
    texts: Mapping[str, str]
    queries: Mapping[str, str]
    gains: Mapping[str, Mapping[str, int]]
    grades: Mapping[str, Mapping[str, int]]


def read(folder: Path) -> Collection:
    """The test collection in `folder`, of Cranfield's original files or in BEIR's format.

    Raises:
        CollectionNotFound: there is none, or it is incomplete.
    """
    if all((folder / name).is_file() for name in CRANFIELD):
        return _cranfield(folder)
    if all((folder / name).is_file() for name in BEIR):
        return _beir(folder)
    raise CollectionNotFound(
        f"There is no test collection in {str(folder)!r}. Use `make bench-retrieval COLLECTION=folder` "
        f"with Cranfield's files ({', '.join(CRANFIELD)}; from the University of Glasgow's IR test collections, "
        "ir.dcs.gla.ac.uk/resources/test_collections/cran) or "
        f"any collection in BEIR's format ({', '.join(BEIR)}; see github.com/beir-cellar/beir)."
    )


def _cranfield(folder: Path) -> Collection:
    """Cranfield 1400 (Cleverdon 1967).

    The judgements number queries by their position in cran.qry, since their own numbers (`.I`) have gaps. In cranqrel,
    according to its readme, the codes go from 1, "a complete answer to the question", to 4, "of minimum interest"; the
    undocumented -1 counts as not relevant, as in trec_eval. All four codes have a gain of 1 in `gains`, as is usual for
    Cranfield; in `grades`, a complete answer has 4 and one of minimum interest 1.
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
    return Collection("Cranfield", _without_empty(texts), queries, gains, grades)


def _records(file: Path) -> Iterator[dict[str, str]]:
    """The records of a file in SMART's format: `.I 1`, then fields that start with `.T`, `.W` and others."""
    record: dict[str, str] = {}
    field = ""
    for line in file.read_text(encoding="latin-1").splitlines(keepends=True):
        if line.startswith(".I "):
            if record:
                yield record
            record, field = {"I": line[3:].strip()}, ""
        elif start := _FIELD.match(line):
            field = start[1]
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
    return Collection(folder.resolve().name, _without_empty(texts), judged, gains, {})


def _without_empty(texts: Mapping[str, str]) -> dict[str, str]:
    """The texts that are not empty: Cranfield has two empty ones, which cannot be ingested."""
    return {name: text for name, text in texts.items() if text.strip()}


def _lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)
