"""HTML: the visible text of a page as Markdown, without navigation and cookie notices."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeAlias

from mcp_service.knowledge.extraction.content import SEPARATOR, Content, Metadata, TextWriter
from mcp_service.knowledge.extraction.page_navigation import drop_navigation
from mcp_service.knowledge.extraction.page_tables import table_entries

Element: TypeAlias = Any
"""An element of lxml, which has no types."""

_html: Any = import_module("lxml.html")

MAX_DEPTH = 200
"""Elements within elements; the text of deeper ones stays, without their structure."""

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_ANCHOR_SIGN = re.compile(r"\s*[¶§#🔗]+$")
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_BLANKS = re.compile(r"[ \t]+")
_AROUND_BREAK = re.compile(r" *\n[ \n]*")

# fmt: off
_INVISIBLE = frozenset({
    "annotation", "audio", "base", "canvas", "datalist", "embed", "head", "iframe", "link", "map", "meta",
    "noscript", "object", "param", "rp", "rt", "script", "source", "style", "template", "title",
    "track", "video",
})
_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "button", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "input", "ins", "kbd", "label", "mark", "math", "meter", "nobr", "optgroup", "option",
    "output", "progress", "q", "rb", "rtc", "ruby", "s", "samp", "select", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var", "wbr",
})
# fmt: on
_TYPED = frozenset({"", "date", "email", "number", "search", "tel", "text", "time", "url"})
"""Types of inputs whose value is visible as text."""

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SUPERSCRIPTS = str.maketrans("0123456789+-−()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿ")
_SUBSCRIPTS = str.maketrans("0123456789+-−()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎")
_SHIFTED = re.compile(r"[0-9+\-−()n]+")


def read_web_page(source: str) -> Content:
    """The visible text of a page or of a part of one.

    Navigation and cookie notices are left out, unless hardly anything else is there.
    """
    page = _parsed(source)
    if page is None:
        return Content("")
    title = next((" ".join(each.text_content().split()) for each in page.iter("title")), None)
    _drop_invisible(page)
    _show_values(page)
    drop_navigation(page)
    text = _Text()
    text.add(page, 0)
    return replace(text.content(), metadata=Metadata(title=title or None))


def _parsed(source: str) -> Element | None:
    parser = _html.HTMLParser(remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        return _html.document_fromstring(_DECLARATION.sub("", source), parser=parser, ensure_head_body=True)
    except _html.etree.ParserError:
        # There are no elements, only comments perhaps.
        return None


def _drop_invisible(page: Element) -> None:
    for element in [each for each in page.iter() if _is_invisible(each)]:
        if element.getparent() is not None:
            element.drop_tree()


def _show_values(page: Element) -> None:
    """Make what is filled into forms part of the text."""
    for element in page.iter("input"):
        if element.get("type", "").lower() in _TYPED and element.get("value", "").strip():
            element.text = f" {element.get('value')} "
    for option in list(page.iter("option")):
        if option.get("selected") is None:
            option.drop_tree()


def _is_invisible(element: Element) -> bool:
    if not isinstance(element.tag, str) or element.tag in _INVISIBLE:
        return True
    if element.tag in {"html", "body"}:
        return False
    if element.get("hidden", "until-found") != "until-found" or _HIDDEN_STYLE.search(element.get("style", "")):
        return True
    if element.tag == "dialog":
        return element.get("open") is None
    # What is read out instead of a decoration stands beside it.
    return element.get("aria-hidden") == "true" and (element.tag in _INLINE or element.tag == "svg")


@dataclass
class _List:
    """A list that is open: the number of its next item, if its items are numbered."""

    number: int | None


class _Text:
    """Writes the blocks of a page one after the other."""

    def __init__(self) -> None:
        self._writer = TextWriter()
        self._line: list[str] = []
        self._lists: list[_List] = []
        self._quotes = 0
        self._marker = self._label = ""
        self._last_was_item = False
        self._terms: list[str] = []
        self._empty = True

    def content(self) -> Content:
        """All that was written."""
        self._end_block()
        return self._writer.content()

    def add(self, element: Element, depth: int) -> None:
        """Write an element with all that is in it."""
        if depth > MAX_DEPTH:
            self._line.append(element.text_content())
        elif element.get("role") == "heading":
            self._end_block()
            self._add_heading(element, depth)
        elif element.tag in _INLINE:
            self._add_inline(element, depth)
        else:
            self._end_block()
            self._block_writer(element.tag)(element, depth)
            self._end_block()

    def _block_writer(self, tag: str) -> Callable[[Element, int], None]:
        if tag in _HEADINGS:
            return self._add_heading
        writers = {
            "br": self._add_break,
            "ul": self._add_list,
            "ol": self._add_list,
            "li": self._add_item,
            "pre": self._add_code,
            "blockquote": self._add_quotation,
            "table": self._add_table,
            "dt": self._add_term,
            "dd": self._add_definition,
        }
        return writers.get(tag, self._add_children)

    def _add_children(self, element: Element, depth: int) -> None:
        self._add_text(element.text)
        for child in element:
            if child.tag == "br":
                self._line.append("\n")
            else:
                self.add(child, depth + 1)
            self._add_text(child.tail)

    def _add_text(self, text: str | None) -> None:
        if text:
            self._line.append(_SPACE.sub(" ", text))

    def _add_inline(self, element: Element, depth: int) -> None:
        text = element.text_content().strip() if element.tag in {"sup", "sub", "code"} else ""
        if element.tag in {"sup", "sub"} and _SHIFTED.fullmatch(text):
            self._line.append(text.translate(_SUPERSCRIPTS if element.tag == "sup" else _SUBSCRIPTS))
        elif element.tag == "code" and text and "`" not in text:
            self._line.append(f"`{_SPACE.sub(' ', text)}`")
        elif element.tag == "math":
            self._line.append(" ".join(element.text_content().split()))
        else:
            self._add_children(element, depth)

    def _add_break(self, _element: Element, _depth: int) -> None:
        """A break between blocks separates nothing more."""

    def _add_heading(self, element: Element, _depth: int) -> None:
        level = _level(element)
        title = _ANCHOR_SIGN.sub("", text_of(element))
        if title:
            self._separate(is_item=False)
            self._writer.write_heading(level, title, f"{'#' * level} {title}")

    def _add_list(self, element: Element, depth: int) -> None:
        start = element.get("start", "1")
        number = None if element.tag == "ul" else int(start) if start.isdecimal() else 1
        if not self._lists:
            self._last_was_item = False
        self._lists.append(_List(number))
        self._add_children(element, depth)
        self._end_block()
        self._lists.pop()

    def _add_item(self, element: Element, depth: int) -> None:
        current = self._lists[-1] if self._lists else _List(None)
        self._marker = "- " if current.number is None else f"{current.number}. "
        if current.number is not None:
            current.number += 1
        self._add_children(element, depth)
        self._end_block()
        self._marker = ""

    def _add_code(self, element: Element, _depth: int) -> None:
        for each in element.iter("br"):
            each.tail = f"\n{each.tail or ''}"
        code = element.text_content().strip("\n")
        if code.strip():
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
            self._write_block(f"{fence}\n{code}\n{fence}")

    def _add_quotation(self, element: Element, depth: int) -> None:
        self._quotes += 1
        self._add_children(element, depth)
        self._end_block()
        self._quotes -= 1

    def _add_table(self, element: Element, depth: int) -> None:
        entries = table_entries(element, text_of)
        if entries is None:
            self._add_children(element, depth)
            return
        for entry in entries:
            self._write_block(entry)

    def _add_term(self, element: Element, _depth: int) -> None:
        self._terms.append(text_of(element))

    def _add_definition(self, element: Element, depth: int) -> None:
        terms = ", ".join(filter(None, self._terms))
        self._terms = []
        self._label = f"{terms}: " if terms else ""
        self._add_children(element, depth)
        self._end_block()
        self._label = ""

    def _end_block(self) -> None:
        text = _AROUND_BREAK.sub("\n", _BLANKS.sub(" ", "".join(self._line))).strip()
        self._line = []
        if text:
            self._write_block(text)

    def _write_block(self, text: str) -> None:
        if self._terms:
            terms, self._terms = self._terms, []
            self._write_block(", ".join(terms))
        text, self._label = self._label + text, ""
        indent = "  " * max(len(self._lists) - 1, 0) + "> " * self._quotes
        marker, self._marker = self._marker, " " * len(self._marker)
        is_item = bool(marker.strip())
        rest = indent + (" " * len(marker) if marker else "  " * bool(self._lists))
        self._separate(is_item=is_item)
        first = indent + marker if marker else rest
        self._writer.write(first + text.replace("\n", f"\n{rest}"))

    def _separate(self, *, is_item: bool) -> None:
        if not self._empty:
            self._writer.write("\n" if is_item and self._last_was_item else SEPARATOR)
        self._empty = False
        self._last_was_item = is_item


def _level(element: Element) -> int:
    """The level of a heading; an element that only has the role of one says it itself."""
    declared = element.get("aria-level", "2")
    return _HEADINGS.get(element.tag) or (int(declared) if declared in set("123456") else 6)


def text_of(element: Element) -> str:
    """All the text in an element, in one line; blocks are apart."""
    return " ".join("".join(_texts(element)).split())


def _texts(element: Element) -> Iterator[str]:
    for event, each in _html.etree.iterwalk(element, events=("start", "end")):
        is_apart = each.tag not in _INLINE
        if event == "start":
            yield " " if is_apart else ""
            yield each.text or ""
        else:
            yield " " if is_apart else ""
            if each is not element:
                yield each.tail or ""
