"""The lexical index: BM25 by Tantivy, in files of this process's own."""

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
"""Raised when what is indexed of a passage changes: another folder is then used, and filled anew."""

MOST_TERMS = 64
"""Different words of a query that are looked for."""

LONGEST_WORD = 255
"""Bytes of a word at most; a longer one is no word that anybody looks for."""

MOST_OPEN = 64
"""Scopes whose files stay open for the next search."""

WRITER_BYTES = 32 * 1024 * 1024
"""What a write collects in memory before it goes to a file."""

_ANALYZER = "passages"


class Bm25Index:
    """Finds passages by their words, in English stems.

    Each scope has an index of its own: what others have written changes nobody's ranking. A write to it is one
    transaction; the revision is raised last, so that a change that was half made is made again.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder / f"bm25-{FORMAT}"
        self._home.mkdir(parents=True, exist_ok=True)
        _remove_older(self._home)
        self._revision = self._home / "revision"
        self._open: OrderedDict[Scope, tantivy.Index] = OrderedDict()
        self._turn = threading.Lock()

    def revision(self) -> int:
        """The last change that it holds."""
        return int(self._revision.read_text()) if self._revision.exists() else 0

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Hold what `documents` are now, and be at `revision`."""
        of_scopes: defaultdict[Scope, list[CurrentDocument]] = defaultdict(list)
        for document in documents:
            of_scopes[document.scope].append(document)
        for scope, changed in of_scopes.items():
            self._write(scope, changed)
        self._be_at(revision)

    def clear(self) -> None:
        """Hold nothing, and be at revision 0."""
        self._be_at(0)
        with self._turn:
            self._open.clear()
            for user in self._home.iterdir():
                if user.is_dir():
                    shutil.rmtree(user)

    def search(self, scope: Scope, query: str, limit: int) -> list[Hit]:
        """The passages that have words of `query`, the best first."""
        terms = asked_terms(query)
        index = self._opened(scope)
        if index is None or not terms:
            return []
        any_of = [
            (tantivy.Occur.Should, tantivy.Query.term_query(_SCHEMA, "text", term, index_option="freq"))
            for term in terms
        ]
        searcher = index.searcher()
        found = searcher.search(tantivy.Query.boolean_query(any_of), limit, count=False)
        return [Hit(searcher.doc(place)["passage"][0], score) for score, place in found.hits]

    def close(self) -> None:
        """Let go of its files."""
        with self._turn:
            self._open.clear()

    def _write(self, scope: Scope, documents: Sequence[CurrentDocument]) -> None:
        index = self._opened(scope, new=any(document.passages for document in documents))
        if index is None:
            return
        writer = index.writer(WRITER_BYTES, num_threads=1)
        # A write that was killed leaves files behind under the very names that are given to its repetition.
        writer.garbage_collect_files()
        for document in documents:
            writer.delete_documents_by_term("document", document.document_id.hex)
            for passage in document.passages:
                entry = tantivy.Document()
                entry.add_text("document", document.document_id.hex)
                entry.add_text("passage", passage.id.hex)
                entry.add_text("text", _normal(indexed_text(passage.heading, passage.text)))
                writer.add_document(entry)
        writer.commit()
        writer.wait_merging_threads()
        with self._turn:
            # Had it been closed meanwhile, another may be open in its place.
            self._open.get(scope, index).reload()

    def _opened(self, scope: Scope, *, new: bool = False) -> tantivy.Index | None:
        # All use the same one of a scope, which a write brings up to date.
        with self._turn:
            index = self._open.get(scope) or _index(self._folder(scope), new=new)
            if index is not None:
                self._open[scope] = index
                self._open.move_to_end(scope)
                while len(self._open) > MOST_OPEN:
                    self._open.popitem(last=False)
            return index

    def _folder(self, scope: Scope) -> Path:
        # Names that differ in case only are one name on some file systems.
        return self._home / scope.user_id.hex / scope.collection.encode().hex()

    def _be_at(self, revision: int) -> None:
        new = self._revision.with_suffix(".new")
        with new.open("w") as file:
            file.write(str(revision))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._revision)


def asked_terms(query: str) -> list[str]:
    """The stems to look for, each once; words that say nothing count only where there are no others."""
    normal = _normal(query)
    return list(dict.fromkeys(_TELLING.analyze(normal) or _EVERY_WORD.analyze(normal)))[:MOST_TERMS]


def _normal(text: str) -> str:
    # A letter and its accent may be written as two characters; between them no word ends.
    return unicodedata.normalize("NFKC", text)


def _analyzer(*, without: Sequence[str] = ()) -> tantivy.TextAnalyzer:
    words = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(LONGEST_WORD))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
    )
    told = words.filter(tantivy.Filter.custom_stopword(list(without))) if without else words
    return told.filter(tantivy.Filter.stemmer("english")).build()


def _schema() -> tantivy.Schema:
    return (
        tantivy.SchemaBuilder()
        .add_text_field("document", tokenizer_name="raw", index_option="basic")
        .add_text_field("passage", stored=True, tokenizer_name="raw", index_option="basic")
        .add_text_field("text", tokenizer_name=_ANALYZER, index_option="freq")
        .build()
    )


def _index(folder: Path, *, new: bool) -> tantivy.Index | None:
    """The index in `folder`; a `new` one, or nothing, where there is none yet."""
    if new:
        folder.mkdir(parents=True, exist_ok=True)
    elif not folder.exists() or not tantivy.Index.exists(os.fspath(folder)):
        return None
    index = tantivy.Index(_SCHEMA, os.fspath(folder))
    index.register_tokenizer(_ANALYZER, _EVERY_WORD)
    # A write says itself when there is something new; nothing need watch the files.
    index.config_reader("manual")
    index.reload()
    return index


def _remove_older(home: Path) -> None:
    for older in home.parent.glob("bm25-*"):
        if older.is_dir() and older != home:
            shutil.rmtree(older)
        elif older.is_file():
            older.unlink()


_EVERY_WORD = _analyzer()
_TELLING = _analyzer(without=sorted(STOP_WORDS))
_SCHEMA = _schema()
