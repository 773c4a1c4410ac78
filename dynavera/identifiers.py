"""Identifiers that sort by the time they were made."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUID of version 7."""
    return uuid7()


def lowest_id_at(moment: datetime) -> UUID:
    """What sorts before every id that was made at `moment` or later, and after those made before its millisecond."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
