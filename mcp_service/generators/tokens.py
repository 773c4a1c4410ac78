"""Splits text into words, numbers, units, codes, and words that turn a meaning.

A token is a word in lower case, or one of those that match only themselves:

- a number, `1000` for "1,000" and "1000", `0.5` for "0,5";
- a number with its unit, `5mg` for "5 mg", "5mg" and "5 milligrams";
- a code, without its separators between letters and digits: `err4022` for "ERR-4022", "ERR 4022" and "err_4022"; its
  parts follow it;
- a kind of turning word, in capitals: `NOT` for "not", "never" and "nicht".
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from mcp_service.generators.turning_words import DENIALS, kind_of, kinds_in_scripts_without_spaces
from mcp_service.generators.words import split_words
from mcp_service.knowledge.stop_words import STOP_WORDS

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_APOSTROPHES = str.maketrans("’ʼ", "''")
_CHUNK = re.compile(r"[^\W_]+(?:[-_./:#,'][^\W_]+)*[%‰]?")
_CANNOT = re.compile(r"\bcan(?:'t|not)\b", re.IGNORECASE)
_NOT_SUFFIX = re.compile(r"(?<=\w)n't\b", re.IGNORECASE)
_OUT_OF = re.compile(r"\bout of (?=reach\b|range\b|order\b|stock\b|service\b|scope\b)", re.IGNORECASE)
_NOT_NEGATED = re.compile(r"\bnot only\b|\bor not\b|\bno\.\s*(?=\d)|\bno\s+(?=\d)", re.IGNORECASE)
_GROUPED = re.compile(r"[1-9]\d{0,2}([.,'])\d{3}(?:\1\d{3})*")
_DECIMAL = re.compile(r"\d+[.,]\d+")
_DIGITS_AND_UNIT = re.compile(r"(?P<number>\d+(?:[.,]\d+)?)-?(?P<rest>[^\W\d_]+|[%‰])")
_SEPARATORS = re.compile(r"[-_./:#,']+")
_PATH_SEPARATORS = re.compile(r"[/:#,]+")
_LETTER_TO_DIGIT = re.compile(r"(?<=[^\W\d_])-(?=\d)|(?<=\d)-(?=[^\W\d_])")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_RUN = re.compile(r"(?P<letters>[^\W\d_]+)|\d+")

_UNITS = {
    unit: names.split()[0]
    for names in (
        "mm millimetre millimetres millimeter millimeters",
        "cm centimetre centimetres centimeter centimeters",
        "m metre metres meter meters",
        "km kilometre kilometres kilometer kilometers",
        "nm nanometre nanometres nanometer nanometers",
        "µm um micrometre micrometres micrometer micrometers",
        "mg milligram milligrams",
        "µg ug mcg microgram micrograms",
        "g gram grams",
        "kg kilogram kilograms",
        "ml millilitre millilitres milliliter milliliters",
        "l litre litres liter liters",
        "ms millisecond milliseconds",
        "s sec second seconds sekunde sekunden",
        "min minute minutes minuten",
        "h hour hours stunde stunden",
        "hz hertz",
        "khz kilohertz",
        "mhz megahertz",
        "ghz gigahertz",
        "v volt volts",
        "mv millivolt millivolts",
        "kv kilovolt kilovolts",
        "ma milliampere milliamperes",
        "w watt watts",
        "kw kilowatt kilowatts",
        "bar",
        "mbar millibar",
        "pa pascal",
        "kpa kilopascal",
        "mpa megapascal",
        "t tesla",
        "% percent prozent",
        "kb kilobyte kilobytes",
        "mb megabyte megabytes",
        "gb gigabyte gigabytes",
        "kib kibibyte",
        "mib mebibyte",
        "gib gibibyte",
        "rpm",
        "ppm",
        "db decibel",
        "°c celsius",
        "°f fahrenheit",
        "€ eur euro euros",
        "$ usd dollar dollars",
    )
    for unit in names.split()
}

_MAX_PREFIX = 12
"""Letters of a word that can belong to the number after it, as in "error 4022"."""


def tokenize(text: str) -> list[str]:
    """The tokens of `text` in order, with repetitions."""
    return list(_tokens(normalize(text)))


def normalize(text: str) -> str:
    """`text` in compatibility forms, with plain hyphens and apostrophes, and without invisible characters."""
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES).translate(_APOSTROPHES)
    visible = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    return _OUT_OF.sub("not ", _NOT_NEGATED.sub(" ", _NOT_SUFFIX.sub(" not", _CANNOT.sub("can not", visible))))


def is_exact(token: str) -> bool:
    """Whether it matches only itself: a number, a code, or a kind of turning word."""
    return token.isupper() or bool(_DIGIT.search(token)) or "-" in token


def is_number(token: str) -> bool:
    """Whether it is a plain number."""
    return token.replace(".", "", 1).isdecimal()


def is_code(token: str) -> bool:
    """Whether it is a code: letters with digits, digits with separators, or words with underscores."""
    if "-" in token:
        return True
    return bool(_DIGIT.search(token) and _LETTER.match(token))


def shape_of(code: str) -> str:
    """What codes of one series share: `err9` for `err4022`, `px9a` for `px722e`."""
    runs = list(_RUN.finditer(code))
    first, *rest = [run["letters"] for run in runs] or [""]
    return "".join([first or "9", *("a" if letters else "9" for letters in rest)])


def _tokens(text: str) -> Iterator[str]:
    yield from kinds_in_scripts_without_spaces(text)
    before = ""
    for found in _CHUNK.finditer(text):
        chunk = found[0]
        tokens = list(_chunk_tokens(chunk))
        number = tokens[0] if tokens and is_number(tokens[0]) else ""
        unit = _UNITS.get(chunk.lower(), _UNITS.get(chunk.casefold(), ""))
        if unit and is_number(before):
            yield f"{before}{unit}"
        if number and _is_series(before, chunk):
            yield f"{before.casefold()}{number}"
        yield from tokens
        before = number or chunk


def _is_series(before: str, chunk: str) -> bool:
    """Whether word and number may be a name, such as "error 4022" or "ERR 4022"."""
    return before.isalpha() and len(before) <= _MAX_PREFIX and chunk.isdecimal() and before.casefold() not in STOP_WORDS


def _chunk_tokens(chunk: str) -> Iterator[str]:
    folded = chunk.casefold()
    if not _DIGIT.search(folded) and "_" not in folded:
        for word in split_words(folded):
            yield kind_of(word) or word
        return
    if _GROUPED.fullmatch(folded):
        yield re.sub(r"\D", "", folded)
    elif folded.isdecimal():
        yield folded
    elif _DECIMAL.fullmatch(folded):
        yield folded.replace(",", ".")
    elif quantity := _DIGITS_AND_UNIT.fullmatch(folded):
        number, rest = quantity["number"].replace(",", "."), quantity["rest"]
        yield from (number, f"{number}{_UNITS.get(rest, rest)}", rest)
    else:
        yield _LETTER_TO_DIGIT.sub("", _SEPARATORS.sub("-", folded))
        pieces = [piece for piece in _PATH_SEPARATORS.split(chunk) if piece]
        for piece in pieces if len(pieces) > 1 else ():
            yield from _chunk_tokens(piece)
        if len(pieces) == 1:
            yield from (part for part in _SEPARATORS.split(folded) if part)


def negated(tokens: Sequence[str], reach: int = 3) -> set[str]:
    """The tokens that follow a denial within `reach`."""
    places = [place for place, token in enumerate(tokens) if token in DENIALS]
    return {token for place in places for token in tokens[place + 1 : place + 1 + reach]}
