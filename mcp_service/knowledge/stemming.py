"""Stems of words by language, and the other forms in which a word is found."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

import tantivy

STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
"""The languages that have a stemmer (Snowball's); words of others are used as they are."""

COMPOUNDING = frozenset({"da", "de", "fi", "hu", "nl", "no", "sv"})
"""Languages that write compounds as one word."""

MIN_COMPOUND = 8
MIN_PART = 3
"""Letters of a compound, and of each of its two parts."""

_HINDI_ENDING = re.compile("(?<=..)(?:ियों|ियाँ|ियां|ाओं|ाएँ|ाएं|ुओं|ों|ें|ीं|ाँ|ा|े|ी|ो|ि|ु|ू)$")
"""Inflections of Hindi nouns and adjectives (Ramanathan and Rao 2003, "A Lightweight Stemmer for Hindi")."""

_EXPANDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def stem(words: Sequence[str], language: str) -> list[str]:
    """The stem of each word, in order, without accents."""
    if language == "hi":
        words = [_HINDI_ENDING.sub("", word) for word in words]
    return _analyzer(STEMMERS.get(language)).analyze(" ".join(words))


def spellings(word: str) -> list[str]:
    """The word, and how it is written without umlauts: Größe and Groesse."""
    expanded = word.translate(_EXPANDED)
    return [word] if expanded == word else [word, expanded]


def compound_parts(word: str, language: str) -> Iterator[str]:
    """What may be the first or the last part of a compound: without a dictionary, every start and end of a word.

    Only real words are ever searched for, so that the others are never found.
    """
    if language in COMPOUNDING and len(word) >= MIN_COMPOUND:
        for cut in range(MIN_PART, len(word) - MIN_PART + 1):
            yield word[:cut]
            yield word[cut:]


@cache
def _analyzer(stemmer: str | None) -> tantivy.TextAnalyzer:
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(tantivy.Filter.ascii_fold())
    return (words.filter(tantivy.Filter.stemmer(stemmer)) if stemmer else words).build()
