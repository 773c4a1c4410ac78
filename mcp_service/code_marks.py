"""Which part of a Markdown text is code, told while the text is read."""

import re

LOOKED_AT = 80
"""Characters of a line that can tell whether it is a fence."""

_FENCE = re.compile(r"[ \t]*(?:(?:[-*+>]|\d+[.)])[ \t]+)*(?:(?P<ticks>`{3,})[^`]*|(?P<tildes>~{3,}).*)")
_END = re.compile(r"[ \t>]*(?P<marks>`{3,}|~{3,})\s*")


class CodeMarks:
    """Reads a text in pieces, cut anywhere; `inside` says whether what follows is code.

    A code span ends with as many backticks as it began with, and with its paragraph at the latest; a block ends with a
    line of its own marks.
    """

    def __init__(self) -> None:
        self._line = ""
        self._fence = ""
        self._span = 0
        self._ticks = 0

    @property
    def inside(self) -> bool:
        """Whether what follows is code, if it is no backtick."""
        if self._fence or _FENCE.fullmatch(self._line):
            return True
        return bool(self._ticks or self._span) and self._ticks != self._span

    def read(self, text: str) -> None:
        """Go on with `text`."""
        for sign in text:
            self._read(sign)

    def _read(self, sign: str) -> None:
        if sign == "`":
            self._ticks += 1
        elif self._ticks:
            self._end_of_ticks()
        if sign == "\n":
            self._end_of_line()
        elif len(self._line) < LOOKED_AT:
            self._line += sign

    def _end_of_ticks(self) -> None:
        if not self._fence and not _FENCE.fullmatch(self._line):
            if not self._span:
                self._span = self._ticks
            elif self._span == self._ticks:
                self._span = 0
        self._ticks = 0

    def _end_of_line(self) -> None:
        if self._fence:
            end = _END.fullmatch(self._line)
            if end is not None and end["marks"].startswith(self._fence):
                self._fence = ""
        elif begin := _FENCE.fullmatch(self._line):
            self._fence, self._span = begin["ticks"] or begin["tildes"], 0
        elif not self._line.strip():
            self._span = 0
        self._line = ""
