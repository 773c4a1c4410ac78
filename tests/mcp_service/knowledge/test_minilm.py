"""The embedder minilm, with its real model."""

import threading
import time

import numpy as np
import pytest

from mcp_service.knowledge.background import Interrupted
from mcp_service.knowledge.minilm.embedder import DIMENSIONS, WINDOW, MiniLmEmbedder


@pytest.fixture(scope="module")
def embedder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


def test_vectors_are_normalized_and_similar_texts_are_close(embedder: MiniLmEmbedder) -> None:
    vectors = embedder.embed(["The brain needs oxygen.", "Oxygen is needed by the brain.", "A train leaves at noon."])

    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.85
    assert vectors[0] @ vectors[2] < 0.4


@pytest.mark.parametrize("texts", [[], [""], [" ", "\n"], ["脑" * 3_000], ["\u200b", "a" * 5_000]])
def test_unusual_texts_have_vectors(embedder: MiniLmEmbedder, texts: list[str]) -> None:
    vectors = embedder.embed(texts)

    assert vectors.shape == (len(texts), DIMENSIONS)
    assert np.isfinite(vectors).all()


def test_texts_do_not_change_each_other(embedder: MiniLmEmbedder) -> None:
    texts = ["light", "The brain needs oxygen, and a lot of it.", "lamp " * 100, "light"]

    together, alone = embedder.embed(texts), np.concatenate([embedder.embed([text]) for text in texts])

    # Integers are scaled by batch, so the results differ slightly.
    assert (np.sum(together * alone, axis=1) > 0.98).all()
    assert np.sum(together[1] * embedder.embed_query(texts[1])[0]) > 0.98


def test_the_end_of_a_long_text_counts(embedder: MiniLmEmbedder) -> None:
    start = "The brain needs oxygen. " * WINDOW

    plain, with_end = embedder.embed([start, start + "Trains leave at noon. " * WINDOW])
    trains = embedder.embed_query("When do trains leave?")[0]

    assert with_end @ trains > plain @ trains + 0.1


def test_embedding_can_be_interrupted_but_queries_go_on() -> None:
    embedder = MiniLmEmbedder()
    outcomes: list[BaseException] = []

    def embed() -> None:
        try:
            embedder.embed([f"The brain needs oxygen {number}." for number in range(100_000)])
        except Interrupted as error:
            outcomes.append(error)

    thread = threading.Thread(target=embed)
    thread.start()
    time.sleep(0.1)
    embedder.interrupt()
    thread.join(60)

    assert len(outcomes) == 1
    assert embedder.embed_query("brain").shape == (1, DIMENSIONS)
