"""JSON and JSON Lines: each object is an entry, with dotted names for nested fields."""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

from mcp_service.knowledge.extraction.entries import paragraphs
from mcp_service.knowledge.extraction.errors import FileRefused

Path: TypeAlias = tuple[str, ...]


def json_paragraphs(text: str) -> Iterator[str]:
    """The entries of a JSON file.

    Raises:
        FileRefused: it is not JSON, or nested too deeply.
    """
    try:
        yield from _entries(_parse(text), ())
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        if not _is_json(text.partition("\n")[0]):
            raise FileRefused("damaged", f"It is not JSON: {error}.") from error
        yield from json_lines_paragraphs(text)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def json_lines_paragraphs(text: str) -> Iterator[str]:
    """The entries of a file with one JSON value a line.

    Raises:
        FileRefused: a line is not JSON, or nested too deeply.
    """
    if not _is_json(text.lstrip().partition("\n")[0]) and _is_json(text):
        # One document in several lines.
        yield from json_paragraphs(text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield from _record(_parse(line), ())
        except RecursionError as error:
            raise _too_deep() from error
        except ValueError as error:
            raise FileRefused("damaged", f"Line {number} is not JSON: {error}.") from error


def _too_deep() -> FileRefused:
    return FileRefused("too_deep", "It is nested too deeply to be read.")


def _parse(text: str) -> Any:
    # Numbers stay strings: no digit is lost, and none is too long to parse.
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)


def _entries(value: Any, path: Path) -> Iterator[str]:
    match value:
        case dict():
            fields: list[tuple[Path, str]] = []
            lists: list[tuple[Path, list[Any]]] = []
            _flatten(cast("dict[str, Any]", value), path, fields, lists)
            yield from paragraphs((".".join(name), text) for name, text in fields)
            for name, items in lists:
                for number, item in enumerate(items, start=1):
                    yield from _record(item, (*name, str(number)))
        case list() if not _is_plain(items := cast("list[Any]", value)):
            for number, item in enumerate(items, start=1):
                yield from _record(item, (*path, str(number)) if path else ())
        case _:
            yield from paragraphs([(".".join(path) or "value", _text(value))])


def _record(value: Any, path: Path) -> Iterator[str]:
    """An item of a list as one entry, with the lists in it."""
    if isinstance(value, dict):
        yield from paragraphs((".".join(name), text) for name, text in _fields(value, path))
    else:
        yield from _entries(value, path)


def _fields(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    match value:
        case dict():
            for key, item in cast("dict[str, Any]", value).items():
                yield from _fields(item, (*path, key))
        case list() if not _is_plain(items := cast("list[Any]", value)):
            for number, item in enumerate(items, start=1):
                yield from _fields(item, (*path, str(number)))
        case _:
            yield path, _text(value)


def _flatten(
    value: dict[str, Any], path: Path, fields: list[tuple[Path, str]], lists: list[tuple[Path, list[Any]]]
) -> None:
    for key, item in value.items():
        name = (*path, key)
        match item:
            case dict():
                _flatten(cast("dict[str, Any]", item), name, fields, lists)
            case list() if not _is_plain(items := cast("list[Any]", item)):
                lists.append((name, items))
            case _:
                fields.append((name, _text(item)))


def _is_plain(items: list[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in items)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(_text(item) for item in cast("list[Any]", value))
        case _:
            return str(value)
