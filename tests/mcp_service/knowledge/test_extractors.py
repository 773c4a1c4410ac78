"""Files that harm the process that reads them affect nothing else."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import timedelta

import psutil
import pytest

from dynavera.contracts.media_types import CSV, HTML, JSON, MARKDOWN, PDF, PLAIN
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.extractors import ExtractorPool
from mcp_service.limits import ServiceLimits
from tests.child_processes import running_children
from tests.mcp_service.knowledge.sample_files import inflating_pdf
from tests.serving import until

SHOWN = b"BT /F1 12 Tf 50 700 Td (Hello) Tj ET\n" * 25_000
"""Nearly a megabyte."""

WITHIN_SECONDS = 10


@pytest.fixture
async def extractors() -> AsyncGenerator[ExtractorPool]:
    extractors = ExtractorPool(ServiceLimits().extractor_idle)
    yield extractors
    await extractors.close()


def readers() -> list[psutil.Process]:
    """The processes that read files for this one."""
    return running_children("mcp_service.knowledge.extraction.child")


async def code_of(extractors: ExtractorPool, media_type: str, data: bytes) -> str | None:
    """The code of the refusal; None if the file is read."""
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
    "a million headings": (MARKDOWN, lambda: b"# a\nb\n" * 1_600_000, "too_many_passages too_demanding"),
}


@pytest.mark.parametrize("harm", HARMFUL)
async def test_malicious_files_are_refused_in_time(extractors: ExtractorPool, harm: str) -> None:
    media_type, made, codes = HARMFUL[harm]
    data = made()
    await extractors.read(PLAIN, b"The process has started.")
    began = time.monotonic()

    refused = await code_of(extractors, media_type, data)

    assert refused in codes.split()
    assert time.monotonic() - began < WITHIN_SECONDS
    assert (await extractors.read(PLAIN, b"It reads on.")).text == "It reads on."


@pytest.mark.parametrize(
    ("media_type", "data"),
    [(HTML, b"<div>" * 100_000 + b"x" + b"</div>" * 100_000), (CSV, b"a,b\n" + b"x" * 9_000_000)],
)
async def test_unusual_files_do_no_harm(extractors: ExtractorPool, media_type: str, data: bytes) -> None:
    await code_of(extractors, media_type, data)

    assert (await extractors.read(PLAIN, b"It reads on.")).text == "It reads on."


async def test_one_process_reads_many_files(extractors: ExtractorPool) -> None:
    await extractors.read(PLAIN, b"One.")
    [first] = readers()
    for number in range(20):
        await extractors.read(MARKDOWN, f"# {number}".encode())

    assert readers() == [first]


async def test_a_slow_file_does_not_delay_others(extractors: ExtractorPool) -> None:
    slow = asyncio.create_task(code_of(extractors, PDF, inflating_pdf(SHOWN, 4)))
    await asyncio.sleep(0)

    read = await extractors.read(PLAIN, b"Quick.")

    assert read.text == "Quick."
    assert not slow.done()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


async def test_a_killed_process_is_replaced_silently(extractors: ExtractorPool) -> None:
    await extractors.read(PLAIN, b"One.")
    [killed] = readers()
    os.kill(killed.pid, signal.SIGKILL)

    read = await extractors.read(PLAIN, b"Two.")

    assert read.text == "Two."
    assert killed not in readers()


async def test_a_cancelled_read_does_not_affect_the_next(extractors: ExtractorPool) -> None:
    await extractors.read(PLAIN, b"One.")
    leaving = asyncio.create_task(extractors.read(PDF, inflating_pdf(SHOWN, 4)))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    read = await extractors.read(PLAIN, b"Two.")

    assert read.text == "Two."


async def test_an_idle_process_ends_to_free_its_memory() -> None:
    async with AsyncExitStack() as stack:
        extractors = ExtractorPool(idle=timedelta(seconds=0.5))
        stack.push_async_callback(extractors.close)
        await extractors.read(PLAIN, b"One.")
        [first] = readers()

        await until(lambda: first.pid not in {child.pid for child in readers()}, seconds=WITHIN_SECONDS)
        read = await extractors.read(PLAIN, b"Two.")

    assert read.text == "Two."


async def test_closing_ends_the_processes(extractors: ExtractorPool) -> None:
    await extractors.read(PLAIN, b"One.")

    await extractors.close()

    assert readers() == []


async def test_extractors_receive_no_secrets(extractors: ExtractorPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("DYNAVERA_TOKEN", "dyn-secret")

    await extractors.read(PLAIN, b"One.")

    [reader] = readers()
    assert not {"OPENAI_API_KEY", "DYNAVERA_TOKEN"} & set(reader.environ())
