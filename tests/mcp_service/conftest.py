from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.mcp_service.running import Running, running_service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncGenerator[Running]:
    async with running_service(tmp_path) as running:
        yield running
