"""Which part of a streamed Markdown text is code."""

import re

FENCE_CHARACTERS = 80
"""The first characters of a line, which decide whether it is a fence."""

_FENCE = re.compile(r"[ \t]*(?:(?:[-*+>]|\d+[.)])[ \t]+)*(?:(?P<ticks>`{3,})[^`]*|(?P<tildes>~{3,}).*)")
_END = re.compile(r"[ \t>]*(?P<marks>`{3,}|~{3,})\s*")


class CodeTracker:
    """Reads a text in chunks, split anywhere; `inside` says whether the next character is code.

    A code span ends with as many backticks as it began with, at the latest with its paragraph; a block ends with a line
    of its own marks.
    """

    def __init__(self) -> None:
        self._line = ""
        self._fence = ""
        self._span = 0
        self._ticks = 0

    @property
    def inside(self) -> bool:
        """Whether the next character is code, unless it is a backtick."""
        if self._fence or _FENCE.fullmatch(self._line):
            return True
        return bool(self._ticks or self._span) and self._ticks != self._span

    def feed(self, text: str) -> None:
        """Continue with `text`."""
        for character in text:
            self._feed(character)

    def _feed(self, character: str) -> None:
        if character == "`":
            self._ticks += 1
        elif self._ticks:
            self._end_of_ticks()
        if character == "\n":
            self._end_of_line()
        elif len(self._line) < FENCE_CHARACTERS:
            self._line += character

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
