"""Markdown: its headings, without comments; tables become entries."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from mcp_service.knowledge.extraction.content import SEPARATOR, Content, TextWriter
from mcp_service.knowledge.extraction.encoded_data import strip_encoded_data
from mcp_service.knowledge.extraction.entries import row_paragraphs
from mcp_service.knowledge.extraction.front_matter import split_front_matter
from mcp_service.knowledge.splitting import Heading

WINDOW_LINES = 1000
"""Lines that are parsed together: the parser needs some 300 bytes for each of them, and several times as much."""

MAX_WINDOW_LINES = 4000
"""A longer list or table is parsed in parts. A code block or comment is never divided."""

PART_CHARACTERS = 16 * 1024
"""Characters between reports of progress."""

_INDIVISIBLE = frozenset({"fence", "code_block", "html_block"})

_BLOCKS = MarkdownIt("commonmark").enable("table")
_BLOCKS.core.ruler.enableOnly(["normalize", "block"])
_INLINE = MarkdownIt("commonmark")

_COMMENT = re.compile(r"(?P<code>(?<!`)(?P<fence>`+)(?!`).*?(?<!`)(?P=fence)(?!`))|<!--.*?(?:-->|\Z)", re.DOTALL)
_CONTAINER = re.compile(r"^([ \t>]*):{3,}[ \t]*(?:\{[ \t]*\.?([\w-]+)[^}\n]*\}|([\w-]+))?(.*)$", re.MULTILINE)
_ATTRIBUTES = re.compile(r"[ \t]*\{:?[ \t]*[#.][^{}]*\}[ \t]*$")
_MARKUP = re.compile(r"[\\`*_\[\]<&!]")
_INDENT = re.compile(r"[ \t>]*")
_FIRST_INDENT = re.compile(r"[ \t>]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)?")


@dataclass(frozen=True)
class _Edit:
    """Lines that are replaced: by `text`, which may be a heading, or by `content`."""

    start: int
    end: int
    text: str = ""
    level: int = 0
    title: str = ""
    content: Content | None = None


def read_markdown(text: str, on_progress: Callable[[], None]) -> Content:
    """The text and its headings; `on_progress` is called after each part.

    Raises:
        FileRefused: the text is too long, or has too many headings.
    """
    metadata, body = split_front_matter(text)
    writer = TextWriter()
    lines = strip_encoded_data(body).split("\n")
    written = reported = 0
    for window, tokens in _windows(lines):
        _write(writer, window, tokens)
        written += sum(map(len, window)) + len(window)
        for _ in range(reported, written // PART_CHARACTERS):
            on_progress()
        reported = written // PART_CHARACTERS
    content = writer.content()
    content = replace(content, text=content.text.removesuffix("\n"), metadata=metadata)
    return _titled(content, metadata.title)


def _titled(content: Content, title: str | None) -> Content:
    """The content with `title` above its passages, unless its first heading is the title."""
    if title is None or any(heading.level == 1 for heading in content.headings):
        return content
    return replace(content, headings=[Heading(1, title, 0, 0), *content.headings])


def _windows(lines: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[Token]]]:
    """Whole blocks of the document, some at a time, with their tokens."""
    start, size = 0, WINDOW_LINES
    header: Sequence[str] = ()
    while start < len(lines):
        window = [*header, *lines[start : start + size]]
        tokens = _BLOCKS.parse("\n".join(window))
        if start + size >= len(lines):
            yield window, tokens
            return
        last = max((number for number, token in enumerate(tokens) if _opens_block(token)), default=0)
        # The last block may go on after the window.
        end = _line_range(tokens[last])[0] if tokens else len(window)
        if end > 0:
            yield window[:end], tokens[:last]
            start, size, header = start + end - len(header), WINDOW_LINES, ()
        elif size < MAX_WINDOW_LINES or tokens[last].type in _INDIVISIBLE:
            size *= 2
        else:
            yield window, tokens
            header = window[:2] if tokens[last].type == "table_open" and "|" in lines[start + size] else ()
            start += size


def _opens_block(token: Token) -> bool:
    return token.level == 0 and token.nesting >= 0 and token.map is not None


def _line_range(token: Token) -> tuple[int, int]:
    start, end = token.map or (0, 0)
    return start, end


def _write(writer: TextWriter, lines: Sequence[str], tokens: Sequence[Token]) -> None:
    done = 0
    for edit in _edits(lines, tokens):
        writer.write("".join(f"{line}\n" for line in lines[done : edit.start]))
        if edit.level:
            writer.write_heading(edit.level, edit.title, edit.text)
        elif edit.content is not None:
            writer.write_content(edit.content)
            writer.write(SEPARATOR)
        else:
            writer.write(edit.text)
        done = edit.end
    writer.write("".join(f"{line}\n" for line in lines[done:]))


def _edits(lines: Sequence[str], tokens: Sequence[Token]) -> Iterator[_Edit]:
    position = 0
    while position < len(tokens):
        token = tokens[position]
        match token.type:
            case "heading_open" if token.level == 0:
                yield _heading(lines, token, tokens[position + 1].content)
                position += 2
            case "table_open":
                end = next(each for each in range(position, len(tokens)) if tokens[each].type == "table_close")
                yield _table(lines, tokens[position:end])
                position = end
            case "html_block" if token.level == 0:
                yield _html(token)
            case "html_block" | "inline" if (cleaned := _cleaned(lines, token)) is not None:
                yield cleaned
            case _:
                pass
        position += 1


def _heading(lines: Sequence[str], token: Token, source: str) -> _Edit:
    start, end = _line_range(token)
    title = plain_text(_ATTRIBUTES.sub("", _without_comments(source)))
    text = "".join(f"{line}\n" for line in lines[start:end])
    return _Edit(start, end, _without_comments(text), int(token.tag[1:]), title)


def _html(token: Token) -> _Edit:
    # Imported lazily: most files have no HTML.
    from mcp_service.knowledge.extraction.web_pages import read_web_page

    return _Edit(*_line_range(token), content=read_web_page(token.content))


def _cleaned(lines: Sequence[str], token: Token) -> _Edit | None:
    """The lines of a block without comments and marks of containers, if it has any."""
    if "<!--" not in token.content and ":::" not in token.content:
        return None
    start, end = _line_range(token)
    text = "".join(f"{line}\n" for line in lines[start:end])
    return _Edit(start, end, _CONTAINER.sub(r"\1\2\3\4", _without_comments(text)))


def _without_comments(text: str) -> str:
    return _COMMENT.sub(lambda found: found["code"] or "", text)


def _table(lines: Sequence[str], tokens: Sequence[Token]) -> _Edit:
    start, end = _line_range(tokens[0])
    rows: list[list[str]] = []
    for number, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            rows[-1].append(tokens[number + 1].content)
    rows[0] = [plain_text(name) for name in rows[0]]
    indent = _matched(_INDENT, lines[start + 1])
    entries = SEPARATOR.join(row_paragraphs(rows)).replace("\n", f"\n{indent}")
    return _Edit(start, end, f"{_matched(_FIRST_INDENT, lines[start]) if indent else ''}{entries}\n")


def _matched(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return found[0] if found else ""


def plain_text(source: str) -> str:
    """A line of Markdown without its markup, and with its white space collapsed."""
    if _MARKUP.search(source):
        source = "".join(_texts(_INLINE.parseInline(source)))
    return " ".join(source.split())


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.children is not None:
            yield from _texts(token.children)
        elif token.type in {"text", "text_special", "code_inline"}:
            yield token.content
        elif token.type in {"softbreak", "hardbreak"}:
            yield " "
