"""Words that were divided at the end of a line."""

import re

_DIVIDED = re.compile(r"(\w+)(?:[\ufffe\x02]|(?:[-‐]|\u00ad)\n)(?=(\w+))")
_REST = re.compile(r"[\ufffe\x02]|\u00ad\n?")

_HYPHENATED = frozenset(
    {"well", "self", "non", "ex", "half", "high", "low", "full", "long", "short", "cross", "all", "quasi", "multi"}
)
"""First parts of words that are mostly written with a hyphen."""


def join_divided_words(text: str) -> str:
    """`text` with its divided words in one piece; U+FFFE, with which PDFium marks the place, is removed too.

    A hyphen stays beside digits and capitals, and where the text writes the word with it elsewhere.
    """
    if not _REST.search(text) and "-\n" not in text and "‐\n" not in text:
        return text
    whole = {word.lower() for word in re.findall(r"\w+(?:-\w+)*", text)}
    return _REST.sub("", _DIVIDED.sub(lambda found: _joined(found, whole), text))


def _joined(found: re.Match[str], words: set[str]) -> str:
    first, second = found[1], found[2]
    if "\u00ad" in found[0] and found[0].endswith("\u00ad\n"):
        return first
    with_hyphen = f"{first}-{second}".lower() in words
    joined = f"{first}{second}".lower() in words
    divides_word = first[-1].isalpha() and second[0].islower() and not any(map(str.isdigit, first))
    if with_hyphen or not divides_word or (first.lower() in _HYPHENATED and not joined):
        return f"{first}-"
    return first
