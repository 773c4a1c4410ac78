"""What a file does to the process that reads it happens to nothing else."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator

import psutil
import pytest

from dynavera.contracts.media_types import CSV, HTML, JSON, MARKDOWN, PDF, PLAIN
from mcp_service.knowledge.extraction import extractors as processes
from mcp_service.knowledge.extraction.extractors import Extractors
from mcp_service.knowledge.extraction.refusing import FileRefused
from tests.mcp_service.knowledge.made_files import inflating_pdf

SHOWN = b"BT /F1 12 Tf 50 700 Td (Hello) Tj ET\n" * 25_000
"""A megabyte, nearly."""

WITHIN_SECONDS = 10


@pytest.fixture
async def extractors() -> AsyncGenerator[Extractors]:
    extractors = Extractors()
    yield extractors
    await extractors.close()


def readers() -> list[psutil.Process]:
    """The processes that read files for this one."""
    running = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in running if "mcp_service.knowledge.extraction.child" in child.cmdline()]


async def code_of(extractors: Extractors, media_type: str, data: bytes) -> str | None:
    """Why the file is refused; None when it is read."""
    try:
        await extractors.read(media_type, data)
    except FileRefused as refused:
        return refused.code
    return None


HARMFUL = {
    "a PDF with a page of a gigabyte": (PDF, lambda: inflating_pdf(SHOWN, 1024), "too_demanding"),
    "a PDF with many heavy pages": (PDF, lambda: inflating_pdf(SHOWN, 4, pages=256), "too_demanding"),
    "JSON that is nested deep": (JSON, lambda: b"[" * 5_000_000, "too_deep"),
    "objects that are nested deep": (JSON, lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    "a table that grows": (CSV, lambda: b",".join([b"n" * 90] * 1000) + (b"\n" + b"1," * 999) * 4000, "too_much_text"),
    "a million headings": (MARKDOWN, lambda: b"# a\nb\n" * 1_600_000, "too_demanding"),
}


@pytest.mark.parametrize("harm", HARMFUL)
async def test_what_is_made_to_do_harm_is_refused_in_time(extractors: Extractors, harm: str) -> None:
    media_type, made, code = HARMFUL[harm]
    data = made()
    await extractors.read(PLAIN, b"The process has started.")
    began = time.monotonic()

    refused = await code_of(extractors, media_type, data)

    assert refused == code
    assert time.monotonic() - began < WITHIN_SECONDS
    assert (await extractors.read(PLAIN, b"It reads on.")).text == "It reads on."


@pytest.mark.parametrize(
    ("media_type", "data"),
    [(HTML, b"<div>" * 100_000 + b"x" + b"</div>" * 100_000), (CSV, b"a,b\n" + b"x" * 9_000_000)],
)
async def test_what_is_only_strange_harms_nothing(extractors: Extractors, media_type: str, data: bytes) -> None:
    await code_of(extractors, media_type, data)

    assert (await extractors.read(PLAIN, b"It reads on.")).text == "It reads on."


async def test_one_process_reads_many_files(extractors: Extractors) -> None:
    await extractors.read(PLAIN, b"One.")
    [first] = readers()
    for number in range(20):
        await extractors.read(MARKDOWN, f"# {number}".encode())

    assert readers() == [first]


async def test_a_slow_file_holds_up_no_other(extractors: Extractors) -> None:
    slow = asyncio.create_task(code_of(extractors, PDF, inflating_pdf(SHOWN, 4)))
    await asyncio.sleep(0)

    read = await extractors.read(PLAIN, b"Quick.")

    assert read.text == "Quick."
    assert not slow.done()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


async def test_a_process_that_was_killed_is_replaced_without_a_word(extractors: Extractors) -> None:
    await extractors.read(PLAIN, b"One.")
    [killed] = readers()
    os.kill(killed.pid, signal.SIGKILL)

    read = await extractors.read(PLAIN, b"Two.")

    assert read.text == "Two."
    assert killed not in readers()


async def test_whoever_goes_away_leaves_no_half_read_file_behind(extractors: Extractors) -> None:
    await extractors.read(PLAIN, b"One.")
    leaving = asyncio.create_task(extractors.read(PDF, inflating_pdf(SHOWN, 4)))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    read = await extractors.read(PLAIN, b"Two.")

    assert read.text == "Two."


async def test_a_process_without_work_ends_and_gives_its_memory_back(
    extractors: Extractors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "IDLE_SECONDS", 0.5)

    await extractors.read(PLAIN, b"One.")
    [first] = readers()

    async with asyncio.timeout(WITHIN_SECONDS):
        while [child for child in psutil.Process().children() if child.is_running() and child.pid == first.pid]:
            await asyncio.sleep(0.01)
    assert (await extractors.read(PLAIN, b"Two.")).text == "Two."


async def test_nothing_is_left_running(extractors: Extractors) -> None:
    await extractors.read(PLAIN, b"One.")

    await extractors.close()

    assert readers() == []


async def test_secrets_are_not_handed_on(extractors: Extractors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("DYNAVERA_TOKEN", "dyn-secret")

    await extractors.read(PLAIN, b"One.")

    [reader] = readers()
    assert not {"OPENAI_API_KEY", "DYNAVERA_TOKEN"} & set(reader.environ())
