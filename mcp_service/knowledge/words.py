"""The words and codes of texts and questions, as the lexical index stores them."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from mcp_service.knowledge import languages
from mcp_service.knowledge.stemming import compound_parts, spellings, stem

MAX_WORD_CHARACTERS = 60
"""Longer words are not indexed: they are encoded data."""

MAX_WORDS_WITH_PHRASES = 16
"""Words of a question whose quotations are phrases to search for; a paragraph quotes many things in passing."""

IDEOGRAPHS, VARIATION_SELECTORS = 0x20000, range(0xE0100, 0xE01F0)
"""The first code above all digits and marks but these. Looking through the rest took 0.2 s of every start."""

MAX_INNER_PARTS = 6
"""The parts of a code that are indexed together, if they are not all of it."""


@dataclass(frozen=True)
class Words:
    """The words of a text: in order and stemmed; other forms of them; its codes, whole and as parts of longer ones.

    Codes are written as their parts with underscores: `BX-117`, `bx117` and `BX/117` are all `bx_117`.
    """

    language: str
    stems: list[str]
    forms: list[str]
    codes: list[str]
    inner_codes: list[str]


@dataclass(frozen=True)
class Question:
    """The content words of a question, or all if it has no others; its codes, and its quoted phrases as words."""

    words: list[str]
    codes: list[str]
    phrases: list[list[str]]


def normalize(text: str) -> str:
    """`text` without differences that its readers do not see or mean.

    Compatible and composed characters are the same (NFKC), as are all hyphens and the digits of all scripts. Invisible
    characters and the vowel marks of Arabic and Hebrew are left out.
    """
    if text.isascii():
        return text
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_SAME)


def read_text(text: str) -> Words:
    """The words and codes of a text."""
    normal = normalize(text)
    found = Words(languages.detect(text), [], [], [], [])
    words: list[str] = []
    for piece in _PIECE.finditer(normal):
        if piece.lastgroup == "chunk":
            parts = _parts(piece[0])
            words += _words_of(piece[0])
            if len(parts) > 1:
                found.codes.append("_".join(parts))
                found.inner_codes.extend(_inner(parts))
        else:
            words += _units(piece)
            found.forms.extend(_IDEOGRAPH.findall(piece[0]))
    # "ISO 9001" is also written "ISO-9001".
    found.inner_codes.extend("_".join(_parts(match[0])) for match in _SPACED_CODE.finditer(normal))
    found.stems.extend(stem(words, found.language))
    found.forms.extend(_other_forms(words, found.language))
    return found


def read_question(question: str) -> Question:
    """The words, codes and quoted phrases of a question."""
    normal = normalize(question)
    chunks = [piece[0] for piece in _PIECE.finditer(normal) if piece.lastgroup == "chunk"]
    spaced = [match[0] for match in _SPACED_CODE.finditer(normal)]
    codes = [chunk for chunk in [*chunks, *spaced] if len(_parts(chunk)) > 1 and _is_code(chunk)]
    quoted = (next(filter(None, match.groups())) for match in _QUOTED.finditer(normal))
    language = languages.detect(question)
    stop_words = languages.stop_words(language)
    words = split_words(_unspaced_stop_words(language).sub(" ", normal))
    content = [word for word in words if word not in stop_words]
    content = list(dict.fromkeys(content or split_words(normal)))
    return Question(
        words=content,
        codes=list(dict.fromkeys("_".join(_parts(chunk)) for chunk in codes)),
        phrases=[
            words for phrase in quoted if (words := split_words(phrase)) and len(content) <= MAX_WORDS_WITH_PHRASES
        ],
    )


def split_words(normal: str) -> list[str]:
    """The words of a normalized text, in order. Without blanks between them, pairs of characters are words."""
    return [
        word
        for piece in _PIECE.finditer(normal)
        for word in (_words_of(piece[0]) if piece.lastgroup == "chunk" else _units(piece))
    ]


def _units(piece: re.Match[str]) -> list[str]:
    if piece.lastgroup == "korean":
        return _pairs(_without_particle(piece[0]))
    return _pairs(_CLUSTER.findall(piece[0]))


def _pairs(characters: Sequence[str]) -> list[str]:
    return [first + second for first, second in pairwise(characters)] or list(characters)


def _without_particle(word: str) -> str:
    particle = _PARTICLE.search(word)
    return word[: particle.start()] if particle else word


def _other_forms(words: Sequence[str], language: str) -> Iterator[str]:
    forms = [form for word in words for form in (*spellings(word)[1:], *compound_parts(word, language))]
    yield from stem(forms, language) if forms else ()


@cache
def _unspaced_stop_words(language: str) -> re.Pattern[str]:
    """The stop words of a script without blanks; single characters are too often parts of words."""
    found = [word for word in languages.stop_words(language) if len(word) > 1 and _UNSPACED.fullmatch(word)]
    if not found:
        return _NOTHING
    longest_first = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
    return re.compile(f"{longest_first}|{_PARTICLES_BETWEEN}")


def _words_of(chunk: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(chunk) if len(word) <= MAX_WORD_CHARACTERS]


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
    codes = [
        code
        for code in (*range(0x300, IDEOGRAPHS), *VARIATION_SELECTORS)
        if unicodedata.category(chr(code)).startswith("M")
    ]
    starts = [codes[0]] + [code for before, code in pairwise(codes) if code > before + 1]
    ends = [before for before, code in pairwise(codes) if code > before + 1] + [codes[-1]]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


def _same_characters() -> dict[int, str]:
    """Characters that stand for others: hyphens, digits of all scripts, and variants of letters."""
    digits = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(0x80, IDEOGRAPHS)
        if unicodedata.category(chr(code)) == "Nd"
    }
    hyphens = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")
    arabic = dict(zip(map(ord, "أإآٱىیک٫٬"), "ااااييك.,", strict=True))
    cyrillic = {ord("ё"): "е", ord("Ё"): "Е"}
    return digits | hyphens | arabic | cyrillic


_INVISIBLE = re.compile(
    "[\u00ad\u034f\u0591-\u05c7\u0640\u064b-\u065f\u0670\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufe00-\ufe0f\ufeff]"
)
"""Soft hyphens, characters without width, marks of direction, vowel marks, and variation selectors."""

_SAME = _same_characters()
_MARKS = _class_of_marks()

_UNSPACED_LETTERS = "々〆぀-ヿㇰ-ㇿ㐀-䶿一-鿿\uf900-\ufaff\U00020000-\U0003ffff฀-๎຀-໿က-႟ក-៓"
"""Chinese, Japanese, Thai, Lao, Burmese and Khmer."""

_HANGUL = "ᄀ-ᇿ㄰-㆏가-힣"
_LETTERS = rf"(?:[^\W_{_UNSPACED_LETTERS}{_HANGUL}]|[{_MARKS}])"
_WORD = re.compile(rf"{_LETTERS}+")
_UNSPACED = re.compile(rf"[{_UNSPACED_LETTERS}]+")
_IDEOGRAPH = re.compile("[㐀-䶿一-鿿\uf900-\ufaff\U00020000-\U0003ffff]")
_PIECE = re.compile(
    rf"(?P<unspaced>[{_UNSPACED_LETTERS}]+)|(?P<korean>[{_HANGUL}]+)"
    rf"|(?P<chunk>#?{_LETTERS}+(?:[-_./:#]{{1,3}}{_LETTERS}+)*(?:#|\+\+)?)"
)
_CLUSTER = re.compile(rf"[^{_MARKS}][{_MARKS}]*")
_PART = re.compile(rf"\d+|(?:[^\W\d_]|[{_MARKS}])+|#|\+\+")
_SPACED_CODE = re.compile(r"\b[A-Z]{1,6}[  ]\d+[A-Z]?\b")
_QUANTITY = re.compile(r"\d+(?:[.,:]\d+)?[^\W\d_]{0,3}|\d+(?:-\d+)?[^\W\d_]{0,3}")
_QUOTED = re.compile(r'"([^"]+)"|“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|»([^«»]+)«|「([^「」]+)」|『([^『』]+)』')

_PARTICLE = re.compile(
    "(?<=.)(?:은|는|을|를|에서|에게|에는|으로|부터|까지|입니까|입니다|인가요|인가|이란|이라|처럼|보다|하고|하는|하여|한다|합니다|했다|되는|된다"
    "|됩니다|됩니까|있는|에서는|으로는|이나|께서|한테|의)$|(?<=..)(?:이|가|도|로|만|에|와|과|나|요|란|라|한|할|된|될)$"
)
"""What follows a Korean noun or verb. Single syllables that are also parts of words are kept after a single one."""

_PARTICLES_BETWEEN = "(?<=[一-鿿々ァ-ヺー])[はがをのにでとも]|的|是|吗|呢|嗎"
"""Particles of Japanese and Chinese that are parts of few words."""

_NOTHING = re.compile(r"(?!)")
