"""Scores sentences by how well they answer a question: by its words, its meaning, and whether they define its subject.

docs/decisions/extractive.md says how this was chosen, and what else was tried.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.sentences import Sentence
from mcp_service.generators.words import WordVectors, content_words, split_words, word_similarity

MEANING_WEIGHT = 0.3
"""The weight of semantic similarity in relevance; the rest is the coverage of the question's words."""

CONTEXT_WEIGHT = 0.5
"""The weight of the passage in coverage: what a sentence calls "it" is named nearby."""

RELEVANCE_THRESHOLD = 0.42
"""The relevance of a sentence that answers the question; below it, what they share is coincidence."""

MAX_TERMS = 64
"""Distinct words of a question that are used."""

_QUESTION_WORDS = frozenset({"define", "definition", "stand", "stands", "meaning"})
"""Words of a question that do not describe its subject."""

_NOT_A_DEFINITION = frozenset({"where", "when", "why", "how", "which", "whose"})
_DEFINES = re.compile(
    r"^(?P<subject>.{2,120}?)\s+(?:is|are|was|were|refers?\s+to|means?|stands?\s+for|denotes?)\s", re.IGNORECASE
)
_IN_BRACKETS = re.compile(r"\(([^)]*)\)")

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class ScoredSentence:
    """A sentence, its relevance from 0 to 1, whether it defines the question's subject, and its mean vector."""

    sentence: Sentence
    relevance: float
    defines: bool
    meaning: Numbers

    @property
    def answers(self) -> bool:
        """Whether it is relevant enough to be an answer."""
        return self.relevance >= RELEVANCE_THRESHOLD


def score_sentences(
    query: str, passages: Sequence[GivenPassage], sentences: Sequence[Sentence], vectors: WordVectors
) -> list[ScoredSentence]:
    """The scored sentences, best first: definitions if the question asks for one, then by relevance."""
    terms = _query_terms(query)
    if not terms or not sentences:
        return []
    words_by_sentence = [split_words(sentence.text) for sentence in sentences]
    meanings = [_meaning(words, vectors) for words in words_by_sentence]
    contexts = [split_words(f"{passage.document.rpartition('.')[0]} {passage.text}") for passage in passages]
    in_sentence = _coverage(terms, words_by_sentence, vectors)
    in_context = _coverage(terms, contexts, vectors)[[sentence.passage - 1 for sentence in sentences]]
    coverage = ((1 - CONTEXT_WEIGHT) * in_sentence + CONTEXT_WEIGHT * in_context) @ _weights(terms, words_by_sentence)
    similarity = np.maximum(np.stack(meanings) @ _meaning(terms, vectors), 0)
    relevance = (1 - MEANING_WEIGHT) * coverage + MEANING_WEIGHT * similarity
    subject = terms if _NOT_A_DEFINITION.isdisjoint(split_words(query)) else []
    found = [
        ScoredSentence(sentence, float(value), _defines(sentence.text, subject, vectors), meaning)
        for sentence, value, meaning in zip(sentences, relevance, meanings, strict=True)
    ]
    return sorted(found, key=lambda item: (not (item.answers and item.defines), -item.relevance))


def _query_terms(query: str) -> list[str]:
    words = content_words(split_words(query))[:MAX_TERMS]
    return [word for word in words if word not in _QUESTION_WORDS] or words


def _coverage(terms: Sequence[str], texts: Sequence[Sequence[str]], vectors: WordVectors) -> Numbers:
    """For each text, how well each term of the question is covered by its most similar word."""
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    similarity = word_similarity(terms, list(vocabulary), vectors)
    return np.stack([similarity[:, [vocabulary[word] for word in text]].max(axis=1, initial=0) for text in texts])


def _weights(terms: Sequence[str], words_by_sentence: Sequence[Sequence[str]]) -> Numbers:
    """The weight of each term, 1 in total: inverse document frequency over the sentences."""
    frequency = np.array(
        [sum(term in words for words in map(set, words_by_sentence)) for term in terms], dtype=np.float32
    )
    raw = np.log(1 + len(words_by_sentence) / (1 + frequency))
    return raw / raw.sum()


def _meaning(words: Sequence[str], vectors: WordVectors) -> Numbers:
    """The normalized mean vector of the content words."""
    known = content_words(words)
    total = vectors.of(known).sum(axis=0)
    length = float(np.linalg.norm(total))
    return total / length if length else total


def _defines(text: str, subject: Sequence[str], vectors: WordVectors) -> bool:
    """Whether `text` defines `subject`: "S is …", for S or for its abbreviation in brackets."""
    defines = _DEFINES.match(text) if subject else None
    if defines is None:
        return False
    # "Functional near-infrared spectroscopy (fNIRS) is a …" defines both names, but no longer term that contains one.
    names = [_IN_BRACKETS.sub("", defines["subject"]), *_IN_BRACKETS.findall(defines["subject"])]
    return any(_is_same(content_words(split_words(name)), subject, vectors) for name in names)


def _is_same(name: Sequence[str], subject: Sequence[str], vectors: WordVectors) -> bool:
    if not name:
        return False
    similarity = word_similarity(name, subject, vectors)
    return bool(similarity.max(axis=0).all() and similarity.max(axis=1).all())
