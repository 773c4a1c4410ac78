"""Embedders."""

import numpy as np
import pytest

from mcp_service.knowledge.embedders import EmbedderUnavailable, load_embedder


def test_vectors_are_normalized_and_similar_texts_are_close() -> None:
    embedder = load_embedder("wordllama")

    vectors = embedder.embed(["The brain needs oxygen.", "Oxygen is needed by the brain.", "A train leaves at noon."])

    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.parametrize("texts", [[], [""], [" ", "\n"], ["脑" * 3_000], ["\u200b"]])
def test_unusual_texts_have_vectors(texts: list[str]) -> None:
    vectors = load_embedder("wordllama").embed(texts)

    assert vectors.shape == (len(texts), 256)
    assert np.isfinite(vectors).all()


def test_the_error_for_a_missing_embedder_says_how_to_install_it() -> None:
    with pytest.raises(EmbedderUnavailable, match="make setup EXTRAS=sentence-transformers"):
        load_embedder("sentence-transformers:all-MiniLM-L6-v2")


@pytest.mark.parametrize("name", ["", "magic", "wordllama:x", "sentence-transformers:", "sentence-transformers"])
def test_an_unknown_embedder_names_the_setting(name: str) -> None:
    with pytest.raises(EmbedderUnavailable, match="DYNAVERA_EMBEDDER"):
        load_embedder(name)


def test_stop_words_do_not_change_a_vector() -> None:
    embedder = load_embedder("wordllama")

    vectors = embedder.embed(["The light of the brain", "light brain", "of the"])

    assert np.allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors[2]), 1, atol=1e-5)
    assert np.allclose(embedder.embed_query("Light of a brain?"), vectors[:1], atol=1e-6)


def test_the_stop_words_of_other_languages_do_not_change_a_vector() -> None:
    vectors = load_embedder("wordllama").embed(["Die Pumpe ist in dem Keller", "pumpe keller"])

    assert np.allclose(vectors[0], vectors[1], atol=1e-6)
