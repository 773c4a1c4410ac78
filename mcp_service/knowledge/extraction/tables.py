"""CSV and its kin."""

import csv
import io
from collections.abc import Iterator

from mcp_service.knowledge.extraction.entries import of_table
from mcp_service.knowledge.extraction.refusing import damaged

SEEN = 8 * 1024
"""Characters from which the delimiter is guessed."""

DELIMITERS = ",;\t|"


def table_paragraphs(text: str, delimiter: str | None = None) -> Iterator[str]:
    """The rows of a table whose columns are set apart by `delimiter`, or by what is seen to set them apart.

    Raises:
        FileRefused: it is not such a table.
    """
    csv.field_size_limit(len(text) + 1)
    try:
        yield from of_table(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text)))
    except csv.Error as error:
        raise damaged("CSV") from error


def _delimiter(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:SEEN], delimiters=DELIMITERS).delimiter
    except csv.Error:
        return ","
