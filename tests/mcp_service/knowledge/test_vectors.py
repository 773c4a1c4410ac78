"""The vector index."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from dynavera.records.change_log import CurrentDocument, IndexedPassage, Scope
from mcp_service.knowledge import vectors
from mcp_service.knowledge.embedders import Vectors
from mcp_service.knowledge.vectors import VectorIndex

SCOPE = Scope(UUID(int=1), "default")


class Lengths:
    """An embedder by the length of a text, which records its calls."""

    name = "lengths"

    def __init__(self, identity: str = "lengths") -> None:
        self.identity = identity
        self.calls: list[Sequence[str]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(texts)
        angles = np.array([len(text) / 100 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    def embed_query(self, query: str) -> Vectors:
        return self.embed([query])


def document(*texts: str, document_id: UUID | None = None, heading: str = "") -> CurrentDocument:
    return CurrentDocument(SCOPE, document_id or uuid4(), [IndexedPassage(uuid4(), heading, text) for text in texts])


def test_documents_are_embedded_in_batches_with_their_headings(tmp_path: Path) -> None:
    embedder = Lengths()

    with closing(VectorIndex(tmp_path, embedder)) as index:
        index.apply([document("a", "bb"), document("ccc", heading="H"), document()], 3)
        found = index.search(SCOPE, "zzzzz", 10)

    assert [list(call) for call in embedder.calls] == [["a", "bb", "H\nccc"], ["zzzzz"]]
    assert len(found) == 3


def test_the_score_is_the_cosine(tmp_path: Path) -> None:
    near, far = document("x" * 40), document("x" * 140)

    with closing(VectorIndex(tmp_path, Lengths())) as index:
        index.apply([far, near], 2)
        found = index.search(SCOPE, "x" * 50, 10)

    assert [hit.passage_id for hit in found] == [near.passages[0].id, far.passages[0].id]
    assert np.allclose([hit.score for hit in found], [np.cos(0.1), np.cos(0.9)], atol=1e-4)


def test_replacing_a_document_is_idempotent(tmp_path: Path) -> None:
    old = document("old", "older")
    new = document("new", document_id=old.document_id)

    with closing(VectorIndex(tmp_path, Lengths())) as index:
        index.apply([old], 1)
        index.apply([new], 2)
        index.apply([new], 2)
        found = index.search(SCOPE, "new", 10)

    assert [hit.passage_id for hit in found] == [new.passages[0].id]


def test_vectors_of_another_model_with_the_same_name_are_not_used(tmp_path: Path) -> None:
    with closing(VectorIndex(tmp_path, Lengths("first weights"))) as index:
        index.apply([document("a")], 7)

    with closing(VectorIndex(tmp_path, Lengths("other weights"))) as index:
        other = (index.revision(), index.search(SCOPE, "a", 10))
    with closing(VectorIndex(tmp_path, Lengths("first weights"))) as index:
        first = (index.revision(), len(index.search(SCOPE, "a", 10)))

    assert other == (0, [])
    assert first == (7, 1)


def test_indexes_of_older_formats_are_removed(tmp_path: Path) -> None:
    old = tmp_path / f"lengths-00000000-{vectors.FORMAT - 1}"
    old.mkdir()
    (old / "catalogue.sqlite3").write_text("old")

    with closing(VectorIndex(tmp_path, Lengths())):
        left = [path.name for path in tmp_path.iterdir()]

    assert old.name not in left
    assert len(left) == 1


def test_a_cleared_index_is_empty_and_can_be_filled_again(tmp_path: Path) -> None:
    with closing(VectorIndex(tmp_path, Lengths())) as index:
        index.apply([document("a")], 5)
        before = index.search(SCOPE, "a", 10)
        index.clear()
        emptied = (index.revision(), index.search(SCOPE, "a", 10))
        index.apply([document("b")], 1)
        after = index.search(SCOPE, "b", 10)

    assert len(before) == len(after) == 1
    assert emptied == (0, [])


def test_passages_are_scored_as_in_a_search(tmp_path: Path) -> None:
    near, far = document("x" * 40), document("x" * 140)

    with closing(VectorIndex(tmp_path, Lengths())) as index:
        index.apply([far, near], 2)
        found = index.search(SCOPE, "x" * 50, 10)
        scores = index.scores(SCOPE, "x" * 50, [*(hit.key for hit in found), uuid4().hex])
        none = index.scores(Scope(UUID(int=2), "default"), "x", [uuid4().hex])

    assert scores == {hit.key: pytest.approx(hit.score, abs=1e-5) for hit in found}
    assert none == {}
