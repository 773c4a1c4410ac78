"""The lexical index: BM25 with Tantivy."""

import os
import shutil
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import tantivy

from dynavera.records.change_log import CurrentDocument, Scope
from mcp_service.knowledge import languages
from mcp_service.knowledge.index import Hit, indexed_text
from mcp_service.knowledge.stemming import compound_parts, spellings, stem
from mcp_service.knowledge.words import Question, read_question, read_text

FORMAT = 4
"""Incremented when the indexed content of a passage changes: the index is then rebuilt in a new folder."""

MAX_TERMS = 128
"""Distinct words of a query that are used."""

MAX_EXACT = 8
"""Codes and phrases of a query that passages are looked up for."""

WRITER_BYTES = 32 * 1024 * 1024
"""The memory of a write, before it goes to a file."""

INNER_CODE = 0.5
"""How exact a match of a code inside a longer one is."""

OTHER_FORM = 0.5
"""The weight of another form of a word: a part of a compound, or a single character."""


class Bm25Index:
    """Finds passages by their words, which are stemmed in the language of each passage.

    Each scope has its own index, so documents of others do not affect its ranking. A write to an index is one
    transaction; the revision is updated last, so an interrupted change is repeated.
    """

    def __init__(self, folder: Path, max_open: int) -> None:
        self._home = folder / f"bm25-{FORMAT}"
        self._home.mkdir(parents=True, exist_ok=True)
        _remove_older(self._home)
        self._revision = self._home / "revision"
        self._max_open = max_open
        self._open: OrderedDict[Scope, tantivy.Index] = OrderedDict()
        self._lock = threading.Lock()

    def revision(self) -> int:
        """The revision of the records that it has reached."""
        return int(self._revision.read_text()) if self._revision.exists() else 0

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Index the current state of `documents`, and set the revision."""
        by_scope: defaultdict[Scope, list[CurrentDocument]] = defaultdict(list)
        for document in documents:
            by_scope[document.scope].append(document)
        for scope, changed in by_scope.items():
            self._write(scope, changed)
        self._set_revision(revision)

    def clear(self) -> None:
        """Remove everything, and set the revision to 0."""
        self._set_revision(0)
        with self._lock:
            self._open.clear()
            for user in self._home.iterdir():
                if user.is_dir():
                    shutil.rmtree(user)

    def search(self, scope: Scope, query: str, limit: int) -> list[Hit]:
        """The passages with words of `query`, best first."""
        searcher = self._searcher(scope)
        clauses, lookups = _queries(searcher, query) if searcher else ([], [])
        if searcher is None or not clauses:
            return []
        exact = _exact_matches(searcher, lookups, limit)
        found = searcher.search(_any_of(clauses), limit, count=False)
        hits = ((searcher.doc(address)["passage"][0], score) for score, address in found.hits)
        return [Hit(key, score, exact.get(key, 0.0)) for key, score in hits]

    def scores(self, scope: Scope, query: str, keys: Sequence[str]) -> dict[str, float]:
        """The scores of these passages for `query`; 0 for one without its words."""
        searcher = self._searcher(scope)
        clauses, _ = _queries(searcher, query) if searcher and keys else ([], [])
        if searcher is None or not clauses:
            return {}
        given = tantivy.Query.const_score_query(tantivy.Query.term_set_query(_SCHEMA, "passage", [*keys]), 0.0)
        matching = tantivy.Query.boolean_query([(tantivy.Occur.Must, given), (tantivy.Occur.Must, _any_of(clauses))])
        found = searcher.search(matching, len(keys), count=False)
        return dict.fromkeys(keys, 0.0) | {searcher.doc(address)["passage"][0]: score for score, address in found.hits}

    def close(self) -> None:
        """Close its files."""
        with self._lock:
            self._open.clear()

    def _write(self, scope: Scope, documents: Sequence[CurrentDocument]) -> None:
        index = self._index(scope, create=any(document.passages for document in documents))
        if index is None:
            return
        writer = index.writer(WRITER_BYTES, num_threads=1)
        # An interrupted write leaves files behind, whose names its repetition uses again.
        writer.garbage_collect_files()
        for document in documents:
            writer.delete_documents_by_term("document", document.document_id.hex)
            for passage in document.passages:
                entry = tantivy.Document()
                entry.add_text("document", document.document_id.hex)
                entry.add_text("passage", passage.id.hex)
                words = read_text(indexed_text(passage.heading, passage.text))
                entry.add_text("language", words.language)
                entry.add_text("text", " ".join(words.stems))
                entry.add_text("forms", " ".join(words.forms))
                entry.add_text("codes", " ".join(words.codes))
                entry.add_text("inner_codes", " ".join(words.inner_codes))
                writer.add_document(entry)
        writer.commit()
        writer.wait_merging_threads()
        with self._lock:
            # It may have been closed and opened again meanwhile.
            self._open.get(scope, index).reload()

    def _index(self, scope: Scope, *, create: bool = False) -> tantivy.Index | None:
        # One shared instance for each scope, which a write reloads.
        with self._lock:
            index = self._open.get(scope) or _open_index(self._folder(scope), create=create)
            if index is not None:
                self._open[scope] = index
                self._open.move_to_end(scope)
                while len(self._open) > self._max_open:
                    self._open.popitem(last=False)
            return index

    def _searcher(self, scope: Scope) -> tantivy.Searcher | None:
        index = self._index(scope)
        return index.searcher() if index is not None else None

    def _folder(self, scope: Scope) -> Path:
        # In hexadecimal, because some file systems ignore case.
        return self._home / scope.user_id.hex / scope.collection.encode().hex()

    def _set_revision(self, revision: int) -> None:
        draft = self._revision.with_suffix(".new")
        with draft.open("w") as file:
            file.write(str(revision))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._revision)


_Lookup: TypeAlias = Sequence[tuple[tantivy.Query, float]]
"""The queries of one code or phrase, and how exactly a passage matches; later ones are more exact than earlier ones."""

_Forms: TypeAlias = dict[tuple[str, str], float]
"""The forms of a word in the index: field and term, and the weight of a match."""


def _queries(searcher: tantivy.Searcher, query: str) -> tuple[list[tantivy.Query], list[_Lookup]]:
    """What a passage should match, for each word, code and phrase of `query`; and the lookups of codes and phrases."""
    question = read_question(query)
    spoken = [language for language in languages.DETECTED if searcher.doc_freq("language", language)]
    lookups = _lookups(question, spoken)
    clauses = [_word(forms) for forms in _forms(question.words[:MAX_TERMS], spoken)]
    clauses += [tantivy.Query.boost_query(each, exactness) for lookup in lookups for each, exactness in lookup]
    return clauses, lookups


def _forms(words: Sequence[str], spoken: Sequence[str]) -> list[_Forms]:
    """The forms of each word of a question in an index whose passages have the languages `spoken`."""
    forms: list[_Forms] = [{} for _ in words]
    for language in spoken or ("",):
        for found, word in zip(forms, words, strict=True):
            for written in spellings(word):
                for term in stem([written], language):
                    found["text", term] = 1.0
                    found.setdefault(("forms", term), OTHER_FORM)
            for part in stem(list(compound_parts(word, language)), language):
                found.setdefault(("text", part), OTHER_FORM)
    return list({tuple(found): found for found in forms}.values())


def _word(forms: _Forms) -> tantivy.Query:
    return tantivy.Query.disjunction_max_query(
        [tantivy.Query.boost_query(_term(*form), weight) for form, weight in forms.items()]
    )


def _lookups(question: Question, spoken: Sequence[str]) -> list[_Lookup]:
    codes = [
        [(_term("inner_codes", code), INNER_CODE), (_term("codes", code), 1.0)] for code in question.codes[:MAX_EXACT]
    ]
    phrases = [
        [(_phrase(stem(words, language)), 1.0) for language in spoken or ("",)]
        for words in question.phrases[:MAX_EXACT]
    ]
    return [*codes, *phrases]


def _exact_matches(searcher: tantivy.Searcher, lookups: Sequence[_Lookup], limit: int) -> dict[str, float]:
    """The share of the question's codes and quoted phrases that each passage has, of those that any passage has."""
    matches = [found for lookup in lookups if (found := _matches(searcher, lookup, limit))]
    shares: defaultdict[str, float] = defaultdict(float)
    for found in matches:
        for key, exactness in found.items():
            shares[key] += exactness / len(matches)
    return shares


