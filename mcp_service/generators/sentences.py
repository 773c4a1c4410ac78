"""Splits passages into the sentences that can be quoted."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import cast

import sentencex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.sentence_codes import Codes, assign_codes, codes_of
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

_INVISIBLE = re.compile(
    r"[\u00ad\u200b\u2060\ufeff]|(?<=[0-9A-Za-z\u00c0-\u024f])[\u200c\u200d]|[\u200c\u200d](?=[0-9A-Za-z\u00c0-\u024f])"
)
"""Soft hyphens, spaces and joiners without width, and byte order marks. Joiners count in emoji and in many scripts, but
not beside Latin letters."""

_segments = cast(
    "Callable[[str, str], list[str]]",
    sentencex.segment,  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
)

# Indented text may be a list in a plain text file; unfenced code looks the same.
_MARKDOWN = MarkdownIt("commonmark").enable("table").disable("code")


@dataclass(frozen=True)
class Sentence:
    """A sentence without Markdown syntax; `passage` is the number of its passage, from 1.

    `codes` are those that it is about: its own, and those of the sentences and headings that it continues.
    """

    passage: int
    position: int
    text: str
    codes: Codes = frozenset()


@dataclass(frozen=True)
class _Section:
    """The paragraphs below a heading, and the headings above it, outermost first."""

    headings: Sequence[str]
    paragraphs: list[str] = field(default_factory=list[str])


def split_sentences(passages: Sequence[GivenPassage]) -> list[Sentence]:
    """The distinct sentences that can be quoted, in order: no headings, tables, code or references."""
    found: dict[tuple[str, Codes], Sentence] = {}
    for number, passage in enumerate(passages, start=1):
        for position, (text, codes) in enumerate(_sentences(passage)):
            found.setdefault((text.casefold(), codes), Sentence(number, position, text, codes))
    return list(found.values())


def _sentences(passage: GivenPassage) -> Iterator[tuple[str, Codes]]:
    """Each sentence that can be quoted, and the codes that it is about."""
    language = detect(passage.text)
    above = codes_of(f"{passage.document.rpartition('.')[0]}\n{passage.heading}")
    for section in _sections(passage.text):
        paragraphs = [_segment(paragraph, language) for paragraph in section.paragraphs]
        heading = codes_of("\n".join(section.headings)) or above
        codes = assign_codes([[codes_of(sentence) for sentence in paragraph] for paragraph in paragraphs], heading)
        for sentence, about in zip(chain(*paragraphs), chain(*codes), strict=True):
            if MIN_WORDS <= len(split_words(sentence)) <= MAX_WORDS:
                yield " ".join(sentence.split()), about


def _sections(markdown: str) -> list[_Section]:
    """The text of paragraphs and list items, by the headings above them."""
    sections = [_Section(())]
    headings: list[tuple[str, str]] = []
    in_references = False
    block = tag = ""
    for token in _MARKDOWN.parse(markdown):
        if token.type.endswith("_open"):
            block, tag = token.type, token.tag
        elif token.type == "inline":
            text = _INVISIBLE.sub("", "".join(map(_plain, token.children or [])))
            if block == "heading_open":
                in_references = bool(_REFERENCES.match(text))
                headings = [(level, title) for level, title in headings if level < tag] + [(tag, text)]
                sections.append(_Section([title for _, title in headings]))
            elif block == "paragraph_open" and not in_references and not _is_fragment(text):
                sections[-1].paragraphs.append(text)
    return sections


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


def _segment(paragraph: str, language: str) -> list[str]:
    if language in WITHOUT_MARKS:
        return paragraph.split()
    normalized = paragraph.translate(_QUOTES)
    languages = dict.fromkeys([*LANGUAGES, language])
    ends = [set(accumulate(map(len, _segments(each, normalized)))) for each in languages]
    common = sorted(ends[0].intersection(*ends[1:]) | {len(paragraph)})
    return [paragraph[start:end] for start, end in pairwise([0, *common])]
