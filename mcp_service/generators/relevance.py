"""Scores sentences by how well they answer a question: by its words, its meaning, and whether they define its subject.

A sentence that says the opposite, or is about another code than the question, is no answer however similar it is.
docs/decisions/extractive.md says how this was chosen, and what else was tried.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.question import Question, foreign, is_known_name
from mcp_service.generators.sentences import Sentence
from mcp_service.generators.tokens import is_exact, negated, tokenize
from mcp_service.generators.turning_words import DENIALS, NOT, OPPOSITE_KINDS, OPPOSITES
from mcp_service.generators.words import WordVectors, content_words, split_words, word_similarity

MEANING_WEIGHT = 0.3
"""The weight of semantic similarity in relevance; the rest is the coverage of the question's words."""

CONTEXT_WEIGHT = 0.5
"""The weight of the passage in coverage: what a sentence calls "it" is named nearby."""

RELEVANCE_THRESHOLD = 0.39
"""The relevance of a sentence that answers the question; below it, what they share is coincidence."""

MIN_TERMS = 2
"""Words of the question that a sentence and its passage must cover, unless it has only one."""

TURNING_BONUS = 0.15
"""Added for the order of the answers to a sentence with the turning words of the question."""

SAME_STEM = 5
"""The letters that make two words forms of one."""

_DEFINES = re.compile(
    r"^(?P<subject>.{2,120}?)\s+(?:is|are|was|were|refers?\s+to|means?|stands?\s+for|denotes?)\s", re.IGNORECASE
)
_IN_BRACKETS = re.compile(r"\(([^)]*)\)")

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class ScoredSentence:
    """A sentence, its relevance from 0 to 1, whether it defines the question's subject, and its mean vector.

    `missing` are the words, names, numbers and codes of the question that it lacks, and the kinds of turning words.
    """

    sentence: Sentence
    relevance: float
    defines: bool
    meaning: Numbers
    missing: frozenset[str] = frozenset()

    @property
    def answers(self) -> bool:
        """Whether it is relevant enough to be an answer."""
        return self.relevance >= RELEVANCE_THRESHOLD

    @cached_property
    def tokens(self) -> list[str]:
        """Its tokens, in order."""
        return tokenize(self.sentence.text)

    @cached_property
    def exact(self) -> frozenset[str]:
        """Its numbers, codes and turning words."""
        return frozenset(token for token in self.tokens if is_exact(token)) | self.sentence.codes

    @cached_property
    def content(self) -> frozenset[str]:
        """Its content words."""
        return frozenset(content_words([token for token in self.tokens if not is_exact(token)]))


def score_sentences(
    query: str, passages: Sequence[GivenPassage], sentences: Sequence[Sentence], vectors: WordVectors
) -> list[ScoredSentence]:
    """The scored sentences, best first: definitions if the question asks for one, then by relevance.

    None, if the question names something that no passage contains.
    """
    contexts = [tokenize(f"{_name(passage)} {passage.heading} {passage.text}") for passage in passages]
    question = Question(query).within(contexts)
    if not question.terms or not sentences or not question.is_about(contexts):
        return []
    tokens = [[*tokenize(sentence.text), *sorted(sentence.codes)] for sentence in sentences]
    words = [[token for token in each if not token.isupper()] for each in tokens]
    relevance, meanings = _relevance(question, words, [contexts[it.passage - 1] for it in sentences], vectors)
    subject = question.terms if question.asks_for_definition else []
    found = [
        ScoredSentence(
            sentence, float(value), _defines(sentence.text, subject, vectors), meaning, _missing(question, each)
        )
        for sentence, each, value, meaning in zip(sentences, tokens, relevance, meanings, strict=True)
        if not _contradicts(question, each, sentence)
    ]
    return sorted(_about_the_codes(question, found), key=lambda item: _order(question, item))


def _name(passage: GivenPassage) -> str:
    return passage.document.rpartition(".")[0]


