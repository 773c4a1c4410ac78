"""Output: data to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from unicodedata import category

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from dynavera.cli.options import Output
from dynavera.cli.tables import Column, table


def write(line: str) -> None:
    """Write one line of data."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _StderrConsole(Console):
    """Standard error, with control characters removed from every text."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def stderr_console() -> Console:
    """The console for everything that is not data. Rich respects NO_COLOR by itself."""
    return _StderrConsole(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def write_list(items: Sequence[BaseModel], output: Output, columns: Sequence[Column], if_empty: str) -> None:
    """Write a table, a JSON array, or one JSON object per line. An empty table is replaced by the note `if_empty`."""
    match output:
        case Output.JSON:
            write(json.dumps([item.model_dump(mode="json") for item in items], ensure_ascii=False, indent=2))
        case Output.JSONL:
            for item in items:
                write(json.dumps(item.model_dump(mode="json"), ensure_ascii=False))
        case Output.TEXT if items:
            _write_table(items, columns)
        case Output.TEXT:
            stderr_console().print(if_empty)


def write_one(item: dict[str, Any], output: Output, text: str) -> None:
    """Write `text` for people, or `item` as JSON for programs."""
    match output:
        case Output.JSON:
            write(json.dumps(item, ensure_ascii=False, indent=2))
        case Output.JSONL:
            write(json.dumps(item, ensure_ascii=False))
        case Output.TEXT:
            write(printable(text))


def _write_table(items: Sequence[BaseModel], columns: Sequence[Column]) -> None:
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    rows = [[_cell(item.model_dump(), column.field) for column in columns] for item in items]
    heading, lines = table(columns, rows, console.width if sys.stdout.isatty() else None)
    for line in heading:
        console.print(Text(line, style="bold"))
    for line in lines:
        write(line)


def _cell(row: dict[str, Any], field: str) -> str:
    value: Any = row
    for part in field.split("."):
        value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case _:
            return one_line(str(value))


def one_line(text: str) -> str:
    """`text` as part of one line: printable, with its white space collapsed."""
    return " ".join(printable(text).split())


def printable(text: str) -> str:
    """`text` with control characters replaced, so that a document cannot control the terminal."""
    return "".join(
        character if character in "\n\t" or not category(character).startswith("C") else "�" for character in text
    )
