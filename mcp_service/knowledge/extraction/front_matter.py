"""Front matter: metadata before the text of a Markdown file, as YAML, TOML or JSON."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, cast

import yaml

from mcp_service.knowledge.extraction.content import Metadata

MAX_CHARACTERS = 64 * 1024
"""What is longer is text."""

MAX_VALUE_CHARACTERS = 500
MAX_TAGS = 50

_TITLE_KEYS = ("title",)
_DATE_KEYS = ("date", "created", "published", "updated", "lastmod")
_TAG_KEYS = ("tags", "keywords", "categories")
_NESTED_KEYS = ("taxonomies", "params", "extra")

_YAML = re.compile(
    r"\s*^---[ \t]*(?:ya?ml)?[ \t]*\n(?![ \t]*\n)(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_TOML = re.compile(r"\s*^(?:\+\+\+|---[ \t]*toml)[ \t]*\n(.*?)^(?:\+\+\+|---)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_JSON_BLOCK = re.compile(r"\s*^---[ \t]*json[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_JSON = re.compile(r"\s*(?=\{[ \t]*\n)")
_FIELD = re.compile(r"^([\w.-]+)[ \t]*[:=][ \t]*(.*)$")
_CONTINUATION = re.compile(r"^(?:[ \t].*|[-#].*|)$")


def split_front_matter(text: str) -> tuple[Metadata, str]:
    """The metadata and the text after it."""
    start = text[:MAX_CHARACTERS]
    if found := _YAML.match(start):
        fields = _yaml_fields(found[1])
        end = found.end()
    elif found := _TOML.match(start):
        fields = _toml_fields(found[1])
        end = found.end()
    elif found := _JSON_BLOCK.match(start):
        fields, _ = _json_fields(found[1].strip(), 0)
        end = found.end()
    elif found := _JSON.match(start):
        fields, end = _json_fields(start, found.end())
    else:
        return Metadata(), text
    if fields is None:
        return Metadata(), text
    return _metadata(fields), text[end:]


def _yaml_fields(source: str) -> Mapping[str, Any] | None:
    try:
        # The base loader leaves dates and numbers as they are written.
        fields = yaml.load(source, yaml.BaseLoader)  # noqa: S506 -- it makes only strings, lists and mappings
    except (yaml.YAMLError, RecursionError):
        return _line_fields(source)
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else None


def _toml_fields(source: str) -> Mapping[str, Any] | None:
    try:
        return tomllib.loads(source)
    except (tomllib.TOMLDecodeError, RecursionError):
        return _line_fields(source)


def _json_fields(text: str, start: int) -> tuple[Mapping[str, Any] | None, int]:
    try:
        fields, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
    line_end = text.find("\n", end)
    rest = text[end:] if line_end < 0 else text[end:line_end]
    return (None if rest.strip() else fields), end


def _line_fields(source: str) -> Mapping[str, str] | None:
    """The fields of front matter with a mistake; None if it does not look like front matter."""
    fields: dict[str, str] = {}
    for line in source.splitlines():
        if found := _FIELD.match(line):
            fields[found[1]] = found[2].strip().strip("\"'")
        elif not _CONTINUATION.match(line):
            return None
    return fields or None


def _metadata(fields: Mapping[str, Any]) -> Metadata:
    known = {str(key).lower(): value for key, value in fields.items()}
    for key in _NESTED_KEYS:
        nested = known.get(key)
        if isinstance(nested, dict):
            known = {str(name).lower(): value for name, value in cast("dict[str, Any]", nested).items()} | known
    return Metadata(
        title=_first(known, _TITLE_KEYS), date=_first(known, _DATE_KEYS), tags=tuple(_tags(known))[:MAX_TAGS]
    )


def _first(fields: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    return next((text for key in keys if (text := _text(fields.get(key)))), None)


def _tags(fields: Mapping[str, Any]) -> list[str]:
    value = next((fields[key] for key in _TAG_KEYS if fields.get(key)), None)
    items = value.split(",") if isinstance(value, str) else cast("list[Any]", value) if isinstance(value, list) else []
    return list(dict.fromkeys(filter(None, map(_text, items))))


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return " ".join(str(value).split())[:MAX_VALUE_CHARACTERS]
