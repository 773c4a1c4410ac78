"""From passages to the sentences that can be quoted."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import sentencex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.words import words_in

SHORTEST = 3
LONGEST = 120
"""Words of a sentence that is worth quoting."""

LANGUAGES = ("en", "de", "fr", "es")
"""Nobody says in which language a passage is: a sentence ends where it would in each of these, whose abbreviations and
dates with dots differ. Other scripts have marks of their own, which all of them know."""

_QUOTES = str.maketrans("“”„«»", '"' * 5)
"""What opens a quotation in one language closes it in another."""

_REFERENCES = re.compile(r"(?:references|bibliography|literature|further reading)\b", re.IGNORECASE)

_ENTRY = re.compile(r"\b(?:1[5-9]|20)\d\d\b.{0,300}?(?:\bdoi\b|\b\d+(?:\(\d+\))?:[a-z]?\d)", re.IGNORECASE | re.DOTALL)
"""An entry of a bibliography whose heading is in another passage: a year, then volume and pages, or a DOI."""

_segments = cast(
    "Callable[[str, str], list[str]]",
    sentencex.segment,  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
)

# What is indented may be a list of a plain text; code that is not fenced looks no different.
_MARKDOWN = MarkdownIt("commonmark").enable("table").disable("code")


@dataclass(frozen=True)
class Sentence:
    """A sentence as its passage has it, without the marks of Markdown; `passage` is the passage's number, from 1."""

    passage: int
    position: int
    text: str


def sentences_of(passages: Sequence[GivenPassage]) -> list[Sentence]:
    """The sentences that can be quoted, in order: no headings, no tables, no code, no references, none twice."""
    told: dict[str, Sentence] = {}
    for number, passage in enumerate(passages, start=1):
        for position, text in enumerate(_sentences(passage.text)):
            told.setdefault(text.casefold(), Sentence(number, position, text))
    return list(told.values())


def _sentences(text: str) -> Iterator[str]:
    for paragraph in _paragraphs(text):
        for sentence in _split(paragraph):
            if SHORTEST <= len(words_in(sentence)) <= LONGEST:
                yield " ".join(sentence.split())


def _paragraphs(text: str) -> Iterator[str]:
    """The text of paragraphs and items of lists."""
    is_reference = False
    inside = ""
    for token in _MARKDOWN.parse(text):
        if token.type.endswith("_open"):
            inside = token.type
        elif token.type == "inline":
            told = "".join(map(_told, token.children or []))
            if inside == "heading_open":
                is_reference = bool(_REFERENCES.match(told))
            elif inside == "paragraph_open" and not is_reference and not _is_cut_off(told):
                yield told


def _is_cut_off(paragraph: str) -> bool:
    """Whether it belongs to a table or a bibliography that began in another passage."""
    return paragraph.startswith("|") or bool(_ENTRY.search(paragraph))


def _told(token: Token) -> str:
    match token.type:
        case "text" | "text_special":
            return token.content
        case "softbreak" | "hardbreak":
            return " "
        case "code_inline":
            return f"{token.markup}{token.content}{token.markup}"
        case _:
            return ""


def _split(paragraph: str) -> Iterator[str]:
    alike = paragraph.translate(_QUOTES)
    ends = [set(accumulate(map(len, _segments(language, alike)))) for language in LANGUAGES]
    start = 0
    for end in sorted(ends[0].intersection(*ends[1:]) | {len(paragraph)}):
        yield paragraph[start:end]
        start = end
