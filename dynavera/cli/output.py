"""Data to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from unicodedata import category

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from dynavera.cli.options import Output

WIDE = 10_000


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and the field it shows."""

    heading: str
    field: str
    wide: bool = False


def write(line: str) -> None:
    """One line of data."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def notes() -> Console:
    """Where everything goes that is not data. Rich follows NO_COLOR by itself."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def write_list(items: Sequence[BaseModel], output: Output, columns: Sequence[Column]) -> None:
    """A table, a JSON array, or one JSON object a line."""
    rows: list[dict[str, Any]] = [item.model_dump(mode="json") for item in items]
    match output:
        case Output.JSON:
            write(json.dumps(rows, ensure_ascii=False, indent=2))
        case Output.JSONL:
            for row in rows:
                write(json.dumps(row, ensure_ascii=False))
        case Output.TEXT:
            _write_table(rows, columns)


def write_one(item: dict[str, Any], output: Output, text: str) -> None:
    """`text` for a person, `item` for a program."""
    match output:
        case Output.JSON:
            write(json.dumps(item, ensure_ascii=False, indent=2))
        case Output.JSONL:
            write(json.dumps(item, ensure_ascii=False))
        case Output.TEXT:
            write(text)


def _write_table(rows: Sequence[dict[str, Any]], columns: Sequence[Column]) -> None:
    # A file or a pipe has no width to fit into.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.heading, no_wrap=not column.wide, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row, column.field) for column in columns))
    console.print(table)


def _cell(row: dict[str, Any], field: str) -> str:
    value: Any = row
    for part in field.split("."):
        value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
    return "" if value is None else " ".join(printable(str(value)).split())


def printable(text: str) -> str:
    """`text` without the control characters by which a document could take hold of the terminal."""
    return "".join(
        character if character in "\n\t" or not category(character).startswith("C") else "�" for character in text
    )
