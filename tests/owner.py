"""Creating the owner for tests."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from dynavera.contracts.users import User
from dynavera.records.database import Database
from dynavera.records.owner import ensure_owner
from dynavera.settings import Settings


async def create_owner(database: Database, key: str = "dyn_first") -> User:
    """The owner, whose token from the settings is `key`."""
    with TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), token=SecretStr(key))
        return await ensure_owner(database, settings, lambda _message: None)
