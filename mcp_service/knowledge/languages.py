"""The language of a text, and its stop words."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Protocol, cast

import stopwordsiso
from py3langid import langid

from mcp_service.knowledge.stop_words import STOP_WORDS

DEFAULT = "en"
"""The language of a text that does not say: a number, a code, a single word."""

DETECTED = (
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id",
    "it", "ja", "ka", "km", "ko", "lo", "lt", "lv", "mr", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr",
    "sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh",
)  # fmt: skip
"""The languages to choose from, as ISO 639-1 codes; rarer ones would be mistaken for these more often than found."""

SAMPLE_CHARACTERS = 400
"""The start of a text that is looked at."""

MARGIN = 3.0
"""How much likelier than English another language must be, as a difference of log likelihoods: 20 times. A word or two
have less."""


class _Identifier(Protocol):
    nb_ptc: object
    nb_pc: object
    nb_classes: object
    tk_nextmove: object
    tk_output: object
    tk_row: object

    def set_languages(self, langs: Sequence[str]) -> None: ...

    def rank(self, text: str) -> list[tuple[str, float]]: ...


def detect(text: str) -> str:
    """The language of `text`, as an ISO 639-1 code; English if it is uncertain."""
    return _detect(text[:SAMPLE_CHARACTERS])


def load() -> None:
    """Load the detector, which takes half a second the first time."""
    _identifier()


@cache
def stop_words(language: str) -> frozenset[str]:
    """The stop words of a language, in lower case; none if there is no list."""
    if language == "en":
        return STOP_WORDS
    return frozenset(stopwordsiso.stopwords(language)) if stopwordsiso.has_lang(language) else frozenset()


@lru_cache(maxsize=8192)
def _detect(sample: str) -> str:
    if not any(map(str.isalpha, sample)):
        return DEFAULT
    ranked = _identifier().rank(sample)
    likelihoods = dict(ranked)
    best, likelihood = ranked[0]
    return best if likelihood - likelihoods[DEFAULT] > MARGIN else DEFAULT


@cache
def _identifier() -> _Identifier:
    model = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)  # pyright: ignore[reportUnknownMemberType]
    all_languages = cast("_Identifier", model)
    all_languages.set_languages(DETECTED)
    # A new one with the chosen languages' table: the other keeps that of all 142 too, 28 MB.
    chosen = langid.LanguageIdentifier(
        all_languages.nb_ptc,
        all_languages.nb_pc,
        all_languages.nb_classes,
        all_languages.tk_nextmove,
        all_languages.tk_output,
        tk_row=all_languages.tk_row,
    )
    return cast("_Identifier", chosen)
