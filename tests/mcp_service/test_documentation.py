"""The examples in docs/mcp.md."""

import asyncio
import re
import sys
from pathlib import Path

from tests.mcp_service.processes import environment
from tests.mcp_service.running import Running, upload

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"


async def test_the_example_client_in_the_documentation_works(service: Running, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    async with service.client() as client:
        await upload(client, fnirs_md="# fNIRS\n\nFunctional near-infrared spectroscopy measures blood oxygen.")

    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program.replace("http://127.0.0.1:8001", service.url)),
        env=environment(tmp_path, DYNAVERA_TOKEN=service.owner_key),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(running.communicate(), 60)

    assert running.returncode == 0
    assert output.decode().startswith("fnirs.md · ")
