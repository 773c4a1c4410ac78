"""The lexical index: BM25 by SQLite's FTS5, in a file of this process's own."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

from mcp_service.knowledge.index import CurrentDocument, Scope
from mcp_service.knowledge.stop_words import STOP_WORDS

FORMAT = 1
"""Raised when what is indexed of a passage changes: an older file is then made anew."""

MOST_TERMS = 64
"""Different words of a query that are looked for."""

_WORD = re.compile(r"\w+")

# One full-text table for each scope: what others have written changes nobody's ranking.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (revision INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS scopes (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, collection TEXT NOT NULL,
    UNIQUE (user_id, collection));
CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, document_id TEXT NOT NULL,
    passage_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_of_documents ON entries (document_id);
INSERT INTO state SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM state);
"""


class Bm25Index:
    """Finds passages by their words, in English stems; each change is one transaction."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"bm25-{FORMAT}.sqlite3"
        with closing(self._open()) as connection:
            # One process with one writer at a time: here the write-ahead log is safe, and lets searches go on.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)

    def revision(self) -> int:
        """The last change that it holds."""
        with closing(self._open()) as connection:
            return connection.execute("SELECT revision FROM state").fetchone()[0]

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Hold what `documents` are now, and be at `revision`."""
        with closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                for document in documents:
                    _replace(connection, document)
                connection.execute("UPDATE state SET revision = ?", (revision,))

    def clear(self) -> None:
        """Hold nothing, and be at revision 0."""
        with closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                for (scope,) in connection.execute("SELECT id FROM scopes").fetchall():
                    connection.execute(f"DROP TABLE IF EXISTS {_table(scope)}")
                connection.execute("DELETE FROM scopes")
                connection.execute("DELETE FROM entries")
                connection.execute("UPDATE state SET revision = 0")

    def search(self, scope: Scope, query: str, limit: int) -> list[UUID]:
        """The passages that have words of `query`, the best first."""
        asked = match_expression(query)
        with closing(self._open()) as connection:
            number = _known_scope(connection, scope)
            if number is None or not asked:
                return []
            table = _table(number)
            found = connection.execute(
                f"SELECT entries.passage_id FROM {table} JOIN entries ON entries.id = {table}.rowid"  # noqa: S608
                f" WHERE {table} MATCH ? ORDER BY bm25({table}), entries.id LIMIT ?",
                (asked, limit),
            )
            return [UUID(passage_id) for (passage_id,) in found]

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=10, isolation_level=None)


def match_expression(query: str) -> str:
    """`query` as FTS5 understands it: each of its words quoted, any of them may be there; empty when it has none."""
    words = list(dict.fromkeys(_WORD.findall(query.lower())))
    told = [word for word in words if word not in STOP_WORDS] or words
    return " OR ".join(f'"{word}"' for word in told[:MOST_TERMS])


def _replace(connection: sqlite3.Connection, document: CurrentDocument) -> None:
    old = connection.execute(
        "SELECT id, scope FROM entries WHERE document_id = ?", (str(document.document_id),)
    ).fetchall()
    for entry, scope in old:
        connection.execute(f"DELETE FROM {_table(scope)} WHERE rowid = ?", (entry,))  # noqa: S608
    connection.execute("DELETE FROM entries WHERE document_id = ?", (str(document.document_id),))
    if not document.passages:
        return
    scope = _scope(connection, document.scope)
    for passage in document.passages:
        entry = connection.execute(
            "INSERT INTO entries (scope, document_id, passage_id) VALUES (?, ?, ?)",
            (scope, str(document.document_id), str(passage.id)),
        ).lastrowid
        connection.execute(
            f"INSERT INTO {_table(scope)} (rowid, heading, text) VALUES (?, ?, ?)",  # noqa: S608
            (entry, passage.heading, passage.text),
        )


def _known_scope(connection: sqlite3.Connection, scope: Scope) -> int | None:
    row = connection.execute(
        "SELECT id FROM scopes WHERE user_id = ? AND collection = ?", (str(scope.user_id), scope.collection)
    ).fetchone()
    return None if row is None else row[0]


def _scope(connection: sqlite3.Connection, scope: Scope) -> int:
    known = _known_scope(connection, scope)
    if known is not None:
        return known
    number = connection.execute(
        "INSERT INTO scopes (user_id, collection) VALUES (?, ?) RETURNING id", (str(scope.user_id), scope.collection)
    ).fetchone()[0]
    connection.execute(
        f"CREATE VIRTUAL TABLE {_table(number)} USING fts5"
        "(heading, text, tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    return number


def _table(scope: int) -> str:
    return f"passages_{int(scope)}"
