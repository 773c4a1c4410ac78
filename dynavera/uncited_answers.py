"""Citations of sources in an answer: [1], [1, 3] or [2-4]."""

import re

_CITATION = re.compile(r"\[\s*\d{1,3}(?:\s*[-–—,;]\s*\d{1,3})*\s*\]")
_NUMBER = re.compile(r"\d+")


EXTRACTIVE = "extractive"

CITES_NONE = "The answer cites none of its passages."
"""What the log says of such an answer."""


def cites_none(generator: str, answer: str, sources: int) -> bool:
    """Whether a model had `sources` and cites none; the extractive generator says itself that it found nothing."""
    return generator != EXTRACTIVE and sources > 0 and not cites_source(answer, sources)


def cites_source(answer: str, sources: int) -> bool:
    """Whether `answer` cites one of its `sources`, which are numbered from 1."""
    numbers = (int(number) for found in _CITATION.findall(answer) for number in _NUMBER.findall(found))
    return any(1 <= number <= sources for number in numbers)