def _relevance(
    question: Question, words: Sequence[Sequence[str]], contexts: Sequence[Sequence[str]], vectors: WordVectors
) -> tuple[Numbers, list[Numbers]]:
    """The relevance of each sentence, and its mean vector."""
    terms = question.terms
    meanings = [_meaning(each, vectors) for each in words]
    in_sentence = _coverage(question, words, vectors)
    unique = {id(context): context for context in contexts}
    by_context = dict(zip(unique, _coverage(question, list(unique.values()), vectors), strict=True))
    in_context = np.stack([by_context[id(context)] for context in contexts])
    # A number or code next to a sentence says nothing about it.
    exact = np.array([is_exact(term) for term in terms])
    in_context[:, exact] = in_sentence[:, exact]
    # One word in common is a coincidence.
    too_few = np.count_nonzero(np.maximum(in_sentence, in_context), axis=1) < min(MIN_TERMS, len(terms))
    coverage = ((1 - CONTEXT_WEIGHT) * in_sentence + CONTEXT_WEIGHT * in_context) @ _weights(terms, words)
    similarity = np.maximum(np.stack(meanings) @ _meaning(terms, vectors), 0)
    relevance = (1 - MEANING_WEIGHT) * coverage + MEANING_WEIGHT * similarity
    relevance[too_few] = 0
    # A sentence under another name is about something else.
    named = np.array([term in question.names for term in terms])
    relevance[(np.maximum(in_sentence, in_context)[:, named] == 0).any(axis=1)] = 0
    return relevance.astype(np.float32), meanings


def _order(question: Question, item: ScoredSentence) -> tuple[bool, bool, float]:
    turned = len(question.kinds - item.missing) / len(question.kinds) if question.kinds else 0
    denies = NOT in item.missing and NOT not in question.kinds
    return not item.answers, not item.defines, -item.relevance - TURNING_BONUS * (turned - denies)


def _missing(question: Question, tokens: Sequence[str]) -> frozenset[str]:
    known = set(tokens)
    lacking = {term for term in question.terms if not _has_form(term, known)} | (question.kinds - known)
    denies = not question.is_yes_or_no and NOT not in question.kinds and negated(tokens) & set(question.terms)
    return frozenset(lacking | {NOT} if denies else lacking)


def _about_the_codes(question: Question, found: list[ScoredSentence]) -> list[ScoredSentence]:
    """Those about all codes of the question, or else about the most of them, and none about another of the series."""
    if not question.codes:
        return found
    fewest = min((len(item.missing & question.codes) for item in found), default=0)
    return [item for item in found if len(item.missing & question.codes) == fewest]


def _contradicts(question: Question, tokens: Sequence[str], sentence: Sentence) -> bool:
    """Whether the sentence denies what the question asks for, or is about another code of the same series."""
    if foreign(sentence.codes, question.codes) and sentence.codes.isdisjoint(question.codes):
        return True
    known = set(tokens)
    if not question.kinds.isdisjoint(DENIALS) and known.isdisjoint({*DENIALS, "ONLY"}):
        return any(_has_form(word, known) for word in negated(question.tokens) & set(question.terms))
    opposite = {OPPOSITE_KINDS[kind] for kind in question.kinds - known if kind in OPPOSITE_KINDS}
    return not opposite.isdisjoint(known - question.kinds)


def _has_form(word: str, words: set[str]) -> bool:
    if word in words:
        return True
    return len(word) >= SAME_STEM and not is_exact(word) and any(each[:SAME_STEM] == word[:SAME_STEM] for each in words)


def _coverage(question: Question, texts: Sequence[Sequence[str]], vectors: WordVectors) -> Numbers:
    """For each text, how well each term of the question is covered by its most similar word."""
    terms = question.terms
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    similarity = word_similarity(terms, list(vocabulary), vectors)
    for row, term in enumerate(terms):
        for word, column in vocabulary.items():
            if (term, word) in OPPOSITES:
                similarity[row, column] = 0
            elif term in question.names:
                similarity[row, column] = is_known_name(term, {word})
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
