"""The owner of a test's instance."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from dynavera.contracts.users import User
from dynavera.records.database import Database
from dynavera.records.owner import ensure_owner
from dynavera.settings import Settings


async def create_owner(database: Database, key: str = "dyn_first") -> User:
    """The owner, with `key` as its token from the settings."""
    with TemporaryDirectory() as folder:
        return await ensure_owner(database, Settings(data_dir=Path(folder), token=SecretStr(key)), lambda _news: None)
