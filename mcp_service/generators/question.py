"""What a question asks about: its words, and the names, numbers and codes that an answer must be about."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise

from mcp_service.generators.tokens import is_code, is_number, normalize, shape_of, tokenize
from mcp_service.generators.turning_words import NOT
from mcp_service.generators.words import split_words
from mcp_service.knowledge.languages import detect, stop_words
from mcp_service.knowledge.stop_words import STOP_WORDS

MAX_TERMS = 64
"""Distinct words of a question that are used."""

MIN_SHARED_PREFIX = 4
MAX_ENDING = 2
"""A name is the same with another ending: "Müllers", "Japanese"."""

MIN_ABBREVIATION = 3
"""Letters of an abbreviation that is a name; those of two are rather words, such as "IP" or "ID"."""

_QUESTION_WORDS = frozenset(
    """
    define definition stand stands meaning work works happen happening middle find good
    wer was wie wo wann warum wieso welche welcher welches welchen welchem darf dürfen kann können muss müssen
    qui que quoi quel quelle quels quelles comment où quand pourquoi peut peuvent faut doit
    quién quiénes qué cuál cuáles cómo dónde cuándo puede pueden debe deben
    chi che cosa quale quali come dove quando perché può possono deve
    quem qual quais onde porque pode podem
    """.split()  # noqa: SIM905
)
"""Words of a question that do not describe its subject."""

_NOT_A_DEFINITION = frozenset({"where", "when", "why", "how", "which", "whose"})

_YES_NO = frozenset(
    """
    is are was were do does did can could may must should will would has have isn aren doesn don
    """.split()  # noqa: SIM905
)

_GERMAN = frozenset(
    "der die das den dem des ein eine einen ist sind wird werden und wie was wer wo wann warum welche welcher".split()  # noqa: SIM905
)
"""Words that show that a question is German, where every noun has a capital letter."""

_WORD = re.compile(r"(?<![\w/.-])[^\W\d_]+(?:[-'][^\W\d_]+)*(?![\w/-])")
_FULL_NAME = re.compile(r"(?=\b([^\W\d_a-z][a-zà-ÿ]+)\s+([^\W\d_a-z][a-zà-ÿ]+)\b)")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s)[\s\"'“„«(]*$")
_TITLES = frozenset("mr mrs ms dr prof professor herr herrn frau monsieur madame señor señora".split())  # noqa: SIM905
_TITLE = re.compile(rf"\b(?:{'|'.join(sorted(_TITLES))})\.?\s+$", re.IGNORECASE)
_ASKED_QUANTITY = re.compile(
    r"\b(?:give|name|list|top|first|last|tell|show|state)\s+(?:me\s+|us\s+|the\s+)*\d+\b|\bin\s+\d+\s+(?:words|sentences|points)\b",
    re.IGNORECASE,
)
MAX_SHORT = 3
"""Words of a question that may all be names."""

MAX_CAPITALISED = 0.7
"""The share of capitalised words from which capital letters say nothing: a title, or text in capitals."""


@dataclass(frozen=True)
class Question:
    """A question; `terms` are its content words, `names`, `numbers` and `codes` those that match only themselves.

    `series` are words with the number after them that are codes: "error 4022".
    """

    text: str
    series: frozenset[str] = frozenset()

    def within(self, texts: Iterable[Iterable[str]]) -> "Question":
        """The question with the `series` that the tokenized `texts` contain."""
        return replace(self, series=self._possible_series & set(chain(*texts)))

    @cached_property
    def tokens(self) -> list[str]:
        """All tokens, in order."""
        return tokenize(self.text)

    @cached_property
    def terms(self) -> list[str]:
        """The distinct content words, without those that only say that it is a question."""
        # Words of other languages are English stop words at times, and the detected language may be wrong.
        ignored = STOP_WORDS | stop_words(detect(self.text))
        found = [token for token in dict.fromkeys(self.tokens) if not token.isupper() and token not in ignored]
        # The parts of a code are covered by the code.
        parts = self._parts_of_codes | (self._possible_series - self.series)
        words = [token for token in found if token not in parts][:MAX_TERMS]
        return [word for word in words if word not in _QUESTION_WORDS] or words

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of its turning words."""
        kinds = {token for token in self.tokens if token.isupper()}
        # "Isn't it so?" asks whether it is so.
        first = self.tokens[:2]
        return frozenset(kinds - {NOT} if NOT in first and first[0] in _YES_NO else kinds)

    @cached_property
    def codes(self) -> frozenset[str]:
        """Its codes."""
        codes = {token for token in self._anchored if is_code(token)}
        return frozenset(codes - (self._possible_series - self.series))

    @cached_property
    def _possible_series(self) -> frozenset[str]:
        """Words with the number after them, which are codes only if a text has them."""
        tokens = tokenize(self.text)
        return frozenset(
            token
            for token, number in pairwise(tokens)
            if number.isdecimal() and token.endswith(number) and token.removesuffix(number) in tokens
        )

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Its numbers, except those that are parts of codes or say how much to answer."""
        return frozenset(token for token in self._anchored if is_number(token) and token not in self._parts_of_codes)

    @cached_property
    def names(self) -> frozenset[str]:
        """Its proper names and abbreviations, in lower case."""
        return proper_names(self.text)

    @property
    def asks_for_definition(self) -> bool:
        """Whether a definition may answer it."""
        return _NOT_A_DEFINITION.isdisjoint(self.tokens)

    @property
    def is_yes_or_no(self) -> bool:
        """Whether yes or no answers it, so that a denial does too."""
        return bool(self.tokens) and self.tokens[0] in _YES_NO

    def is_about(self, texts: Sequence[Sequence[str]]) -> bool:
        """Whether the tokenized `texts` contain all that it names; a name and a number together in one of them."""
        known = [set(text) for text in texts]
        exact = self.codes | self.numbers
        if any(all(token not in text for text in known) for token in exact):
            return False
        if any(not any(is_known_name(name, text) for text in known) for name in self.names):
            return False
        if not all(any(_contains(text, first, last) for text in texts) for first, last in self._full_names):
            return False
        return not (exact and self.names) or any(
            exact <= text and all(is_known_name(name, text) for name in self.names) for text in known
        )

    @cached_property
    def _full_names(self) -> list[tuple[str, str]]:
        """The two words of each name such as "Thomas Huppert"."""
        pairs = _FULL_NAME.findall(normalize(self.text))
        return [
            (one.casefold(), two.casefold()) for one, two in pairs if {one.casefold(), two.casefold()} <= self.names
        ]

    @cached_property
    def _anchored(self) -> list[str]:
        return tokenize(_ASKED_QUANTITY.sub(" ", normalize(self.text)))

    @cached_property
    def _parts_of_codes(self) -> set[str]:
        """The tokens that belong to a code only: they follow it."""
        parts: set[str] = set()
        for place, token in enumerate(self.tokens):
            if token in self.codes:
                letters_and_digits = {*re.findall(r"[^\W\d_]+|\d+", token), token}
                following = self.tokens[place + 1 : place + 1 + len(letters_and_digits) + 1]
                parts |= {each for each in following if each in letters_and_digits and each != token}
        return parts


def _contains(tokens: Sequence[str], first: str, last: str) -> bool:
    """Whether `last` follows `first` in `tokens`, with an initial or a middle name between them at most."""
    places = [place for place, token in enumerate(tokens) if is_known_name(first, {token})]
    return any(is_known_name(last, set(tokens[place + 1 : place + 3])) for place in places)


def proper_names(text: str) -> frozenset[str]:
    """The words of the proper names and abbreviations in `text`, in lower case."""
    words = (word for name in _names(normalize(text)) for word in split_words(name.casefold()))
    # "Berger's" and "I'm" have parts that are no names.
    return frozenset(word for word in words if word not in STOP_WORDS)


def is_known_name(name: str, words: set[str]) -> bool:
    """Whether one of `words` is `name`, with another ending or one letter misspelt."""
    return name in words or any(_is_same_name(name, word) for word in words)


def _is_same_name(name: str, word: str) -> bool:
    shorter, longer = sorted((name, word), key=len)
    if longer.startswith(shorter) and len(shorter) >= MIN_SHARED_PREFIX and len(longer) - len(shorter) <= MAX_ENDING:
        return True
    return len(name) == len(word) >= 6 and sum(a != b for a, b in zip(name, word, strict=True)) == 1


def _names(text: str) -> list[str]:
    words = [found for found in _WORD.finditer(text) if found[0].casefold() not in STOP_WORDS]
    if len(text.split()) > MAX_SHORT and all(word[0].isupper() for word in _WORD.findall(text)):
        return []
    inner = [found[0] for found in words if found.start() and found[0].casefold() not in _TITLES]
    folded = set(split_words(text.casefold()))
    if len(inner) > 2 and sum(word[0].isupper() for word in inner) > MAX_CAPITALISED * len(inner):
        return []
    german = not folded.isdisjoint(_GERMAN)
    return [found[0] for found in words if _is_name(found[0], text[: found.start()], german=german)]


def _is_name(word: str, before: str, *, german: bool) -> bool:
    if word.casefold() in _TITLES:
        return False
    inner = any(map(str.isupper, word[1:]))
    if "-" in word and not word.isupper():
        # "Beer-Lambert" is a name, "Source-detector" and "near-infrared" are not.
        inner = False
    if word.isupper() and len(word) < MIN_ABBREVIATION:
        return False
    if inner:
        return True
    if not word[0].isupper() or len(word) < 2:
        return False
    return bool(_TITLE.search(before)) or not (german or _SENTENCE_START.search(before))


def foreign(codes: Iterable[str], asked: Iterable[str]) -> set[str]:
    """Those of `codes` that are of the same series as one of `asked`, and not asked for."""
    series = {shape_of(code) for code in asked}
    return {code for code in codes if shape_of(code) in series} - set(asked)
