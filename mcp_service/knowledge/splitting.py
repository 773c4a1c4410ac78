"""From a document's text to passages: pieces of a section, with the path of headings that leads to it."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from semchunk import semchunk

from dynavera.records.new_documents import NewPassage

PASSAGE_CHARACTERS = 2000
"""The longest passage, in code points: about 300 words, see docs/decisions/passage-size.md."""

HEADING_SEPARATOR = " › "
LONGEST_HEADING = 300

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*)$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True)
class _Section:
    """A stretch of text under one heading, the heading's own line included; its body starts after that."""

    path: str
    start: int
    body: int
    end: int


def passages_of(text: str, *, headings: bool) -> list[NewPassage]:
    """The passages of `text` in order; `headings` says whether it is Markdown.

    Every passage is `text[start:end]`. No passage goes over a heading; the first of a section starts with its heading.
    """
    sections = list(_sections(text)) if headings else [_Section("", 0, 0, len(text))]
    told = [section for section in sections if text[section.body : section.end].strip()]
    return [passage for section in told or [_Section("", 0, 0, len(text))] for passage in _split(text, section)]


def pieces(text: str, most: int) -> list[str]:
    """`text` in pieces of at most `most` characters, cut at its largest gaps."""
    ends = _ends(text, most) if len(text) > most else [len(text)]
    return [piece for start, end in pairwise([0, *ends]) if (piece := text[start:end].strip())]


def _split(text: str, section: _Section) -> Iterator[NewPassage]:
    # A heading stays with what it heads; one longer than a line is as good as a paragraph, and is split like one.
    told_from = section.body if section.body - section.start <= LONGEST_HEADING else section.start
    start = section.start
    for chunk_end in _ends(text[told_from : section.end], PASSAGE_CHARACTERS):
        piece = text[start : told_from + chunk_end]
        begin = start + len(piece) - len(piece.lstrip())
        start += len(piece)
        if stripped := piece.strip():
            yield NewPassage(
                heading=section.path,
                start=begin,
                end=begin + len(stripped),
                text=stripped,
                sha256=hashlib.sha256(stripped.encode()).hexdigest(),
            )


def _ends(text: str, most: int) -> list[int]:
    chunked = cast(
        "Callable[..., tuple[list[str], list[tuple[int, int]]]]",
        semchunk.chunk,  # pyright: ignore[reportUnknownMemberType]
    )
    _, places = chunked(text, chunk_size=most, token_counter=len, memoize=False, offsets=True)
    return [end for _, end in places]


def _sections(text: str) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    start = body = 0
    for level, title, line_start, line_end in _headings(text):
        yield _Section(_joined(path), start, body, line_start)
        path = [(above, name) for above, name in path if above < level] + [(level, title)]
        start, body = line_start, line_end
    yield _Section(_joined(path), start, body, len(text))


def _joined(path: list[tuple[int, str]]) -> str:
    return HEADING_SEPARATOR.join(title for _, title in path if title)[:LONGEST_HEADING]


def _headings(text: str) -> Iterator[tuple[int, str, int, int]]:
    """Level, title, start and end of each heading that is not inside a code block."""
    fence = ""
    before, before_start = "", 0
    place = 0
    for line in text.splitlines(keepends=True):
        start, place = place, place + len(line)
        bare = line.rstrip("\r\n")
        if mark := _FENCE.match(bare):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence and (heading := _HEADING.match(bare)):
            yield len(heading[1]), _title(heading[2]), start, place
            bare = ""
        elif not fence and before.strip() and (underline := _UNDERLINE.match(bare)):
            yield 1 if underline[1].startswith("=") else 2, before.strip(), before_start, place
            bare = ""
        before, before_start = bare, start


def _title(text: str) -> str:
    """What a heading says, without the number signs that may close it; those of "C#" are its own."""
    title = text.strip()
    unclosed = title.rstrip("#")
    return unclosed.rstrip() if not unclosed or unclosed[-1] in " \t" else title
