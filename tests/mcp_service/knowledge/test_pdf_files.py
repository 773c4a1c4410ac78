"""PDF: damaged ends, encodings, forms, pictures and divided words."""

from collections.abc import Callable

import pytest

from mcp_service.knowledge.extraction.content import Content
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.line_breaks import join_divided_words
from mcp_service.knowledge.extraction.pdf_files import read_pdf
from tests.mcp_service.knowledge.sample_files import pdf, pdf_of

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def read(data: bytes) -> Content:
    return read_pdf(data, lambda: None)


def page(content: bytes, entries: bytes = b"") -> list[bytes]:
    """Objects 4 and 5: a page with `content` and further entries."""
    resources = b"/Resources << /Font << /F1 3 0 R >> /XObject << /Im 6 0 R >> >>"
    return [
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R %s %s >>" % (resources, entries),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]


def document(content: bytes, *more: bytes, entries: bytes = b"", font: bytes = FONT, root: bytes = b"") -> bytes:
    """A PDF of one page; `more` are the objects from 6 on."""
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % root,
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            font,
            *page(content, entries),
            *more,
        ]
    )


SHOWN = b"BT /F1 12 Tf 50 700 Td (Report) Tj ET"
IMAGE = (
    b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>"
    b"\nstream\n0\nendstream"
)
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "no end": lambda data: data[: data.rindex(b"%%EOF")],
    "no table": lambda data: data[: data.rindex(b"xref\n0")],
    "a wrong table": lambda data: data.replace(b"startxref\n", b"startxref\n9"),
    "something before": lambda data: b"HTTP/1.1 200 OK\r\n\r\n" + data,
    "something after": lambda data: data + b"\x00" * 2000,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_viewers_open_is_read(damage: str) -> None:
    assert read(DAMAGES[damage](pdf("The valve closes.", "At 16 bar."))).text == "The valve closes.\n\nAt 16 bar."


def test_pages_that_a_cut_file_lost_are_counted() -> None:
    whole = pdf("One.", "Two.")

    content = read(whole[: whole.index(b"6 0 obj")])

    assert content.text.strip() == "One."
    assert content.notice == "1 of 2 pages is damaged: not read."


@pytest.mark.parametrize(
    ("encoding", "ordering", "code", "text"),
    [
        (b"KSCms-UHC-H", b"Korea1", "정격".encode("cp949"), "정격"),
        (b"GBK-EUC-H", b"GB1", "额定".encode("gbk"), "额定"),
        (b"EUC-H", b"Japan1", "定格".encode("euc_jp"), "定格"),
        (b"ETen-B5-H", b"CNS1", "額定".encode("big5"), "額定"),
        (b"UniJIS-UTF16-H", b"Japan1", "定格".encode("utf-16-be"), "定格"),
    ],
)
def test_predefined_encodings_are_read(encoding: bytes, ordering: bytes, code: bytes, text: str) -> None:
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /%s /DescendantFonts [<< /Type /Font /Subtype "
        b"/CIDFontType0 /BaseFont /A /CIDSystemInfo << /Registry (Adobe) /Ordering (%s) /Supplement 0 >> >>] >>"
    ) % (encoding, ordering)

    assert read(document(b"BT /F1 12 Tf 50 700 Td <%s> Tj ET" % code.hex().encode(), font=font)).text == text


def test_fonts_without_letters_give_no_text() -> None:
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [<< /Type /Font /Subtype "
        b"/CIDFontType2 /BaseFont /A /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >>"
    )

    with pytest.raises(FileRefused, match="fonts") as refused:
        read(document(b"BT /F1 12 Tf 50 700 Td <0003000400050006> Tj ET", font=font))

    assert refused.value.code == "no_text"


def test_values_of_form_fields_are_read() -> None:
    fields = [
        b"/FT /Tx /T (form[0].serial[0]) /V (SN-5)",
        b"/FT /Tx /T (x1) /TU (Name of the pump) /V <FEFF00470072>",
        b"/FT /Btn /T (checked) /V /Yes /AS /Yes /AP << /N << /Yes 3 0 R /Off 3 0 R >> >>",
        b"/FT /Btn /T (open) /V /Off /AS /Off",
        b"/FT /Ch /T (hall) /V (Hall 4) /Opt [(Hall 1) (Hall 4)]",
        b"/FT /Tx /T (secret) /V (hidden) /Ff 8192",
        b"/FT /Tx /T (gone) /V (hidden) /F 2",
        b"/FT /Tx /T (blank)",
    ]
    references = b" ".join(b"%d 0 R" % (number + 6) for number in range(len(fields)))
    widgets = [b"<< /Type /Annot /Subtype /Widget /Rect [0 0 9 9] %s >>" % field for field in fields]

    text = read(
        document(
            SHOWN, *widgets, entries=b"/Annots [%s]" % references, root=b"/AcroForm << /Fields [%s] >>" % references
        )
    ).text

    assert text == "Report\n\nserial: SN-5\nName of the pump: Gr\nchecked: yes\nhall: Hall 4"


