"""Selects the sentences to quote: the best one, and those that add to it."""

from collections.abc import Sequence

from mcp_service.generators.relevance import ScoredSentence
from mcp_service.generators.sentences import Sentence
from mcp_service.generators.tokens import is_exact

MAX_SENTENCES = 5

MIN_RELATIVE_RELEVANCE = 0.5
"""The relevance that a sentence needs, as a share of the best one's."""

RELEVANCE_WEIGHT, NOVELTY_WEIGHT = 0.7, 0.3
"""The weights of maximal marginal relevance."""

REPETITION_OVERLAP = 0.8
"""The share of common words that makes a sentence a repetition of one that is selected already."""

COUNTERPART_OVERLAP = 0.5
"""The share of common words that makes a sentence the counterpart of the best one for another number or code."""

PARALLEL_OVERLAP = 0.5
"""The same for a counterpart that differs in plain words, counted with stop words."""


def select_sentences(ranked: Sequence[ScoredSentence]) -> list[Sentence]:
    """The sentences to quote: the best, then others of its passage, then the rest, each passage in its order."""
    if not ranked or not ranked[0].answers:
        return []
    best = ranked[0]
    selected = [best]
    candidates = [
        item
        for item in ranked[1:]
        if item.relevance >= MIN_RELATIVE_RELEVANCE * best.relevance and not _is_counterpart(item, best)
    ]
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
    """Whether it says the same; sentences that differ in a number, a code or a "not" do not."""
    return item.exact == other.exact and _overlap(item, other) >= REPETITION_OVERLAP


def _is_counterpart(item: ScoredSentence, best: ScoredSentence) -> bool:
    """Whether it says the same as `best` of something else than the question asks about."""
    more = item.missing - best.missing
    if not more or best.missing - item.missing:
        return False
    return _overlap(item, best) >= COUNTERPART_OVERLAP if any(map(is_exact, more)) else _is_parallel(item, best)


def _is_parallel(item: ScoredSentence, best: ScoredSentence) -> bool:
    """Whether only a few words of the two differ, the small ones included."""
    words, known = ({token for token in each.tokens if not is_exact(token)} for each in (item, best))
    return len(words & known) >= PARALLEL_OVERLAP * len(words)


def _overlap(item: ScoredSentence, other: ScoredSentence) -> float:
    """The share of the shorter one's content words that both have; 1 if it has none."""
    shorter = min(len(item.content), len(other.content))
    return len(item.content & other.content) / shorter if shorter else 1.0
