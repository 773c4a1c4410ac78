"""Which codes each sentence is about: its own, or those of the sentences and headings before it."""

from collections.abc import Iterable, Sequence

from mcp_service.generators.tokens import is_code, shape_of, tokenize

Codes = frozenset[str]


def codes_of(text: str) -> Codes:
    """The codes in `text`."""
    return frozenset(token for token in tokenize(text) if is_code(token))


def assign_codes(paragraphs: Sequence[Sequence[Codes]], heading: Codes) -> list[list[Codes]]:
    """The codes that each sentence of a section's `paragraphs` is about, from the codes that each contains.

    A sentence without a code of some series is about the one before it in its part of the paragraph, or else the one
    after it. A part starts with each code of the series that the paragraph lists. A paragraph without codes is about
    what the last one was about, and all are about the codes of their `heading`, unless they have others of its series.
    """
    assigned: list[list[Codes]] = []
    carried = heading
    for paragraph in paragraphs:
        if any(paragraph):
            found = [codes for part in _parts(paragraph) for codes in _spread(part, heading)]
        else:
            found = [carried for _ in paragraph]
        assigned.append(found)
        carried = found[-1] if found else carried
    return assigned


def _parts(paragraph: Sequence[Codes]) -> list[list[Codes]]:
    """The paragraph, divided where the series that it lists goes on to another code."""
    listed = _listed_series(paragraph)
    parts: list[list[Codes]] = [[]]
    current: Codes = frozenset()
    for codes in paragraph:
        of_series = frozenset(code for code in codes if shape_of(code) == listed)
        if of_series and of_series != current:
            parts.append([])
            current = of_series
        parts[-1].append(codes)
    return [part for part in parts if part]


def _listed_series(paragraph: Sequence[Codes]) -> str | None:
    """The first series of codes with several codes in the paragraph."""
    members: dict[str, set[str]] = {}
    for codes in paragraph:
        for code in sorted(codes):
            members.setdefault(shape_of(code), set()).add(code)
    return next((series for series, codes in members.items() if len(codes) > 1), None)


def _spread(part: Sequence[Codes], heading: Codes) -> list[Codes]:
    before = _nearest(part)
    after = _nearest(part[::-1])[::-1]
    return [_complete(own, *around, heading) for own, *around in zip(part, before, after, strict=True)]


def _complete(own: Codes, *others: Codes) -> Codes:
    """`own`, and of each of `others` the codes whose series is not there yet."""
    codes = own
    for other in others:
        codes |= _new(other, codes)
    return codes


def _nearest(part: Sequence[Codes]) -> list[Codes]:
    """For each sentence, the nearest codes of each series before it."""
    nearest: list[Codes] = []
    known: Codes = frozenset()
    for codes in part:
        nearest.append(known)
        known = _complete(codes, known)
    return nearest


def _new(codes: Iterable[str], known: Codes) -> Codes:
    series = {shape_of(code) for code in known}
    return frozenset(code for code in codes if shape_of(code) not in series)