@pytest.mark.parametrize("kind", [b"FreeText", b"Text", b"Highlight", b"Square", b"Ink"])
def test_text_typed_onto_a_page_is_read(kind: bytes) -> None:
    note = b"<< /Type /Annot /Subtype /%s /Rect [9 9 90 90] /Contents (Changed on 3 May.) >>" % kind

    assert read(document(SHOWN, note, entries=b"/Annots [6 0 R]")).text == "Report\n\nChanged on 3 May."


LEFT = ["Pumps need care every", "week, and oil from the", "store in hall four. The", "seal lasts two years."]
RIGHT = ["Valves close at sixteen", "bar. They are checked", "by Ann on Mondays and", "never under pressure."]
CELLS = ["The seal is leaking", "No flow at the valve", "Motor is too hot", "Noise at the bearing"]


def side_by_side(*columns: list[str]) -> bytes:
    """A page that is written line by line across its columns, below a title."""
    lines = [
        f"1 0 0 1 {50 + 180 * column} {700 - 14 * number} Tm ({text}) Tj"
        for number, row in enumerate(zip(*columns, strict=True))
        for column, text in enumerate(row)
    ]
    return (
        f"BT /F1 11 Tf 1 0 0 1 50 730 Tm (What there is to know of pumps and valves) Tj {' '.join(lines)} ET".encode()
    )


@pytest.mark.parametrize("columns", [[LEFT, RIGHT], [LEFT, RIGHT, LEFT]])
def test_columns_are_read_one_after_the_other(columns: list[list[str]]) -> None:
    _, *lines = read(document(side_by_side(*columns))).text.split("\n")

    assert lines == [line for column in columns for line in column]


@pytest.mark.parametrize("columns", [[CELLS, CELLS], [["B-1", "B-2", "B-3", "B-4"], RIGHT]])
def test_rows_of_a_table_stay_together(columns: list[list[str]]) -> None:
    _, *lines = read(document(side_by_side(*columns))).text.split("\n")

    assert lines == [" ".join(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("A calcu-", "lated flow.", "A calculated\n\nflow."),
        ("A well-", "known flow.", "A well-known\n\nflow."),
        ("A list -", "and more.", "A list -\n\nand more."),
        ("A calcu-", "Chapter", "A calcu-\n\nChapter"),
    ],
)
def test_a_word_divided_between_pages_is_whole_on_the_first(first: str, second: str, text: str) -> None:
    assert read(pdf(first, second)).text == text


def test_a_picture_with_recognized_text_is_read() -> None:
    recognized = b"BT /F1 12 Tf 3 Tr 50 700 Td (Report) Tj ET q 600 0 0 780 0 0 cm /Im Do Q"

    content = read(document(recognized, IMAGE))

    assert (content.text, content.notice) == ("Report", None)


@pytest.mark.parametrize("content", [b"q 9 0 0 9 0 0 cm /Im Do Q", SHOWN + b" q 600 0 0 780 0 0 cm /Im Do Q"])
def test_pages_that_are_pictures_are_counted(content: bytes) -> None:
    both = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R 7 0 R] /Count 2 >>",
        FONT,
        *page(content),
        IMAGE,
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 8 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(SHOWN), SHOWN),
    ]

    assert read(pdf_of(both)).notice == "1 of 2 pages is a picture: not read."
    assert read(pdf("One.", "", "Two.")).notice is None


@pytest.mark.parametrize(
    ("divided", "text"),
    [
        ("The velo\ufffecity falls.", "The velocity falls."),
        ("The velo-\ncity falls.", "The velocity falls."),
        ("The velo\u00ad\ncity falls.", "The velocity falls."),
        ("The belt\ufffedriven and belt-driven fan.", "The belt-driven and belt-driven fan."),
        ("A well-\nknown fan.", "A well-known fan."),
        ("Part BX\ufffe117 is new.", "Part BX-117 is new."),
        ("Part BX-\n117 is new.", "Part BX-117 is new."),
        ("The Rhine-\nDanube canal.", "The Rhine-Danube canal."),
        ("- one\n- two", "- one\n- two"),
    ],
)
def test_words_divided_at_line_ends_are_joined(divided: str, text: str) -> None:
    assert join_divided_words(divided) == text
