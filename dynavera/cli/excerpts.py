"""One-line excerpts of passages: the leading headings and the text, without Markdown syntax.

Not markdown-it-py: it takes 0.1 s to import, half of the time of a short
command, and a passage may start inside a block.
"""

import re

from dynavera.cli.output import one_line

MAX_LENGTH = 160
HEADING_SEPARATOR = " › "

_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)[\s#]*$")
_IGNORED_LINE = re.compile(r"^\s*(```.*|~~~.*|[-*_=\s|:]*)$")
_LINE_PREFIX = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\|)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*(?:\s[^)]*)?\)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`+)(?=\S)(.+?)(?<=\S)\1")


def excerpt(passage: str) -> str:
    """The headings and the beginning of a passage, in one line."""
    headings: list[str] = []
    text: list[str] = []
    for line in passage.splitlines():
        if _IGNORED_LINE.match(line):
            continue
        heading = None if text else _HEADING.match(line)
        if heading is None:
            text.append(_without_inline_syntax(_LINE_PREFIX.sub("", line)))
        else:
            headings.append(_without_inline_syntax(heading[1]))
    line = one_line(": ".join(part for part in (HEADING_SEPARATOR.join(headings), " ".join(text)) if part))
    return line if len(line) <= MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"


def _without_inline_syntax(text: str) -> str:
    return _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", text)).replace("|", " ")
