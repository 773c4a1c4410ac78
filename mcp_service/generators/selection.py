"""Selects the sentences to quote: the best one, and those that add to it."""

from collections.abc import Sequence

from mcp_service.generators.relevance import ScoredSentence
from mcp_service.generators.sentences import Sentence
from mcp_service.generators.words import content_words, split_words

MAX_SENTENCES = 5

MIN_RELATIVE_RELEVANCE = 0.5
"""The relevance that a sentence needs, as a share of the best one's."""

RELEVANCE_WEIGHT, NOVELTY_WEIGHT = 0.7, 0.3
"""The weights of maximal marginal relevance."""

REPETITION_OVERLAP = 0.8
"""The share of common words that makes a sentence a repetition of one that is selected already."""


def select_sentences(ranked: Sequence[ScoredSentence]) -> list[Sentence]:
    """The sentences to quote: the best, then others of its passage, then the rest, each passage in its order."""
    if not ranked or not ranked[0].answers:
        return []
    best = ranked[0]
    selected = [best]
    candidates = [item for item in ranked[1:] if item.relevance >= MIN_RELATIVE_RELEVANCE * best.relevance]
    while len(selected) < MAX_SENTENCES:
        candidates = [item for item in candidates if not _repeats(item, selected[-1])]
        if not candidates:
            break
        candidates.sort(key=lambda item: _marginal_relevance(item, selected), reverse=True)
        selected.append(candidates.pop(0))
    first = best.sentence.passage
    others = [each.sentence for each in selected[1:]]
    others.sort(key=lambda it: (it.passage != first, it.passage, it.position))
    return [best.sentence, *others]


def _marginal_relevance(item: ScoredSentence, selected: Sequence[ScoredSentence]) -> float:
    similarity = max(float(item.meaning @ other.meaning) for other in selected)
    return RELEVANCE_WEIGHT * item.relevance - NOVELTY_WEIGHT * similarity


def _repeats(item: ScoredSentence, other: ScoredSentence) -> bool:
    words, known = _content_words(item), _content_words(other)
    return len(words & known) >= REPETITION_OVERLAP * min(len(words), len(known))


def _content_words(item: ScoredSentence) -> set[str]:
    return set(content_words(split_words(item.sentence.text)))
