"""Which sentences answer a question: those that cover its words, mean what it means, and say what it asks for.

How this was chosen, and what else was tried, is in docs/decisions/extractive.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.sentences import Sentence
from mcp_service.generators.words import WordVectors, likeness, telling, words_in

MEANING = 0.3
"""The share of the likeness of meaning in relevance; the rest is the coverage of the question's words."""

CONTEXT = 0.5
"""The share of the passage in coverage: what a sentence calls "it" is named in its neighbourhood."""

ANSWERS = 0.42
"""The relevance from which on a sentence answers a question: below it, a sentence only happens to share something."""

MOST_TERMS = 64
"""Different words of a question that are looked for."""

_ASKING = frozenset({"define", "definition", "stand", "stands", "meaning"})
"""Words that ask, and are not asked about."""

_ASKS_OTHERWISE = frozenset({"where", "when", "why", "how", "which", "whose"})
_DEFINES = re.compile(
    r"^(?P<subject>.{2,120}?)\s+(?:is|are|was|were|refers?\s+to|means?|stands?\s+for|denotes?)\s", re.IGNORECASE
)
_IN_BRACKETS = re.compile(r"\(([^)]*)\)")

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Scored:
    """A sentence, its relevance from 0 to 1, whether it defines what is asked for, and the direction of its meaning."""

    sentence: Sentence
    relevance: float
    defines: bool
    meaning: Numbers

    @property
    def answers(self) -> bool:
        """Whether it says enough of what is asked."""
        return self.relevance >= ANSWERS


def scored(
    query: str, passages: Sequence[GivenPassage], sentences: Sequence[Sentence], vectors: WordVectors
) -> list[Scored]:
    """The sentences with their scores, the best first: a definition where one is asked for, then by relevance."""
    asked = _asked(query)
    if not asked or not sentences:
        return []
    told = [words_in(sentence.text) for sentence in sentences]
    meanings = [_meaning(words, vectors) for words in told]
    around = [words_in(f"{passage.document.rpartition('.')[0]} {passage.text}") for passage in passages]
    covered = _covered(asked, told, vectors)
    by_context = _covered(asked, around, vectors)[[sentence.passage - 1 for sentence in sentences]]
    coverage = ((1 - CONTEXT) * covered + CONTEXT * by_context) @ _weights(asked, told)
    alike = np.maximum(np.stack(meanings) @ _meaning(asked, vectors), 0)
    relevance = (1 - MEANING) * coverage + MEANING * alike
    subject = asked if _ASKS_OTHERWISE.isdisjoint(words_in(query)) else []
    found = [
        Scored(sentence, float(value), _defines(sentence.text, subject, vectors), meaning)
        for sentence, value, meaning in zip(sentences, relevance, meanings, strict=True)
    ]
    return sorted(found, key=lambda item: (not (item.answers and item.defines), -item.relevance))


def _asked(query: str) -> list[str]:
    words = telling(words_in(query))[:MOST_TERMS]
    return [word for word in words if word not in _ASKING] or words


def _covered(asked: Sequence[str], texts: Sequence[Sequence[str]], vectors: WordVectors) -> Numbers:
    """For each text, how much each word of the question is in it: the word itself, or one that stands for it."""
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    alike = likeness(asked, list(vocabulary), vectors)
    return np.stack([alike[:, [vocabulary[word] for word in text]].max(axis=1, initial=0) for text in texts])


def _weights(asked: Sequence[str], told: Sequence[Sequence[str]]) -> Numbers:
    """What each word of the question counts, in all 1: a rare one more than one that nearly every sentence has."""
    having = np.array([sum(term in words for words in map(set, told)) for term in asked], dtype=np.float32)
    raw = np.log(1 + len(told) / (1 + having))
    return raw / raw.sum()


def _meaning(words: Sequence[str], vectors: WordVectors) -> Numbers:
    """The direction of the mean of its telling words."""
    known = telling(words)
    total = vectors.of(known).sum(axis=0)
    length = float(np.linalg.norm(total))
    return total / length if length else total


def _defines(text: str, subject: Sequence[str], vectors: WordVectors) -> bool:
    """Whether `text` says what `subject` is: "S is …", for S or for what stands for it in brackets."""
    defines = _DEFINES.match(text) if subject else None
    if defines is None:
        return False
    # "Functional near-infrared spectroscopy (fNIRS) is a …" defines both of its names, and nothing that has more words.
    names = [_IN_BRACKETS.sub("", defines["subject"]), *_IN_BRACKETS.findall(defines["subject"])]
    return any(_is_same(telling(words_in(name)), subject, vectors) for name in names)


def _is_same(name: Sequence[str], subject: Sequence[str], vectors: WordVectors) -> bool:
    if not name:
        return False
    alike = likeness(name, subject, vectors)
    return bool(alike.max(axis=0).all() and alike.max(axis=1).all())
