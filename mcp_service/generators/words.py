"""The words of a text that say something, and what each is like."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_service.knowledge.embedders import Embedder, Vectors
from mcp_service.knowledge.stop_words import STOP_WORDS

ALIKE = 0.5
"""The cosine from which on two words stand for each other: "price" and "cost" have 0.67, "crash" and "device" 0.1."""

MOST_KNOWN = 20_000
"""Words whose vectors are kept, 1 KB each."""

# Scripts without spaces have a word to a sign; counting each sign finds most of them.
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯฀-๿]|[^\W぀-ヿ㐀-鿿가-힯฀-๿]+")


def words_in(text: str) -> list[str]:
    """All words of `text`, in order."""
    return _WORD.findall(text.casefold())


def telling(words: Sequence[str]) -> list[str]:
    """Those of `words` that say something, each once, in order."""
    return [word for word in dict.fromkeys(words) if word not in STOP_WORDS]


class WordVectors:
    """The vector of each word, embedded alone and once: a language has few words."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, NDArray[np.float32]] = {}

    def of(self, words: Sequence[str]) -> Vectors:
        """A row for each word: a unit vector, or zeros for a number, which is like no other."""
        known = self._known if len(self._known) <= MOST_KNOWN else {}
        new = [word for word in dict.fromkeys(words) if word not in known]
        if new:
            vectors = self._embedder.embed(new)
            numbers = [any(map(str.isdigit, word)) for word in new]
            vectors[numbers] = 0
            known = known | dict(zip(new, vectors, strict=True))
            self._known = known
        return np.stack([known[word] for word in words]) if words else self._embedder.embed([])


def likeness(words: Sequence[str], others: Sequence[str], vectors: WordVectors) -> Vectors:
    """How much each of `words` is like each of `others`: 1 for the same, 0 for what does not stand for it."""
    alike = np.clip(vectors.of(words) @ vectors.of(others).T, 0, 1)
    alike[alike < ALIKE] = 0
    places = {word: place for place, word in enumerate(others)}
    for row, word in enumerate(words):
        if word in places:
            alike[row, places[word]] = 1
    return alike
