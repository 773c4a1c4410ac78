"""CSV and similar formats."""

import csv
import io
from collections.abc import Iterator

from mcp_service.knowledge.extraction.entries import row_paragraphs
from mcp_service.knowledge.extraction.errors import damaged

SAMPLE_CHARACTERS = 8 * 1024
"""Characters from which the delimiter is guessed."""

DELIMITERS = ",;\t|"


def csv_paragraphs(text: str, delimiter: str | None = None) -> Iterator[str]:
    """The rows of a table; without `delimiter`, it is guessed.

    Raises:
        FileRefused: the file is not such a table.
    """
    csv.field_size_limit(len(text) + 1)
    try:
        yield from row_paragraphs(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text)))
    except csv.Error as error:
        raise damaged("CSV") from error


def _delimiter(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:SAMPLE_CHARACTERS], delimiters=DELIMITERS).delimiter
    except csv.Error:
        return ","
