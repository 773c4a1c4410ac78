"""The beginning of a passage as a line: the headings it starts with, and its text without Markdown's marks."""

import re

from dynavera.cli.output import one_line

LONGEST = 160
BETWEEN = " › "

_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)[\s#]*$")
_DROPPED = re.compile(r"^\s*(```.*|~~~.*|[-*_=\s|:]*)$")
_BEFORE = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\|)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*(?:\s[^)]*)?\)")
_STRESSED = re.compile(r"(\*\*|__|\*|`+)(?=\S)(.+?)(?<=\S)\1")


def excerpt(passage: str) -> str:
    """What a passage is about, in one line."""
    headings: list[str] = []
    text: list[str] = []
    for line in passage.splitlines():
        if _DROPPED.match(line):
            continue
        heading = None if text else _HEADING.match(line)
        if heading is None:
            text.append(_plain(_BEFORE.sub("", line)))
        else:
            headings.append(_plain(heading[1]))
    line = one_line(": ".join(part for part in (BETWEEN.join(headings), " ".join(text)) if part))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _plain(text: str) -> str:
    return _STRESSED.sub(r"\2", _LINK.sub(r"\1", text)).replace("|", " ")
