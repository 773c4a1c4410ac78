"""Splits a document's text into passages: parts of a section, each with the section's path of headings."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from semchunk import semchunk

from dynavera.records.new_documents import NewPassage

PASSAGE_CHARACTERS = 2000
"""The longest passage, in code points: about 300 words; see docs/decisions/passage-size.md."""

HEADING_SEPARATOR = " › "
MAX_HEADING_LENGTH = 300

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*)$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True)
class _Section:
    """The text under a heading, including the heading's own line; the body starts after it."""

    path: str
    start: int
    body: int
    end: int


def split_passages(text: str, *, headings: bool) -> list[NewPassage]:
    """The passages of `text` in order; `headings` says whether it is Markdown.

    Every passage is `text[start:end]`. No passage spans a heading; the first of a section starts with its heading.
    """
    sections = list(_sections(text)) if headings else [_Section("", 0, 0, len(text))]
    filled = [section for section in sections if text[section.body : section.end].strip()]
    return [passage for section in filled or [_Section("", 0, 0, len(text))] for passage in _split(text, section)]


def split_text(text: str, max_characters: int) -> list[str]:
    """`text` in parts of at most `max_characters`, split at its largest gaps."""
    ends = _ends(text, max_characters) if len(text) > max_characters else [len(text)]
    return [part for start, end in pairwise([0, *ends]) if (part := text[start:end].strip())]


def _split(text: str, section: _Section) -> Iterator[NewPassage]:
    # A heading stays with the text after it; a very long one is split like a paragraph.
    body = section.body if section.body - section.start <= MAX_HEADING_LENGTH else section.start
    start = section.start
    for chunk_end in _ends(text[body : section.end], PASSAGE_CHARACTERS):
        part = text[start : body + chunk_end]
        first = start + len(part) - len(part.lstrip())
        start += len(part)
        if stripped := part.strip():
            yield NewPassage(
                heading=section.path,
                start=first,
                end=first + len(stripped),
                text=stripped,
                sha256=hashlib.sha256(stripped.encode()).hexdigest(),
            )


def _ends(text: str, max_characters: int) -> list[int]:
    chunked = cast(
        "Callable[..., tuple[list[str], list[tuple[int, int]]]]",
        semchunk.chunk,  # pyright: ignore[reportUnknownMemberType]
    )
    _, offsets = chunked(text, chunk_size=max_characters, token_counter=len, memoize=False, offsets=True)
    return [end for _, end in offsets]


def _sections(text: str) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    start = body = 0
    for level, title, line_start, line_end in _headings(text):
        yield _Section(_joined(path), start, body, line_start)
        path = [(upper, name) for upper, name in path if upper < level] + [(level, title)]
        start, body = line_start, line_end
    yield _Section(_joined(path), start, body, len(text))


def _joined(path: list[tuple[int, str]]) -> str:
    return HEADING_SEPARATOR.join(title for _, title in path if title)[:MAX_HEADING_LENGTH]


def _headings(text: str) -> Iterator[tuple[int, str, int, int]]:
    """Level, title, start and end of each heading outside code blocks.

    By hand, because markdown-it-py takes a minute for 10 MiB with many headings, where this takes a second.
    """
    fence = ""
    previous, previous_start = "", 0
    offset = 0
    for line in text.splitlines(keepends=True):
        start, offset = offset, offset + len(line)
        bare = line.rstrip("\r\n")
        if mark := _FENCE.match(bare):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence and (heading := _HEADING.match(bare)):
            yield len(heading[1]), _title(heading[2]), start, offset
            bare = ""
        elif not fence and previous.strip() and (underline := _UNDERLINE.match(bare)):
            yield 1 if underline[1].startswith("=") else 2, previous.strip(), previous_start, offset
            bare = ""
        previous, previous_start = bare, start


def _title(text: str) -> str:
    """The title of a heading without closing number signs; the one in "C#" belongs to it."""
    title = text.strip()
    unclosed = title.rstrip("#")
    return unclosed.rstrip() if not unclosed or unclosed[-1] in " \t" else title
