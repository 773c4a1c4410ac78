"""Navigation and cookie notices of web pages, which are not part of their text."""

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

Element: TypeAlias = Any

LINKS_SHARE = 0.6
"""What part of an element's text is in links if it is navigation."""

KEPT_SHARE = 0.5
"""What must remain of a page; otherwise what looks like navigation is its content."""

MAX_NOTICE_CHARACTERS = 1500

_ROLES = frozenset({"navigation", "menu", "menubar", "search"})
_MENU = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|topnav|sidenav|menu|breadcrumbs?|pagination|pager|skip-?links?)(?:$|[\s_-])"
)
_COOKIE_NAME = re.compile(
    r"(?:cookies?|gdpr|ccpa|privacy)[\w-]*?(?:notice|banner|consent|bar|popup|modal|law|overlay|dialog|message|layer|wall"
    r"|box|alert|info|hint)|(?:^|[\s_-])(?:consent|gdpr|onetrust|usercentrics|cookiebot|didomi|klaro|cc-window)(?:$|[\s_-])"
)
_COOKIE = re.compile(r"cookie", re.IGNORECASE)
_ANSWER = re.compile(
    r"^\W*(?:accept|agree|allow|ok\b|okay|got it|i understand|understood|reject|decline|deny|dismiss|close|akzeptieren"
    r"|alle akzeptieren|zustimmen|einverstanden|verstanden|ablehnen|accepter|tout accepter|refuser|j'accepte|aceptar"
    r"|rechazar|accetta|rifiuta|accepteren|akkoord|aceitar|akceptuj|souhlas|同意|接受|동의)",
    re.IGNORECASE,
)
_SKIP = re.compile(r"^\W*(?:skip to|jump to|zum inhalt|aller au contenu|saltar al)\b", re.IGNORECASE)


def drop_navigation(page: Element) -> None:
    """Remove navigation and cookie notices, unless little else would remain."""
    body = page.find("body")
    before = copy.deepcopy(body)
    _drop(_notices(body))
    _drop(_declared_menus(body))
    declared = copy.deepcopy(body)
    _drop(_likely_menus(body))
    if _size(body) < KEPT_SHARE * _size(declared):
        page.replace(body, declared)
        body = declared
    if not _size(body):
        page.replace(body, before)


def _drop(elements: Iterable[Element]) -> None:
    for element in list(elements):
        if element.getparent() is not None:
            element.drop_tree()


def _size(element: Element) -> int:
    return len("".join(element.text_content().split()))


def _notices(body: Element) -> Iterator[Element]:
    if not _COOKIE.search(body.text_content()):
        return
    for element in body.iter("div", "section", "aside", "form", "dialog", "p", "footer", "header"):
        named = " ".join(element.get(name, "") for name in ("id", "class", "aria-label", "aria-describedby")).lower()
        if _COOKIE_NAME.search(named) and _is_notice(element):
            yield element
    for button in body.iter("button", "a", "input"):
        if _ANSWER.match(button.text_content() or button.get("value", "")):
            yield from _notice_around(button)


def _is_notice(element: Element) -> bool:
    text = element.text_content()
    return bool(_COOKIE.search(text)) and len(text) <= MAX_NOTICE_CHARACTERS and not _holds_content(element)


def _holds_content(element: Element) -> bool:
    return element.tag in {"main", "article"} or next(element.iter("main", "article", "h1"), None) is not None


def _notice_around(button: Element) -> Iterator[Element]:
    """The smallest element around the button that speaks of cookies."""
    for element in button.iterancestors("div", "section", "aside", "form", "dialog", "footer"):
        if _COOKIE.search(element.text_content()):
            if _is_notice(element):
                yield element
            return


def _declared_menus(body: Element) -> Iterator[Element]:
    for element in body.iter():
        is_skip_link = element.tag == "a" and _SKIP.match(element.text_content())
        if element.tag == "nav" or element.get("role") in _ROLES or is_skip_link:
            yield element


def _likely_menus(body: Element) -> Iterator[Element]:
    for element in body.iter("div", "ul", "ol", "section", "aside", "header", "footer", "p"):
        named = _MENU.search(f"{element.get('id', '')} {element.get('class', '')}".lower())
        if (named or _is_at_edge(element)) and not _holds_content(element) and _is_mostly_links(element):
            yield element
    yield from _first_links(body)


def _first_links(body: Element) -> Iterator[Element]:
    """Lists of links before anything else on the page."""
    for element in body.iter():
        own = (element.text or "").strip()
        if element.tag in {"ul", "ol"} and _is_mostly_links(element) and not _is_inside_content(element):
            yield element
        elif (own or (element.tail or "").strip()) and not _is_inside_link_list(element):
            return


def _is_at_edge(element: Element) -> bool:
    """Whether it is in the header or the footer of the page itself."""
    edges = ("header", "footer")
    is_at_edge = element.tag in edges or next(element.iterancestors(*edges), None) is not None
    return is_at_edge and not _is_inside_content(element)


def _is_inside_content(element: Element) -> bool:
    return next(element.iterancestors("main", "article"), None) is not None


def _is_inside_link_list(element: Element) -> bool:
    return any(_is_mostly_links(each) for each in element.iterancestors("ul", "ol"))


def _is_mostly_links(element: Element) -> bool:
    links = list(element.iter("a"))
    return len(links) > 1 and sum(map(_size, links)) >= LINKS_SHARE * _size(element)
