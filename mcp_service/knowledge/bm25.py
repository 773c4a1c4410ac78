"""The lexical index: BM25 with Tantivy."""

import os
import shutil
import threading
import unicodedata
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from pathlib import Path

import tantivy

from dynavera.records.change_log import CurrentDocument, Scope
from mcp_service.knowledge.index import Hit, indexed_text
from mcp_service.knowledge.stop_words import STOP_WORDS

FORMAT = 2
"""Incremented when the indexed content of a passage changes: the index is then rebuilt in a new folder."""

MAX_TERMS = 64
"""Distinct words of a query that are used."""

MAX_WORD_BYTES = 255
"""Longer words are not indexed."""

WRITER_BYTES = 32 * 1024 * 1024
"""The memory of a write, before it goes to a file."""

_ANALYZER = "passages"


class Bm25Index:
    """Finds passages by their words, stemmed as English.

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
        terms = query_terms(query)
        index = self._index(scope)
        if index is None or not terms:
            return []
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.term_query(_SCHEMA, "text", term, index_option="freq"))
            for term in terms
        ]
        searcher = index.searcher()
        found = searcher.search(tantivy.Query.boolean_query(clauses), limit, count=False)
        return [Hit(searcher.doc(address)["passage"][0], score) for score, address in found.hits]

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
                entry.add_text("text", _normalize(indexed_text(passage.heading, passage.text)))
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


def query_terms(query: str) -> list[str]:
    """The distinct stems to search for; stop words are used only if there are no other words."""
    normal = _normalize(query)
    return list(dict.fromkeys(_CONTENT_WORDS.analyze(normal) or _ALL_WORDS.analyze(normal)))[:MAX_TERMS]


def _normalize(text: str) -> str:
    # A letter and its accent may be two characters, which must not split the word.
    return unicodedata.normalize("NFKC", text)


def _analyzer(*, without: Sequence[str] = ()) -> tantivy.TextAnalyzer:
    words = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(MAX_WORD_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
    )
    kept = words.filter(tantivy.Filter.custom_stopword(list(without))) if without else words
    return kept.filter(tantivy.Filter.stemmer("english")).build()


def _schema() -> tantivy.Schema:
    return (
        tantivy.SchemaBuilder()
        .add_text_field("document", tokenizer_name="raw", index_option="basic")
        .add_text_field("passage", stored=True, tokenizer_name="raw", index_option="basic")
        .add_text_field("text", tokenizer_name=_ANALYZER, index_option="freq")
        .build()
    )


def _open_index(folder: Path, *, create: bool) -> tantivy.Index | None:
    """The index in `folder`; if there is none, a new one with `create`, otherwise None."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    elif not folder.exists() or not tantivy.Index.exists(os.fspath(folder)):
        return None
    index = tantivy.Index(_SCHEMA, os.fspath(folder))
    index.register_tokenizer(_ANALYZER, _ALL_WORDS)
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


_ALL_WORDS = _analyzer()
_CONTENT_WORDS = _analyzer(without=sorted(STOP_WORDS))
_SCHEMA = _schema()
