"""From passages to the sentences that can be quoted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dynavera.contracts.mcp import GivenPassage

SHORTEST = 3
LONGEST = 120
"""Words of a sentence that is worth quoting."""

_ABBREVIATIONS = frozenset(
    {
        *("al", "approx", "ca", "cf", "dr", "e.g", "eg", "eq", "etc", "fig", "figs", "i.e", "ie", "inc", "mr", "mrs"),
        *("ms", "no", "nos", "p", "pp", "prof", "resp", "st", "vol", "vs"),
    }
)
_END = re.compile(r"[.!?。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]+")
_BLOCK = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+•]|\d+[.)])[ \t])|\n(?=[ \t]{0,3}#{1,6}[ \t])")
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t].*(?:\n|$)")
_REFERENCES = re.compile(r"^#{1,6}[ \t]+(?:references|bibliography|literature|further reading)\b", re.IGNORECASE)
_MARKER = re.compile(r"^[ \t]*(?:[-*+•]|\d+[.)]|>)[ \t]+")
_CODE = re.compile(r"^[ \t]*(```|~~~|\|)")
_LAST_WORD = re.compile(r"([^\s(]+)\.$")


@dataclass(frozen=True)
class Sentence:
    """A sentence as its passage has it, white space aside; `passage` is the passage's number, from 1."""

    passage: int
    position: int
    text: str


def sentences_of(passages: Sequence[GivenPassage]) -> list[Sentence]:
    """The sentences that can be quoted, in order: no headings, no tables, no code, no references, none twice."""
    told: dict[str, Sentence] = {}
    for number, passage in enumerate(passages, start=1):
        if _REFERENCES.match(passage.text):
            continue
        for position, text in enumerate(_sentences(passage.text)):
            told.setdefault(text.casefold(), Sentence(number, position, text))
    return list(told.values())


def _sentences(text: str) -> Iterator[str]:
    for block in _BLOCK.split(text):
        body = _HEADING.sub("", block)
        if _CODE.match(body):
            continue
        for sentence in _split(_MARKER.sub("", body)):
            words = sentence.split()
            if SHORTEST <= len(words) <= LONGEST:
                yield " ".join(words)


def _split(block: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(block):
        if not _goes_on(block[start : end.end()], block[end.end() :]):
            yield block[start : end.end()]
            start = end.end()
    yield block[start:]


def _goes_on(before: str, after: str) -> bool:
    """Whether the dot at the end of `before` only ends an abbreviation or an initial."""
    follows = after.lstrip()[:1]
    if follows.islower():
        return True
    last = _LAST_WORD.search(before)
    if last is None:
        return False
    word = last[1].casefold()
    return word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and bool(follows))
