"""Word, PowerPoint and Excel files, with the extra `office`."""

import io
import zipfile
from collections.abc import AsyncGenerator, Sequence
from importlib import import_module
from typing import Any

import pytest

from dynavera.contracts.media_types import EXCEL, POWERPOINT, WORD
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.extractors import ExtractorPool
from mcp_service.limits import ServiceLimits

pytest.importorskip("markitdown", reason="The extra 'office' is not installed.")

WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGES = "http://schemas.openxmlformats.org/package/2006"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DOCUMENT = f"{RELATIONS}/officeDocument"
STYLES = f"{RELATIONS}/styles"


@pytest.fixture
async def extractors() -> AsyncGenerator[ExtractorPool]:
    extractors = ExtractorPool(ServiceLimits().extractor_idle)
    yield extractors
    await extractors.close()


def word(*paragraphs: tuple[str, str], padding: int = 0) -> bytes:
    """A Word file of paragraphs (style, text); `padding` is added to its uncompressed size."""
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'
        for style, text in paragraphs
    )
    names = {"Heading1": "heading 1", "Heading2": "heading 2", "Normal": "Normal"}
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in names.items()
    )
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGES}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{main}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGES}/relationships">'
        f'<Relationship Id="r1" Type="{DOCUMENT}" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{PACKAGES}/relationships"><Relationship Id="r1" '
        f'Type="{STYLES}" '
        'Target="styles.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{WORDS}"><w:body>{body}{" " * padding}</w:body></w:document>',
        "word/styles.xml": f'<w:styles xmlns:w="{WORDS}">{styles}</w:styles>',
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return written.getvalue()


def excel(**sheets: Sequence[Sequence[object]]) -> bytes:
    openpyxl: Any = import_module("openpyxl")
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    written = io.BytesIO()
    workbook.save(written)
    return written.getvalue()


def powerpoint(*slides: tuple[str, str]) -> bytes:
    pptx: Any = import_module("pptx")
    presentation = pptx.Presentation()
    for title, text in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    written = io.BytesIO()
    presentation.save(written)
    return written.getvalue()


async def test_a_text_keeps_its_headings(extractors: ExtractorPool) -> None:
    data = word(("Heading1", "Optodes"), ("Heading2", "Sources"), ("Normal", "A source sends light &amp; heat."))

    read = await extractors.read(WORD, data)

    assert read.passages[-1].heading == "Optodes › Sources"
    assert "A source sends light & heat." in read.passages[-1].text


async def test_slides_are_pages(extractors: ExtractorPool) -> None:
    read = await extractors.read(POWERPOINT, powerpoint(("Light", "It is absorbed."), ("Blood", "It is red.")))

    assert [(passage.heading, passage.page) for passage in read.passages] == [("Light", 1), ("Blood", 2)]
    assert "Slide number" not in read.text


async def test_rows_of_a_sheet_are_entries_under_its_name(extractors: ExtractorPool) -> None:
    read = await extractors.read(EXCEL, excel(People=[["name", "age"], ["Ann", 3], ["Bob", None]], Empty=[]))

    assert read.text == "## People\n\nname: Ann\nage: 3\n\nname: Bob"
    assert {passage.heading for passage in read.passages} == {"People"}


async def refusal(extractors: ExtractorPool, media_type: str, data: bytes) -> str:
    with pytest.raises(FileRefused) as refused:
        await extractors.read(media_type, data)
    return refused.value.code


@pytest.mark.parametrize("media_type", [WORD, POWERPOINT, EXCEL])
async def test_files_that_cannot_be_opened_are_refused_with_a_reason(
    extractors: ExtractorPool, media_type: str
) -> None:
    codes = [
        await refusal(extractors, media_type, data)
        for data in (b"no archive", bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 512, _archive("other.xml"))
    ]

    assert codes == ["damaged", "encrypted", "damaged"]


async def test_a_zip_bomb_is_refused_and_the_next_file_is_read(extractors: ExtractorPool) -> None:
    bomb = word(("Normal", "Small."), padding=300 * 1024 * 1024)

    assert await refusal(extractors, WORD, bomb) == "too_demanding"
    assert (await extractors.read(WORD, word(("Normal", "Small.")))).text == "Small."


async def test_a_zip_bomb_below_the_limit_does_no_harm(extractors: ExtractorPool) -> None:
    rows = "<row>" + "<c t='inlineStr'><is><t>x</t></is></c>" * 200 + "</row>"
    sheet = "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>"
    data = excel(Sheet=[["a"]])
    bomb = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as good, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good.namelist():
            grown = name == "xl/worksheets/sheet1.xml"
            archive.writestr(name, f"{sheet}{rows * 25_000}</sheetData></worksheet>" if grown else good.read(name))

    assert await refusal(extractors, EXCEL, bomb.getvalue()) == "too_demanding"
    assert (await extractors.read(EXCEL, excel(Sheet=[["a"], ["b"]]))).text == "## Sheet\n\na: b"


def _archive(name: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, "<a/>")
    return written.getvalue()
