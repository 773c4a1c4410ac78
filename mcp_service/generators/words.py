"""The content words of a text, and how similar words are."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_service.knowledge.embedders import Embedder, Vectors
from mcp_service.knowledge.stop_words import STOP_WORDS

MIN_SIMILARITY = 0.5
"""The cosine of two words that can replace each other: "price" and "cost" have 0.67, "crash" and "device" 0.1."""

MAX_CACHED_WORDS = 20_000
"""Words whose vectors are cached, 1 KB each."""

# In scripts without spaces, each character counts as a word.
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯฀-๿]|[^\W぀-ヿ㐀-鿿가-힯฀-๿]+")


def split_words(text: str) -> list[str]:
    """All words of `text`, in order."""
    return _WORD.findall(text.casefold())


def content_words(words: Sequence[str]) -> list[str]:
    """The distinct words that are not stop words, in order."""
    return [word for word in dict.fromkeys(words) if word not in STOP_WORDS]


class WordVectors:
    """The vectors of single words, each embedded once and cached."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._cache: dict[str, NDArray[np.float32]] = {}

    def of(self, words: Sequence[str]) -> Vectors:
        """A row for each word: a unit vector, or zeros for a number, which is similar to nothing."""
        known = self._cache if len(self._cache) <= MAX_CACHED_WORDS else {}
        new = [word for word in dict.fromkeys(words) if word not in known]
        if new:
            vectors = self._embedder.embed(new)
            numbers = [any(map(str.isdigit, word)) for word in new]
            vectors[numbers] = 0
            known = known | dict(zip(new, vectors, strict=True))
            self._cache = known
        return np.stack([known[word] for word in words]) if words else self._embedder.embed([])


def word_similarity(words: Sequence[str], others: Sequence[str], vectors: WordVectors) -> Vectors:
    """The similarity of each of `words` to each of `others`: 1 if equal, 0 below `MIN_SIMILARITY`."""
    similarity = np.clip(vectors.of(words) @ vectors.of(others).T, 0, 1)
    similarity[similarity < MIN_SIMILARITY] = 0
    columns = {word: column for column, word in enumerate(others)}
    for row, word in enumerate(words):
        if word in columns:
            similarity[row, columns[word]] = 1
    return similarity
