"""Citations in an answer, read while it is written: those of passages that were not given are left out.

A citation is [3], [1, 3] or [2-4]: numbers of at most three digits. Of several, those that were given stay: [1, 9]
becomes [1], and [2-9] of four passages becomes [2-4]. The spaces before one that goes, go with it.

What is not surely a citation stays as it is: whatever is code, between backticks or fences; an index such as `a[10]`;
an interval with a zero, [0, 1]; the text of a link, [7](https://…); and what is escaped.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mcp_service.code_marks import CodeMarks

LONGEST = 40
"""Characters of a citation; it is not known before its end, and is held back until then."""

READ_AT_ONCE = 1_000
MOST_NAMED = 5

_ITEM = r" *\d{1,3}(?: *[-–—] *\d{1,3})? *"
_START = re.compile(r"(?<![ \t])[ \t]*\[|(?<![ \t])[ \t]+\Z")
_WHOLE = re.compile(rf"(?P<space>[ \t]*)\[(?P<numbers>{_ITEM}(?:[,;]{_ITEM})*)\]")
_BEGUN = re.compile(rf"[ \t]*(?:\[(?:{_ITEM}[,;])*(?: *| *\d{{1,3}} *(?:[-–—] *\d{{0,3}} *)?))?")
_WORD = re.compile(r"\w+\Z")
_RANGE = re.compile(r"\s*(\d+)(?:\s*[-–—]\s*(\d+))?\s*")


def without_citations(text: str) -> str:
    """`text` without its citations: those of a passage mean nothing in an answer."""
    citations = Citations(given=0)
    return citations.read(text) + citations.rest()


def remark_on(numbers: Sequence[int]) -> str:
    """What people are told of citations that were left out."""
    if len(numbers) == 1:
        return f"A citation of passage {numbers[0]}, which was not given, was left out."
    if len(numbers) > MOST_NAMED:
        return f"Citations of {len(numbers)} passages that were not given were left out."
    named = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return f"Citations of passages {named}, which were not given, were left out."


@dataclass
class Citations:
    """An answer that comes in pieces, cut anywhere; what is sure of it, and which passages it wrongly cited."""

    given: int
    left_out: list[int] = field(default_factory=list[int])
    _held: str = ""
    _tail: str = ""
    _code: CodeMarks = field(default_factory=CodeMarks)
    _after_citation: bool = False
    _drops_space: bool = False

    def resume(self, text: str) -> None:
        """Go on after `text`, which has been read before."""
        self._pass(text)

    def read(self, piece: str) -> str:
        """What is sure with this piece; a few characters that may be a citation are held back."""
        sure: list[str] = []
        for start in range(0, len(piece), READ_AT_ONCE):
            self._held += piece[start : start + READ_AT_ONCE]
            sure += self._sure(at_end=False)
        return "".join(sure)

    def rest(self) -> str:
        """What was still held back: nothing more comes."""
        return "".join(self._sure(at_end=True))

    def _sure(self, *, at_end: bool) -> Iterator[str]:
        while self._held:
            if self._drops_space and not self._held.lstrip(" \t"):
                self._held = ""
                return
            if self._drops_space:
                self._held, self._drops_space = self._held.lstrip(" \t"), False
            start = _START.search(self._held)
            yield self._take(len(self._held) if start is None else start.start())
            if start is None:
                return
            whole = None if self._code.inside else _WHOLE.match(self._held)
            if whole is not None and (at_end or whole.end() < len(self._held) or self._is_right(whole)):
                yield self._resolved(whole)
            elif not at_end and not self._code.inside and self._may_become_one(whole):
                return
            else:
                yield self._take(start.end() - start.start())

    def _is_right(self, found: re.Match[str]) -> bool:
        return all(1 <= first <= last <= self.given for first, last in _ranges(found["numbers"]))

    def _may_become_one(self, whole: re.Match[str] | None) -> bool:
        return len(self._held) <= LONGEST and (whole is not None or bool(_BEGUN.fullmatch(self._held)))

    def _take(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        self._pass(text)
        return text

    def _pass(self, text: str) -> None:
        if text:
            self._code.read(text)
            self._tail = (self._tail + text)[-LONGEST:]
            self._after_citation = False

    def _resolved(self, found: re.Match[str]) -> str:
        """What becomes of a bracket with numbers."""
        is_right = self._is_right(found)
        # What comes after it matters only to one that would go, and may not have come yet.
        follows = "" if is_right else self._held[found.end() :][:1]
        numbers = _numbers(found["numbers"]) if self._is_citation(found["space"], follows) else []
        if is_right or not numbers:
            taken = self._take(found.end())
            self._after_citation = bool(numbers)
            return taken
        wrong = [number for number in numbers if not 1 <= number <= self.given]
        self.left_out += [number for number in wrong if number not in self.left_out]
        kept = "" if len(wrong) == len(numbers) else found["space"] + _without(found["numbers"], self.given)
        self._held = kept + self._held[found.end() :]
        self._drops_space = not kept and (not self._tail or self._tail.endswith("\n"))
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
    """The numbers that are cited; none where it is no citation: a range that falls, a zero among others."""
    numbers: list[int] = []
    for first, last in _ranges(text):
        if last < first:
            return []
        numbers += range(first, last + 1)
    return [] if 0 in numbers and len(numbers) > 1 else numbers


def _without(text: str, given: int) -> str:
    """The citation of those that were given."""
    kept = [(max(first, 1), min(last, given)) for first, last in _ranges(text) if first <= given]
    return f"[{', '.join(str(first) if first == last else f'{first}-{last}' for first, last in kept)}]"


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    for part in re.split(r"[,;]", text):
        if found := _RANGE.fullmatch(part):
            yield int(found[1]), int(found[2] or found[1])
