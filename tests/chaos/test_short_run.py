"""The whole product under a representative few faults; `make chaos` runs all of them."""

import asyncio
import sys

import pytest

TIMEOUT_SECONDS = 600


@pytest.mark.timeout(TIMEOUT_SECONDS)
async def test_every_execution_survives_the_short_run() -> None:
    bench = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.chaos", "--short"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await bench.communicate()
    finally:
        if bench.returncode is None:
            bench.terminate()
            await bench.wait()

    assert bench.returncode == 0, output.decode()
    assert "== matrix" in output.decode()
    assert "== watched-together" in output.decode()
