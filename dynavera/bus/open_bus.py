"""The event bus of a process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dynavera.bus.bus import EventBus
from dynavera.bus.local import LocalBus
from dynavera.settings import Settings

FOLDER = "bus"


@asynccontextmanager
async def open_bus(settings: Settings) -> AsyncGenerator[EventBus]:
    """The bus of the settings: in PostgreSQL if the records are there, otherwise in the data directory."""
    url = settings.records_url
    if url.startswith("postgresql"):
        # Imported lazily: one machine needs no PostgreSQL.
        from dynavera.bus.postgres import PostgresBus

        bus = PostgresBus(url)
    else:
        bus = LocalBus(settings.data_dir.absolute() / FOLDER)
    async with bus.connecting():
        yield bus
