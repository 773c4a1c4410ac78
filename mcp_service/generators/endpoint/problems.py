"""Finds the words of a server's error in whatever shape it has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

MAX_ITEMS = 3
"""Errors of a list that are repeated."""

_WORDS = ("message", "msg", "detail", "error", "errors", "error_message", "error_description", "description", "title")
_CODES = ("code", "type", "param", "status")
_STATUSES = range(400, 600)


@dataclass(frozen=True)
class Problem:
    """A server's error: its words, its codes in lower case, and the HTTP status that it names."""

    words: str
    codes: frozenset[str] = frozenset()
    status: int | None = None


class EndpointProblem(Exception):
    """The server reports an error instead of an answer, or in the middle of one."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.words)
        self.problem = problem


def find_problem(value: object, *, is_error: bool) -> Problem | None:
    """The error in a JSON value; None if `value` is something else and `is_error` is false."""
    if not is_error and not _looks_like_error(value):
        return None
    codes = frozenset(_codes(value))
    status = next((int(code) for code in sorted(codes) if code.isdecimal() and int(code) in _STATUSES), None)
    return Problem(" ".join(_words(value).split()), codes, status)


def _looks_like_error(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    fields = cast("Mapping[str, object]", value)
    if fields.get("object") == "error" or fields.get("type") == "error" or isinstance(fields.get("message"), str):
        return True
    return any(fields.get(key) for key in ("error", "errors", "detail"))


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, map(_words, cast("list[object]", value)[:MAX_ITEMS])))
    if not isinstance(value, dict):
        return ""
    fields = cast("Mapping[str, object]", value)
    words = next((words for key in _WORDS if (words := _words(fields.get(key)))), "")
    return f"{_place(fields.get('loc'))}{words}" if words else ""


def _place(location: object) -> str:
    if not isinstance(location, list):
        return ""
    return ".".join(str(part) for part in cast("list[object]", location)) + ": "


def _codes(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in cast("list[object]", value)[:MAX_ITEMS]:
            yield from _codes(item)
    elif isinstance(value, dict):
        fields = cast("Mapping[str, object]", value)
        yield from (str(fields[key]).lower() for key in _CODES if isinstance(fields.get(key), str | int))
        for key in ("error", "errors", "detail"):
            yield from _codes(fields.get(key))
