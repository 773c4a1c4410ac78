"""The words and codes of texts and questions, as the lexical index stores them."""

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

MAX_WORD_CHARACTERS = 60
"""Longer words are not indexed: they are encoded data."""

MAX_INNER_PARTS = 6
"""The parts of a code that are indexed together, if they are not all of it."""


@dataclass(frozen=True)
class Words:
    """The words of a text in order, its codes as wholes, and the codes that are part of longer ones.

    Codes are written as their parts with underscores: `BX-117`, `bx117` and `BX/117` are all `bx_117`.
    """

    words: list[str]
    codes: list[str]
    inner_codes: list[str]


@dataclass(frozen=True)
class Question:
    """The words of a question in order, its codes, and its quoted phrases."""

    words: list[str]
    codes: list[str]
    phrases: list[list[str]]


def normalize(text: str) -> str:
    """`text` without the differences in encoding that readers cannot see: composed, compatible, nothing invisible."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text.translate(_HYPHENS)))


def read_text(text: str) -> Words:
    """The words and codes of a text."""
    found = Words([], [], [])
    normal = normalize(text)
    for chunk in _chunks(normal):
        parts = _parts(chunk)
        found.words.extend(map(str.casefold, _words_of(chunk)))
        if len(parts) > 1:
            found.codes.append("_".join(parts))
            found.inner_codes.extend(_inner(parts))
    # "ISO 9001" is also written "ISO-9001".
    found.inner_codes.extend("_".join(_parts(match[0])) for match in _SPACED_CODE.finditer(normal))
    return found


def read_question(question: str) -> Question:
    """The words, codes and quoted phrases of a question."""
    normal = normalize(question)
    chunks = list(_chunks(normal))
    spaced = [match[0] for match in _SPACED_CODE.finditer(normal)]
    codes = [chunk for chunk in [*chunks, *spaced] if len(_parts(chunk)) > 1 and _is_code(chunk)]
    quoted = (next(filter(None, match.groups())) for match in _QUOTED.finditer(normal))
    phrases = [words for phrase in quoted if (words := read_text(phrase).words)]
    return Question(
        words=[word.casefold() for chunk in chunks for word in _words_of(chunk)],
        codes=list(dict.fromkeys("_".join(_parts(chunk)) for chunk in codes)),
        phrases=phrases,
    )


def _chunks(text: str) -> Iterator[str]:
    return (match[0] for match in _CHUNK.finditer(text))


def _words_of(chunk: str) -> list[str]:
    return [word for word in _WORD.findall(chunk) if len(word) <= MAX_WORD_CHARACTERS]


def _parts(chunk: str) -> list[str]:
    """The parts of a code: words and numbers, and the sign of `#42`, `C#` or `C++`."""
    parts = [part.casefold() for part in _PART.findall(chunk)]
    if sum(map(len, parts)) > MAX_WORD_CHARACTERS:
        return []
    without_signs = [part for part in parts if part not in {"#", "++"}]
    return without_signs if len(without_signs) > 1 else parts


def _inner(parts: list[str]) -> Iterator[str]:
    for length in range(2, min(len(parts) - 1, MAX_INNER_PARTS) + 1):
        for start in range(len(parts) - length + 1):
            yield "_".join(parts[start : start + length])


def _is_code(chunk: str) -> bool:
    """Whether several parts name one thing, as `BX-117`, `user_id` and `1.2.3` do, but `1.5`, `20mm`,
    `well-known` and `and/or` do not.

    As a code, a hyphenated word would rank its other spelling lower, which is worse on every collection measured.
    """
    if _QUANTITY.fullmatch(chunk):
        return False
    if any(map(str.isdigit, chunk)) or any(sign in chunk for sign in ("_", "#", "++", "::")):
        return True
    words = _WORD.findall(chunk)
    if "-" in chunk:
        return all(word.isupper() for word in words)
    return ("." in chunk and all(len(word) > 1 for word in words)) or chunk.count("/") > 1


def _class_of_marks() -> str:
    """The combining marks, which belong to words and are not among Python's `\\w`, as ranges of a character class."""
    codes = [code for code in range(0x300, sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith("M")]
    starts = [codes[0]] + [code for before, code in pairwise(codes) if code > before + 1]
    ends = [before for before, code in pairwise(codes) if code > before + 1] + [codes[-1]]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


_INVISIBLE = re.compile("[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
"""Soft hyphens, characters without width, marks of direction, and variation selectors."""

_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-")

_MARKS = _class_of_marks()
_LETTERS = rf"(?:[^\W_]|[{_MARKS}])"
_WORD = re.compile(rf"{_LETTERS}+")
_CHUNK = re.compile(rf"#?{_LETTERS}+(?:[-_./:#]{{1,3}}{_LETTERS}+)*(?:#|\+\+)?")
_PART = re.compile(rf"\d+|(?:[^\W\d_]|[{_MARKS}])+|#|\+\+")
_SPACED_CODE = re.compile(r"\b[A-Z]{1,6}[  ]\d+[A-Z]?\b")
_QUANTITY = re.compile(r"\d+(?:[.,:]\d+)?[^\W\d_]{0,3}|\d+(?:-\d+)?[^\W\d_]{0,3}")
_QUOTED = re.compile(r'"([^"]+)"|“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|»([^«»]+)«|「([^「」]+)」|『([^『』]+)』')
