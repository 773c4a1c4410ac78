"""Splits passages into the sentences that can be quoted."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import sentencex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.words import split_words
from mcp_service.knowledge.languages import detect

MIN_WORDS = 3
MAX_WORDS = 120
"""The length of a sentence that is worth quoting."""

LANGUAGES = ("en", "de", "fr", "es")
"""A passage may quote another language, so a sentence ends where it would in each of these and in its own, whose
abbreviations and dates differ."""

WITHOUT_MARKS = frozenset({"lo", "th"})
"""Languages that end a sentence with a blank."""

_QUOTES = str.maketrans("“”„«»", '"' * 5)
"""A mark that opens a quotation in one language closes it in another."""

_REFERENCES = re.compile(r"(?:references|bibliography|literature|further reading)\b", re.IGNORECASE)

_ENTRY = re.compile(r"\b(?:1[5-9]|20)\d\d\b.{0,300}?(?:\bdoi\b|\b\d+(?:\(\d+\))?:[a-z]?\d)", re.IGNORECASE | re.DOTALL)
"""An entry of a bibliography whose heading is in another passage: a year, then volume and pages or a DOI."""

_segments = cast(
    "Callable[[str, str], list[str]]",
    sentencex.segment,  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
)

# Indented text may be a list in a plain text file; unfenced code looks the same.
_MARKDOWN = MarkdownIt("commonmark").enable("table").disable("code")


@dataclass(frozen=True)
class Sentence:
    """A sentence without Markdown syntax; `passage` is the number of its passage, from 1."""

    passage: int
    position: int
    text: str


def split_sentences(passages: Sequence[GivenPassage]) -> list[Sentence]:
    """The distinct sentences that can be quoted, in order: no headings, tables, code or references."""
    found: dict[str, Sentence] = {}
    for number, passage in enumerate(passages, start=1):
        for position, text in enumerate(_sentences(passage.text)):
            found.setdefault(text.casefold(), Sentence(number, position, text))
    return list(found.values())


def _sentences(text: str) -> Iterator[str]:
    language = detect(text)
    for paragraph in _paragraphs(text):
        for sentence in _segment(paragraph, language):
            if MIN_WORDS <= len(split_words(sentence)) <= MAX_WORDS:
                yield " ".join(sentence.split())


def _paragraphs(markdown: str) -> Iterator[str]:
    """The text of paragraphs and list items."""
    in_references = False
    block = ""
    for token in _MARKDOWN.parse(markdown):
        if token.type.endswith("_open"):
            block = token.type
        elif token.type == "inline":
            text = "".join(map(_plain, token.children or []))
            if block == "heading_open":
                in_references = bool(_REFERENCES.match(text))
            elif block == "paragraph_open" and not in_references and not _is_fragment(text):
                yield text


def _is_fragment(paragraph: str) -> bool:
    """Whether it belongs to a table or a bibliography that starts in another passage."""
    return paragraph.startswith("|") or bool(_ENTRY.search(paragraph))


def _plain(token: Token) -> str:
    match token.type:
        case "text" | "text_special":
            return token.content
        case "softbreak" | "hardbreak":
            return " "
        case "code_inline":
            return f"{token.markup}{token.content}{token.markup}"
        case _:
            return ""


def _segment(paragraph: str, language: str) -> Iterator[str]:
    if language in WITHOUT_MARKS:
        yield from paragraph.split()
        return
    normalized = paragraph.translate(_QUOTES)
    languages = dict.fromkeys([*LANGUAGES, language])
    ends = [set(accumulate(map(len, _segments(each, normalized)))) for each in languages]
    start = 0
    for end in sorted(ends[0].intersection(*ends[1:]) | {len(paragraph)}):
        yield paragraph[start:end]
        start = end
