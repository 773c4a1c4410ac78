"""What is quoted of the sentences that answer: the best, and what says more than it."""

from collections.abc import Sequence

from mcp_service.generators.relevance import Scored
from mcp_service.generators.sentences import Sentence
from mcp_service.generators.words import telling, words_in

MOST_SENTENCES = 5

RELATIVE = 0.5
"""The share of the best sentence's relevance that another one needs."""

RELEVANCE, NOVELTY = 0.7, 0.3
"""How much relevance, and being unlike what is quoted, count: maximal marginal relevance."""

REPEATS = 0.8
"""The share of its words that makes a sentence a repetition of one that is quoted already."""


def chosen(ranked: Sequence[Scored]) -> list[Sentence]:
    """The sentences to quote: the best first, then those of its passage, then the others, each passage in its order."""
    if not ranked or not ranked[0].answers:
        return []
    best = ranked[0]
    kept = [best]
    left = [item for item in ranked[1:] if item.relevance >= RELATIVE * best.relevance]
    while len(kept) < MOST_SENTENCES and (left := [item for item in left if not _repeats(item, kept[-1])]):
        left.sort(key=lambda item: _gain(item, kept), reverse=True)
        kept.append(left.pop(0))
    home = best.sentence.passage
    others = sorted((item.sentence for item in kept[1:]), key=lambda it: (it.passage != home, it.passage, it.position))
    return [best.sentence, *others]


def _gain(item: Scored, kept: Sequence[Scored]) -> float:
    return RELEVANCE * item.relevance - NOVELTY * max(float(item.meaning @ other.meaning) for other in kept)


def _repeats(item: Scored, other: Scored) -> bool:
    words, known = set(telling(words_in(item.sentence.text))), set(telling(words_in(other.sentence.text)))
    return len(words & known) >= REPEATS * min(len(words), len(known))
