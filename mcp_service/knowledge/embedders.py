"""From text to vectors: nothing is ever downloaded."""

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

from mcp_service.knowledge.splitting import pieces
from mcp_service.knowledge.stop_words import STOP_WORDS

WORDLLAMA = "wordllama"
SENTENCE_TRANSFORMERS = "sentence-transformers"
BATCH = 32
"""Texts embedded at a time: a batch takes the memory of its longest text for each of them."""

CHARACTERS_A_TOKEN = 4
"""Of English, on average; a window that is a little too long loses a word at its end."""

Vectors = NDArray[np.float32]

_WORD = re.compile(r"\w+")


class EmbedderUnavailable(Exception):
    """The embedder of the settings cannot be used; the message says what to do."""


class Embedder(Protocol):
    """Turns texts into unit vectors; called from several threads."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    @property
    def identity(self) -> str:
        """What its vectors depend on: those of another identity cannot be compared with them."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text, of length 1 (a text without a known word: of length 0)."""
        ...

    def embed_query(self, query: str) -> Vectors:
        """One row, as near as can be to those of the texts that answer `query`."""
        ...


def open_embedder(name: str, words: "WordLlamaEmbedder | None" = None) -> Embedder:
    """The embedder that `DYNAVERA_EMBEDDER` names, loaded; where that is wordllama, `words` if it is given.

    Raises:
        EmbedderUnavailable: there is none of this name, or it is not installed.
    """
    kind, _, model = name.partition(":")
    if kind == WORDLLAMA and not model:
        words = words or WordLlamaEmbedder()
        words.load()
        return words
    if kind == SENTENCE_TRANSFORMERS and model:
        return SentenceTransformersEmbedder(name, model)
    raise EmbedderUnavailable(
        f"DYNAVERA_EMBEDDER cannot be {name!r}. Use {WORDLLAMA!r} or '{SENTENCE_TRANSFORMERS}:<model name or folder>'."
    )


class WordLlamaEmbedder:
    """wordllama: 256 dimensions, its weights come with the package.

    A text's vector is the mean of its words'. Words that say nothing pull every mean to the same place, so they are
    left out (Arora, Liang and Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", weigh them down).

    It is loaded when it is first asked, or told to.
    """

    name = WORDLLAMA
    identity = WORDLLAMA

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._model: Any = None

    def load(self) -> Any:
        """Load it, unless that is done, and give the library's own model."""
        with self._turn:
            if self._model is None:
                # A quarter of a second, and only where it is in use.
                import wordllama

                # Its loader looks in the wrong folder of its own package, so it is told the right one.
                home = Path(wordllama.__file__).parent
                self._model = wordllama.WordLlama.load(cache_dir=home, disable_download=True)
            return self._model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        if not texts:
            return np.zeros((0, 256), dtype=np.float32)
        return _unit(self.load().embed([_telling(text) for text in texts], norm=False, batch_size=BATCH))

    def embed_query(self, query: str) -> Vectors:
        """One unit vector; a query is a text as any other."""
        return self.embed([query])


class SentenceTransformersEmbedder:
    """Any model of sentence-transformers that is on this machine."""

    def __init__(self, name: str, model: str) -> None:
        if find_spec("sentence_transformers") is None:
            raise EmbedderUnavailable(
                f"DYNAVERA_EMBEDDER is {name!r}, and sentence-transformers is not installed. "
                "Install it with `make setup EXTRAS=sentence-transformers`, or use 'wordllama'."
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
        self.identity = f"{name} {_fingerprint(self._model)}"
        self._window = int(self._model.max_seq_length or 512) * CHARACTERS_A_TOKEN

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        if not texts:
            return np.zeros((0, int(self._model.get_embedding_dimension())), dtype=np.float32)
        windows = [_windows(text, self._window) for text in texts]
        with self._turn:
            vectors = self._model.encode_document(
                [window for each in windows for window in each], batch_size=BATCH, show_progress_bar=False
            )
        return _means(_unit(vectors), [len(each) for each in windows])

    def embed_query(self, query: str) -> Vectors:
        """One unit vector, made as the model wants it for queries."""
        with self._turn:
            return _unit(self._model.encode_query([query], show_progress_bar=False))


def _telling(text: str) -> str:
    words = _WORD.findall(text.lower())
    # A text without any token has no mean; a space has one.
    return " ".join(word for word in words if word not in STOP_WORDS) or text or " "


def _windows(text: str, most: int) -> list[str]:
    """`text` in pieces that the model reads to their ends: what is past its limit it would not see."""
    return pieces(text, most) or [text]


def _means(vectors: Vectors, counts: Sequence[int]) -> Vectors:
    starts = np.cumsum([0, *counts[:-1]])
    return _unit(np.add.reduceat(vectors, starts, axis=0))


def _fingerprint(model: Any) -> str:
    """What tells two models of the same name apart: their layers, and how the values in each begin."""
    digest = hashlib.sha256(str(model).encode())
    for name, values in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(values.flatten()[:16].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _unit(vectors: Any) -> Vectors:
    plain = np.nan_to_num(np.asarray(vectors, dtype=np.float32))
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    return (plain / np.where(lengths > 0, lengths, 1)).astype(np.float32)
