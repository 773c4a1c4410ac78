"""Conditions that several queries share."""

import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.sql.elements import SQLCoreOperations


def contains(column: SQLCoreOperations[Any], typed: str) -> ColumnElement[bool]:
    """Whether the column's text contains what was typed, in any case, with composed or decomposed letters."""
    forms = {unicodedata.normalize("NFC", typed), unicodedata.normalize("NFD", typed)}
    return or_(*(column.icontains(form, autoescape=True) for form in sorted(forms)))
