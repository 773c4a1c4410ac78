"""Which sentences answer a question: by what they mean, by their words, and by how they are built."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_service.generators.sentences import Sentence
from mcp_service.knowledge.embedders import Embedder
from mcp_service.knowledge.stop_words import STOP_WORDS

MEANING, WORDS, DEFINITION, EARLIER = 0.5, 0.5, 0.6, 0.05
"""How much each sign counts: likeness of meaning, share of the question's words, being a definition, coming early."""

FITS = 0.3
"""The score from which on a sentence answers a question: below it, a sentence only happens to share something."""

CLOSE_IN_MEANING = 0.45
"""The likeness of meaning that is enough without any word in common."""

MOST_IN_SUBJECT, MOST_ALONE = 6, 2

_WORD = re.compile(r"\w+")
_ASKS_WHAT = re.compile(
    r"^\s*(?:(?:please\s+)?(?:can|could)\s+you\s+)?(?:what(?:'s|’s|\s+is|\s+are|\s+was|\s+were|\s+does)|who\s+(?:is|was)"
    r"|define|explain|describe|tell\s+me\s+(?:about|what))\s+(?P<subject>.+?)"
    r"(?:\s+(?:is|are|mean|means|stand\s+for))?\s*[?.!]*\s*$",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"^(?:an?\s+|the\s+)?(?P<subject>.{2,120}?)\s+(?:(?:is|are|was|were)\s+(?P<kind>an?|the|one|any)\b|"
    r"(?:is|are|was|were|refers?\s+to|means?|stands?\s+for|denotes?)\b)",
    re.IGNORECASE | re.DOTALL,
)
_IN_BRACKETS = re.compile(r"\(([^)]*)\)")
_SUFFIXES = ("ational", "ations", "ation", "ings", "ing", "edly", "ed", "ies", "es", "ly", "s", "e")


@dataclass(frozen=True)
class Scored:
    """A sentence and how well it answers; `fits` is false when it does not."""

    sentence: Sentence
    score: float
    fits: bool


def scored(query: str, sentences: Sequence[Sentence], embedder: Embedder) -> list[Scored]:
    """The sentences with their scores, the best first."""
    if not sentences:
        return []
    vectors = embedder.embed([query, *(sentence.text for sentence in sentences)])
    alike = vectors[1:] @ vectors[0]
    asked = _terms(query)
    told = [_terms(sentence.text) for sentence in sentences]
    weights = _weights(asked, told)
    subject = _subject(query)
    found: list[Scored] = []
    for sentence, terms, likeness in zip(sentences, told, (float(value) for value in alike), strict=True):
        share = sum(weights[term] for term in asked & terms)
        score = MEANING * max(0.0, likeness) + WORDS * share
        fits = score >= FITS and (share > 0 or likeness >= CLOSE_IN_MEANING)
        score += DEFINITION * _defines(sentence.text, subject)
        score += EARLIER / (sentence.passage + sentence.position)
        found.append(Scored(sentence, score, fits))
    return sorted(found, key=lambda item: (-item.score, item.sentence.passage, item.sentence.position))


def words_of(text: str) -> frozenset[str]:
    """The stems of the words in `text` that say something."""
    return frozenset(_terms(text))


def _terms(text: str) -> set[str]:
    words = (word.casefold() for word in _WORD.findall(text))
    return {_stem(word) for word in words if word not in STOP_WORDS}


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word.removesuffix(suffix)
    return word


def _weights(asked: set[str], told: Sequence[set[str]]) -> dict[str, float]:
    """What each word of the question counts, in all 1: a rare one more than one that nearly every sentence has."""
    having = Counter(term for terms in told for term in asked & terms)
    raw = {term: math.log(1 + len(told) / (1 + having[term])) for term in asked}
    total = sum(raw.values())
    return {term: weight / total for term, weight in raw.items()}


def _subject(query: str) -> set[str]:
    asks = _ASKS_WHAT.match(query)
    subject = _terms(asks["subject"] if asks else query)
    # A word or two alone ask what they are, as in any search box.
    return subject if len(subject) <= (MOST_IN_SUBJECT if asks else MOST_ALONE) else set()


def _defines(text: str, subject: set[str]) -> float:
    """How much `text` says what `subject` is: 1 for "S is a …", half for "S is …", for S or what stands for it."""
    defines = _DEFINES.match(text) if subject else None
    if defines is None:
        return 0
    # "Functional near-infrared spectroscopy (fNIRS) is a …" defines both of its names, and nothing that has more words.
    names = [_IN_BRACKETS.sub("", defines["subject"]), *_IN_BRACKETS.findall(defines["subject"])]
    if not any(_terms(name) == subject for name in names):
        return 0
    return 1 if defines["kind"] else 0.5
