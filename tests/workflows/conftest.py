"""A separate world for each test."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.workflows.world import World, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncGenerator[World]:
    async with world(tmp_path) as created:
        yield created
