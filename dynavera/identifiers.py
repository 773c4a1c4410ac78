"""Identifiers that sort by creation time."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUID of version 7."""
    return uuid7()


def lowest_id_at(moment: datetime) -> UUID:
    """A lower bound for ids created at `moment` or later; ids from before its millisecond are below it."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
