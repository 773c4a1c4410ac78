"""Each file type becomes text with passages, or is refused with a reason."""

import json
from collections.abc import AsyncGenerator
from importlib.util import find_spec

import pytest
import pytest_asyncio

from dynavera.contracts.media_types import CSV, HTML, JSON, JSON_LINES, MARKDOWN, MEDIA_TYPES, PDF, PLAIN, TSV, WORD
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.extractors import Extraction, ExtractorPool
from mcp_service.knowledge.extraction.readers import FILE_TYPES
from mcp_service.knowledge.splitting import PASSAGE_CHARACTERS
from mcp_service.limits import ServiceLimits
from tests.mcp_service.knowledge.sample_files import encrypted_pdf, pdf

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def extractors() -> AsyncGenerator[ExtractorPool]:
    extractors = ExtractorPool(ServiceLimits().extractor_idle)
    yield extractors
    await extractors.close()


async def refusal(extractors: ExtractorPool, media_type: str, data: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        await extractors.read(media_type, data)
    return refused.value


def texts(extracted: Extraction) -> list[str]:
    return [passage.text for passage in extracted.passages]


async def test_every_media_type_has_a_reader() -> None:
    assert set(FILE_TYPES) == set(MEDIA_TYPES.values())


async def test_markdown_keeps_its_text_and_its_headings(extractors: ExtractorPool) -> None:
    read = await extractors.read(MARKDOWN, "# Größe\r\n\r\n## Licht\r\n\r\nEin Satz.\r\n".encode())

    assert read.text == "# Größe\n\n## Licht\n\nEin Satz.\n"
    assert [(passage.heading, passage.page) for passage in read.passages] == [("Größe › Licht", None)]


async def test_plain_text_has_no_markdown_headings(extractors: ExtractorPool) -> None:
    read = await extractors.read(PLAIN, b"# One\n\nText.")

    assert [passage.heading for passage in read.passages] == [""]


async def test_a_web_page_becomes_markdown_without_its_menus(extractors: ExtractorPool) -> None:
    page = (
        "<html><head><title>T</title></head><body><nav><a href='/'>Home</a><a href='/x'>Shop</a></nav><article>"
        "<h1>Optodes and light</h1><p>An optode touches the scalp &amp; sends light into the brain.</p>"
        "<h2>Sources</h2><p>A source is a laser or a light-emitting diode.</p></article></body></html>"
    )

    read = await extractors.read(HTML, page.encode())

    assert "Shop" not in read.text
    assert read.passages[-1].heading == "Optodes and light › Sources"
    assert "An optode touches the scalp & sends light into the brain." in read.text


async def test_passages_of_a_pdf_have_their_page_and_chapter(extractors: ExtractorPool) -> None:
    pages = ["Introduction\n" + "Light is absorbed.\n" * 200, "More of it.\n" * 400, "Methods\nWe measured (twice)."]

    read = await extractors.read(PDF, pdf(*pages, outline=[("Introduction", 0), ("Methods", 2)]))

    assert all(read.text[passage.start : passage.end] == passage.text for passage in read.passages)
    assert [passage.page for passage in read.passages] == sorted(passage.page or 0 for passage in read.passages)
    assert (read.passages[0].page, read.passages[0].heading) == (1, "Introduction")
    last = read.text.index("We measured (twice).")
    assert read.passages[-1].end > last
    assert {passage.page for passage in read.passages} >= {1, 2}


async def test_the_page_of_a_passage_is_where_it_starts(extractors: ExtractorPool) -> None:
    pages = [f"Page {number} says this.\n" + ("word " * 15 + "\n") * 8 for number in range(1, 13)]

    read = await extractors.read(PDF, pdf(*pages))

    for passage in read.passages:
        before = [number for number in range(1, 13) if read.text.index(f"Page {number} says") <= passage.start]
        assert passage.page == before[-1]
    assert len(read.passages) > 1


async def test_a_pdf_with_an_empty_password_is_read_and_one_with_a_password_refused(extractors: ExtractorPool) -> None:
    read = await extractors.read(PDF, encrypted_pdf("Open to all.", ""))
    refused = await refusal(extractors, PDF, encrypted_pdf("Secret.", "rosebud"))

    assert read.text == "Open to all."
    assert refused.code == "encrypted"


async def test_a_pdf_without_text_is_refused_with_a_hint(extractors: ExtractorPool) -> None:
    refused = await refusal(extractors, PDF, pdf("", ""))

    assert (refused.code, "OCR" in str(refused)) == ("no_text", True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_each_row_of_a_table_is_self_contained(extractors: ExtractorPool, delimiter: str) -> None:
    rows = [["name", "colour", ""], ["Ann", "red", "left"], [], ["Bob", '"deep, blue"', ""]]
    data = "\n".join(delimiter.join(row) for row in rows).encode()

    read = await extractors.read(TSV if delimiter == "\t" else CSV, data)

    assert read.text == "name: Ann\ncolour: red\ncolumn 3: left\n\nname: Bob\ncolour: deep, blue"


async def test_parts_of_a_long_row_repeat_the_first_field(extractors: ExtractorPool) -> None:
    long = " ".join(f"word{number}" for number in range(1000))

    read = await extractors.read(CSV, f"id,note\n7,{long}\n".encode())

    assert len(read.passages) > 2
    assert all(text.startswith("id: 7\nnote: word") for text in texts(read))
    assert all(len(text) <= PASSAGE_CHARACTERS for text in texts(read))
    words = [word for text in texts(read) for word in text.removeprefix("id: 7\nnote: ").split()]
    assert words == long.split()


async def test_each_object_of_json_is_an_entry_with_dotted_names(extractors: ExtractorPool) -> None:
    value = {
        "title": "Study",
        "lead": {"name": "Ann", "tags": ["a", "b"], "none": None},
        "visits": [{"day": 1, "ok": True}, {"day": 2.50, "notes": [{"by": "Bob"}]}],
    }

    read = await extractors.read(JSON, json.dumps(value).encode())

    assert read.text.split("\n\n") == [
        "title: Study\nlead.name: Ann\nlead.tags: a, b",
        "visits.1.day: 1\nvisits.1.ok: true",
        "visits.2.day: 2.5\nvisits.2.notes.1.by: Bob",
    ]


async def test_numbers_are_kept_as_written(extractors: ExtractorPool) -> None:
    read = await extractors.read(JSON, b'{"a": 0.10, "b": ' + b"9" * 5000 + b"}")

    assert read.text.startswith("a: 0.10\n")
    assert read.text.count("9") == 5000


async def test_characters_that_cannot_be_stored_are_replaced(extractors: ExtractorPool) -> None:
    read = await extractors.read(JSON, rb'{"a": "x\u0000y \ud83d\ude00 \ud800"}')

    assert read.text == "a: x\ufffdy 😀 \ufffd"


async def test_each_line_of_json_lines_is_an_entry(extractors: ExtractorPool) -> None:
    read = await extractors.read(JSON_LINES, b'{"a": 1}\n\n{"a": 2}\n')
    refused = await refusal(extractors, JSON_LINES, b'{"a": 1}\nnope\n')

    assert read.text == "a: 1\n\na: 2"
    assert (refused.code, "Line 2" in str(refused)) == ("damaged", True)


BROKEN = [
    (PLAIN, b"", "empty"),
    (PLAIN, b" \n ", "empty"),
    (PLAIN, b"a\x00b", "not_text"),
    (MARKDOWN, b"caf\xe9", "not_text"),
    (HTML, b"<html><body></body></html>", "empty"),
    (CSV, b"\n\n", "empty"),
    (JSON, b"{", "damaged"),
    (JSON, b"{}", "empty"),
    (PDF, b"%PDF-1.4 and nothing else", "damaged"),
    (PDF, b"no PDF at all", "damaged"),
    (PDF, pdf("Cut off.")[:200], "damaged"),
]


@pytest.mark.parametrize(("media_type", "data", "code"), BROKEN)
async def test_files_that_cannot_be_read_are_refused_with_a_reason(
    extractors: ExtractorPool, media_type: str, data: bytes, code: str
) -> None:
    refused = await refusal(extractors, media_type, data)

    assert refused.code == code
    assert str(refused).endswith(".")


@pytest.mark.skipif(find_spec("markitdown") is not None, reason="The extra is installed: tests/extras has its tests.")
async def test_the_error_for_office_files_names_the_extra(extractors: ExtractorPool) -> None:
    refused = await refusal(extractors, WORD, b"PK\x03\x04")

    assert refused.code == "extra_missing"
    assert "`make setup EXTRAS=office`" in str(refused)
