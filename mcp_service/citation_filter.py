"""Removes citations of passages that do not exist from an answer while it is streamed.

A citation is [3], [1, 3] or [2-4]: numbers of at most three digits. Valid numbers stay: [1, 9] becomes [1], and [2-9]
of four passages becomes [2-4]. The spaces before a removed citation are removed too.

Whatever may not be a citation stays: code, between backticks or fences; an index such as `a[10]`; an interval with a
zero, [0, 1]; the text of a link, [7](https://…); escaped brackets.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mcp_service.markdown_code import CodeTracker

MAX_LENGTH = 40
"""Characters of a citation; up to so many are held back until it is complete."""

CHUNK_SIZE = 1_000
MAX_NAMED = 5

_ITEM = r" *\d{1,3}(?: *[-–—] *\d{1,3})? *"
_START = re.compile(r"(?<![ \t])[ \t]*\[|(?<![ \t])[ \t]+\Z")
_WHOLE = re.compile(rf"(?P<space>[ \t]*)\[(?P<numbers>{_ITEM}(?:[,;]{_ITEM})*)\]")
_INCOMPLETE = re.compile(rf"[ \t]*(?:\[(?:{_ITEM}[,;])*(?: *| *\d{{1,3}} *(?:[-–—] *\d{{0,3}} *)?))?")
_WORD = re.compile(r"\w+\Z")
_RANGE = re.compile(r"\s*(\d+)(?:\s*[-–—]\s*(\d+))?\s*")


def strip_citations(text: str) -> str:
    """`text` without its citations: the numbers in a quoted passage refer to its own sources."""
    citations = Citations(passages=0)
    return citations.feed(text) + citations.flush()


def removal_note(numbers: Sequence[int]) -> str:
    """The log's note on citations that were removed."""
    if len(numbers) == 1:
        return f"Removed a citation of passage {numbers[0]}, which does not exist."
    if len(numbers) > MAX_NAMED:
        return f"Removed citations of {len(numbers)} passages that do not exist."
    named = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return f"Removed citations of passages {named}, which do not exist."


@dataclass
class Citations:
    """An answer in chunks, split anywhere: its text without invalid citations, and the numbers that were removed."""

    passages: int
    removed: list[int] = field(default_factory=list[int])
    _held: str = ""
    _tail: str = ""
    _code: CodeTracker = field(default_factory=CodeTracker)
    _after_citation: bool = False
    _skip_space: bool = False

    def skip(self, text: str) -> None:
        """Continue after `text`, which was published before."""
        self._advance(text)

    def feed(self, chunk: str) -> str:
        """The text that is decided with this chunk; a few characters that may be a citation are held back."""
        decided: list[str] = []
        for start in range(0, len(chunk), CHUNK_SIZE):
            self._held += chunk[start : start + CHUNK_SIZE]
            decided += self._decide(at_end=False)
        return "".join(decided)

    def flush(self) -> str:
        """What is still held back at the end of the text."""
        return "".join(self._decide(at_end=True))

    def _decide(self, *, at_end: bool) -> Iterator[str]:
        while self._held:
            if self._skip_space and not self._held.lstrip(" \t"):
                self._held = ""
                return
            if self._skip_space:
                self._held, self._skip_space = self._held.lstrip(" \t"), False
            start = _START.search(self._held)
            yield self._take(len(self._held) if start is None else start.start())
            if start is None:
                return
            whole = None if self._code.inside else _WHOLE.match(self._held)
            if whole is not None and (at_end or whole.end() < len(self._held) or self._is_valid(whole)):
                yield self._resolve(whole)
            elif not at_end and not self._code.inside and self._may_become_citation(whole):
                return
            else:
                yield self._take(start.end() - start.start())

    def _is_valid(self, found: re.Match[str]) -> bool:
        return all(1 <= first <= last <= self.passages for first, last in _ranges(found["numbers"]))

    def _may_become_citation(self, whole: re.Match[str] | None) -> bool:
        return len(self._held) <= MAX_LENGTH and (whole is not None or bool(_INCOMPLETE.fullmatch(self._held)))

    def _take(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        self._advance(text)
        return text

    def _advance(self, text: str) -> None:
        if text:
            self._code.feed(text)
            self._tail = (self._tail + text)[-MAX_LENGTH:]
            self._after_citation = False

    def _resolve(self, found: re.Match[str]) -> str:
        """The text that replaces a bracket with numbers."""
        is_valid = self._is_valid(found)
        # The next character decides only about an invalid citation, and may not have arrived yet.
        follows = "" if is_valid else self._held[found.end() :][:1]
        numbers = _numbers(found["numbers"]) if self._is_citation(found["space"], follows) else []
        if is_valid or not numbers:
            taken = self._take(found.end())
            self._after_citation = bool(numbers)
            return taken
        invalid = [number for number in numbers if not 1 <= number <= self.passages]
        self.removed += [number for number in invalid if number not in self.removed]
        kept = "" if len(invalid) == len(numbers) else found["space"] + _valid_part(found["numbers"], self.passages)
        self._held = kept + self._held[found.end() :]
        self._skip_space = not kept and (not self._tail or self._tail.endswith("\n"))
        taken = self._take(len(kept))
        self._after_citation = True
        return taken

    def _is_citation(self, space: str, follows: str) -> bool:
        if follows == "(" or self._tail.endswith("\\"):
            return False
        before = "" if space or self._after_citation else self._tail[-1:]
        if before == "]":
            return False
        word = _WORD.search(self._tail) if before else None
        # "activity[7]" is a citation without its space, "a[7]" and "list_2[7]" are not.
        return word is None or (len(word[0]) > 2 and word[0].isalpha())


def _numbers(text: str) -> list[int]:
    """The cited numbers; none where it is not a citation: a descending range, a zero among others."""
    numbers: list[int] = []
    for first, last in _ranges(text):
        if last < first:
            return []
        numbers += range(first, last + 1)
    return [] if 0 in numbers and len(numbers) > 1 else numbers


def _valid_part(text: str, passages: int) -> str:
    """The citation, reduced to passages that exist."""
    kept = [(max(first, 1), min(last, passages)) for first, last in _ranges(text) if first <= passages]
    return f"[{', '.join(str(first) if first == last else f'{first}-{last}' for first, last in kept)}]"


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    for part in re.split(r"[,;]", text):
        if found := _RANGE.fullmatch(part):
            yield int(found[1]), int(found[2] or found[1])
