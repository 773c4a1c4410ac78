"""From text to vectors: nothing is ever downloaded."""

import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

WORDLLAMA = "wordllama"
SENTENCE_TRANSFORMERS = "sentence-transformers"
BATCH = 32
"""Texts embedded at a time: a batch takes the memory of its longest text for each of them."""

Vectors = NDArray[np.float32]


class EmbedderUnavailable(Exception):
    """The embedder of the settings cannot be used; the message says what to do."""


class Embedder(Protocol):
    """Turns texts into unit vectors; called from several threads."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text, of length 1 (a text without a known word: of length 0)."""
        ...


def open_embedder(name: str) -> Embedder:
    """The embedder that `DYNAVERA_EMBEDDER` names.

    Raises:
        EmbedderUnavailable: there is none of this name, or it is not installed.
    """
    kind, _, model = name.partition(":")
    if kind == WORDLLAMA and not model:
        return WordLlamaEmbedder()
    if kind == SENTENCE_TRANSFORMERS and model:
        return SentenceTransformersEmbedder(name, model)
    raise EmbedderUnavailable(
        f"DYNAVERA_EMBEDDER cannot be {name!r}. Use {WORDLLAMA!r} or '{SENTENCE_TRANSFORMERS}:<model name or folder>'."
    )


class WordLlamaEmbedder:
    """wordllama: 256 dimensions, its weights come with the package."""

    name = WORDLLAMA

    def __init__(self) -> None:
        # Half a second, and only where it is the one in use.
        import wordllama

        # Its loader looks in the wrong folder of its own package, so it is told the right one.
        home = Path(wordllama.__file__).parent
        self._model: Any = wordllama.WordLlama.load(cache_dir=home, disable_download=True)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        if not texts:
            return np.zeros((0, 256), dtype=np.float32)
        # A text without any token has no mean; a space has one.
        return _unit(self._model.embed([text or " " for text in texts], norm=False, batch_size=BATCH))


class SentenceTransformersEmbedder:
    """Any model of sentence-transformers that is on this machine."""

    def __init__(self, name: str, model: str) -> None:
        if find_spec("sentence_transformers") is None:
            raise EmbedderUnavailable(
                f"DYNAVERA_EMBEDDER is {name!r}, and sentence-transformers is not installed. "
                "Install it with `uv sync --extra sentence-transformers`, or use 'wordllama'."
            )
        library: Any = import_module("sentence_transformers")
        self.name = name
        self._turn = threading.Lock()
        try:
            self._model: Any = library.SentenceTransformer(model, local_files_only=True)
        except (OSError, ValueError) as error:
            raise EmbedderUnavailable(
                f"DYNAVERA_EMBEDDER is {name!r}, and that model is not on this machine. "
                "Download it first, or give the folder it is in."
            ) from error

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        with self._turn:
            return _unit(self._model.encode(list(texts), batch_size=BATCH, show_progress_bar=False))


def _unit(vectors: Any) -> Vectors:
    plain = np.nan_to_num(np.asarray(vectors, dtype=np.float32))
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    return (plain / np.where(lengths > 0, lengths, 1)).astype(np.float32)
