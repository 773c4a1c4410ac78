"""Splits a document's text into passages: parts of a section, each with the section's path of headings."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from semchunk import semchunk

from dynavera.records.new_documents import NewPassage

PASSAGE_CHARACTERS = 2000
"""The longest passage, in code points: about 300 words; see docs/decisions/passage-size.md."""

HEADING_SEPARATOR = " › "
MAX_HEADING_LENGTH = 300


@dataclass(frozen=True)
class Heading:
    """A heading in a text: its level from 1, its title, and the offsets of its lines."""

    level: int
    title: str
    start: int
    end: int


@dataclass(frozen=True)
class _Section:
    """The text under a heading, including the heading's own line; the body starts after it."""

    path: str
    start: int
    body: int
    end: int


def split_passages(text: str, headings: Sequence[Heading] = ()) -> list[NewPassage]:
    """The passages of `text` in order.

    Every passage is `text[start:end]`. No passage spans a heading; the first of a section starts with its heading.
    """
    filled = [section for section in _sections(text, headings) if text[section.body : section.end].strip()]
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


def _sections(text: str, headings: Sequence[Heading]) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    start = body = 0
    for heading in headings:
        yield _Section(_join_path(path), start, body, heading.start)
        path = [(level, title) for level, title in path if level < heading.level] + [(heading.level, heading.title)]
        start, body = heading.start, heading.end
    yield _Section(_join_path(path), start, body, len(text))


def _join_path(path: list[tuple[int, str]]) -> str:
    return HEADING_SEPARATOR.join(title for _, title in path if title)[:MAX_HEADING_LENGTH]
