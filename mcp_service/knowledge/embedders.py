"""Embedders, which turn text into vectors; they never download anything."""

import hashlib
import re
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mcp_service.knowledge import languages
from mcp_service.knowledge.splitting import split_text

WORDLLAMA = "wordllama"
MINILM = "minilm"
SENTENCE_TRANSFORMERS = "sentence-transformers"
BATCH = 32
"""Texts embedded at a time: each takes the memory of the longest text of its batch."""

CHARACTERS_PER_TOKEN = 4
"""The average for English; a window that is slightly too long loses its last word."""

Vectors = NDArray[np.float32]

_WORD = re.compile(r"\w+")


class EmbedderUnavailable(Exception):
    """The configured embedder cannot be used; the message says what to do."""


class Embedder(Protocol):
    """Turns texts into unit vectors; called from several threads."""

    @property
    def name(self) -> str:
        """Its name in the settings."""
        ...

    @property
    def identity(self) -> str:
        """Identifies the model: vectors of different identities cannot be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text: a unit vector, or zeros for a text without known words."""
        ...

    def embed_query(self, query: str) -> Vectors:
        """One row, close to those of texts that answer `query`."""
        ...


def load_embedder(name: str, wordllama: "WordLlamaEmbedder | None" = None) -> Embedder:
    """Load the embedder that `DYNAVERA_EMBEDDER` names; for wordllama, `wordllama` is used if it is passed.

    Raises:
        EmbedderUnavailable: the name is unknown, or the embedder is not installed.
    """
    kind, _, model = name.partition(":")
    if kind == WORDLLAMA and not model:
        wordllama = wordllama or WordLlamaEmbedder()
        wordllama.load()
        return wordllama
    if name == MINILM:
        # Imported here, because it imports this module.
        from mcp_service.knowledge.minilm.embedder import MiniLmEmbedder

        return MiniLmEmbedder()
    if kind == SENTENCE_TRANSFORMERS and model:
        return SentenceTransformersEmbedder(name, model)
    raise EmbedderUnavailable(
        f"DYNAVERA_EMBEDDER cannot be {name!r}. "
        f"Use {WORDLLAMA!r}, {MINILM!r} or '{SENTENCE_TRANSFORMERS}:<model name or folder>'."
    )


class WordLlamaEmbedder:
    """wordllama: 256 dimensions, with weights from its package, loaded on first use.

    A text's vector is the mean of its words' vectors. Stop words would make all means similar, so they are left out
    (Arora, Liang and Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", give them less weight).
    """

    name = WORDLLAMA
    identity = WORDLLAMA

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    def load(self) -> Any:
        """Load the library's model once, and return it."""
        with self._lock:
            if self._model is None:
                # Imported lazily: it takes a quarter of a second.
                import wordllama

                # The loader's default is the wrong folder of its own package.
                folder = Path(wordllama.__file__).parent
                self._model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
            return self._model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        if not texts:
            return np.zeros((0, 256), dtype=np.float32)
        return unit(self.load().embed([_without_stop_words(text) for text in texts], norm=False, batch_size=BATCH))

    def embed_query(self, query: str) -> Vectors:
        """One unit vector; a query is embedded like a text."""
        return self.embed([query])


class SentenceTransformersEmbedder:
    """Any sentence-transformers model on this machine."""

    def __init__(self, name: str, model: str) -> None:
        if find_spec("sentence_transformers") is None:
            raise EmbedderUnavailable(
                f"DYNAVERA_EMBEDDER is {name!r}, and sentence-transformers is not installed. "
                "Install it with `make setup EXTRAS=sentence-transformers`, or use 'wordllama'."
            )
        library: Any = import_module("sentence_transformers")
        self.name = name
        self._lock = threading.Lock()
        try:
            self._model: Any = library.SentenceTransformer(model, local_files_only=True)
        except (OSError, ValueError) as error:
            raise EmbedderUnavailable(
                f"DYNAVERA_EMBEDDER is {name!r}, and that model is not on this machine. "
                "Download it first, or give the path of its folder."
            ) from error
        self.identity = f"{name} {_fingerprint(self._model)}"
        self._window = int(self._model.max_seq_length or 512) * CHARACTERS_PER_TOKEN

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        if not texts:
            return np.zeros((0, int(self._model.get_embedding_dimension())), dtype=np.float32)
        windows = [_windows(text, self._window) for text in texts]
        with self._lock:
            vectors = self._model.encode_document(
                [window for each in windows for window in each], batch_size=BATCH, show_progress_bar=False
            )
        return mean_of_windows(unit(vectors), [len(each) for each in windows])

    def embed_query(self, query: str) -> Vectors:
        """One unit vector, embedded with the model's query prompt."""
        with self._lock:
            return unit(self._model.encode_query([query], show_progress_bar=False))


def _without_stop_words(text: str) -> str:
    words = _WORD.findall(text.lower())
    stop_words = languages.stop_words(languages.detect(text))
    # A text without tokens has no mean; a space has one.
    return " ".join(word for word in words if word not in stop_words) or text or " "


def _windows(text: str, max_characters: int) -> list[str]:
    """`text` split to fit the model's window, which would truncate it."""
    return split_text(text, max_characters) or [text]


def mean_of_windows(vectors: Vectors, counts: Sequence[int]) -> Vectors:
    """The unit vector of each text, from those of its windows: `counts` says how many each text has, in order."""
    starts = np.cumsum([0, *counts[:-1]])
    return unit(np.add.reduceat(vectors, starts, axis=0))


def _fingerprint(model: Any) -> str:
    """Distinguishes models of the same name, by their layers and the first values of each."""
    digest = hashlib.sha256(str(model).encode())
    for name, values in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(values.flatten()[:16].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def unit(vectors: Any) -> Vectors:
    """The vectors with length 1; zeros stay zeros."""
    finite = np.nan_to_num(np.asarray(vectors, dtype=np.float32))
    lengths = np.linalg.norm(finite, axis=1, keepdims=True)
    return (finite / np.where(lengths > 0, lengths, 1)).astype(np.float32)
