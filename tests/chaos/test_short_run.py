"""The whole product under a few faults that stand for the rest; `make chaos` has all of them."""

import asyncio
import sys

import pytest

LONGEST_SECONDS = 600


@pytest.mark.timeout(LONGEST_SECONDS)
async def test_every_execution_survives_the_short_run() -> None:
    bench = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.chaos", "--short"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await bench.communicate()
    finally:
        if bench.returncode is None:
            bench.terminate()
            await bench.wait()

    assert bench.returncode == 0, said.decode()
    assert "== matrix" in said.decode()
    assert "== watched-together" in said.decode()
