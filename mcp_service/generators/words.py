"""The content words of a text, and how similar words are."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from mcp_service.knowledge.embedders import Embedder, Vectors
from mcp_service.knowledge.stop_words import STOP_WORDS

MIN_SIMILARITY = 0.5
"""The cosine of two words that can replace each other: "price" and "cost" have 0.67, "crash" and "device" 0.1."""

FORM_SIMILARITY = 0.9
"""The similarity of two forms of a word, such as "entretient" and "entretenue"."""

MIN_SHARED = 5
MIN_SHARED_SHARE = 0.6
"""The first letters that two forms of a word share, and their share of the longer form."""

MIN_WHOLE, MAX_ENDING = 4, 3
"""The letters of a word that is itself the start of another form, and of the ending that this has."""

MAX_CACHED_WORDS = 20_000
"""Words whose vectors are cached, 1 KB each."""

# In scripts without spaces, each character counts as a word.
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯฀-๿]|[^\W぀-ヿ㐀-鿿가-힯฀-๿]+")

_LATIN_ACCENTS = frozenset(map(chr, range(0x300, 0x330)))
"""Combining accents, which the marks of Arabic, Hindi and Thai are not."""


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
    """The similarity of each of `words` to each of `others`: 1 if equal but for accents, 0 below `MIN_SIMILARITY`."""
    similarity = np.clip(vectors.of(words) @ vectors.of(others).T, 0, 1)
    similarity[similarity < MIN_SIMILARITY] = 0
    columns: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for column, other in enumerate(others):
        folded = fold_accents(other)
        columns[folded[:MIN_WHOLE]].append((column, folded))
    for row, word in enumerate(words):
        folded = fold_accents(word)
        for column, other in columns[folded[:MIN_WHOLE]]:
            if word == others[column] or (folded == other and folded in {word, others[column]}):
                similarity[row, column] = 1
            elif _is_form(folded, other):
                similarity[row, column] = max(similarity[row, column], FORM_SIMILARITY)
    return similarity


def fold_accents(word: str) -> str:
    """`word` as it is written where accents are left out: "chaudiere" for "chaudière"."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFC", "".join(each for each in decomposed if each not in _LATIN_ACCENTS))


def _is_form(word: str, other: str) -> bool:
    """Whether both are forms of one word, by the letters that they start with; numbers and codes have no forms."""
    if not (word.isalpha() and other.isalpha()):
        return False
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False)))
    shorter, longer = sorted((len(word), len(other)))
    if shared == shorter >= MIN_WHOLE and longer - shorter <= MAX_ENDING:
        return True
    return shared >= max(MIN_SHARED, MIN_SHARED_SHARE * longer)