def _matches(searcher: tantivy.Searcher, lookup: _Lookup, limit: int) -> dict[str, float]:
    return {
        searcher.doc(address)["passage"][0]: exactness
        for query, exactness in lookup
        for _score, address in searcher.search(query, limit, count=False).hits
    }


def _term(field: str, term: str) -> tantivy.Query:
    return tantivy.Query.term_query(_SCHEMA, field, term, index_option="freq")


def _phrase(terms: Sequence[str]) -> tantivy.Query:
    return tantivy.Query.phrase_query(_SCHEMA, "text", [*terms]) if len(terms) > 1 else _term("text", terms[0])


def _any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _schema() -> tantivy.Schema:
    return (
        tantivy.SchemaBuilder()
        .add_text_field("document", tokenizer_name="raw", index_option="basic")
        .add_text_field("passage", stored=True, tokenizer_name="raw", index_option="basic")
        .add_text_field("language", tokenizer_name="raw", index_option="basic")
        .add_text_field("text", tokenizer_name="whitespace", index_option="position")
        .add_text_field("forms", tokenizer_name="whitespace", index_option="freq")
        .add_text_field("codes", tokenizer_name="whitespace", index_option="freq")
        .add_text_field("inner_codes", tokenizer_name="whitespace", index_option="basic")
        .build()
    )


def _open_index(folder: Path, *, create: bool) -> tantivy.Index | None:
    """The index in `folder`; if there is none, a new one with `create`, otherwise None."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    elif not folder.exists() or not tantivy.Index.exists(os.fspath(folder)):
        return None
    index = tantivy.Index(_SCHEMA, os.fspath(folder))
    # Reloaded after each write, so the files need not be watched.
    index.config_reader("manual")
    index.reload()
    return index


def _remove_older(home: Path) -> None:
    for older in home.parent.glob("bm25-*"):
        if older.is_dir() and older != home:
            shutil.rmtree(older)
        elif older.is_file():
            older.unlink()


_SCHEMA = _schema()
