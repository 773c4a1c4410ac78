"""CSV, and JSON records."""

import pytest

from dynavera.contracts.media_types import CSV, JSON, JSON_LINES, PLAIN
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.readers import read
from mcp_service.knowledge.extraction.tables import csv_paragraphs

TABLES = {
    "commas in cells": ("id;fits\n1;a, b\n2;c, d\n", "id: 1\nfits: a, b"),
    "decimal commas": ("width;height\n1,5;2,5\n3,5;4,5\n", "width: 1,5\nheight: 2,5"),
    "decimal commas without letters": ("1,5;2,5\n3,5;4,5\n", "1,5: 3,5\n2,5: 4,5"),
    "semicolons in cells": ("id,fits\n1,a;b\n2,c;d\n", "id: 1\nfits: a;b"),
    "a named separator": ("sep=|\nid|price\n1|7,90\n", "id: 1\nprice: 7,90"),
    "an unusual separator": ("sep=^\nid^price\n1^7,90\n", "id: 1\nprice: 7,90"),
    "titles": (
        "Orders\nYear;2026\nNo;Part;Price\n1;Seal;7,90\n2;Pump;8,10\n",
        "Orders\nYear: 2026\n\nNo: 1\nPart: Seal",
    ),
    "padded titles": ("Orders,,\n,,\nNo,Part,Price\n1,Seal,7\n2,Pump,8\n", "Orders\n\nNo: 1\nPart: Seal"),
    "a header with gaps": (",Monday,Tuesday\nAnn,1,2\nBob,3,4\n", "column 1: Ann\nMonday: 1\nTuesday: 2"),
    "a column without a name": (
        "name,colour,\nAnn,red,left\nBob,blue,right\n",
        "name: Ann\ncolour: red\ncolumn 3: left",
    ),
    "a cell of two lines": ('id,text\n1,"one\ntwo"\n2,three\n', "id: 1\ntext: one two"),
    "blanks before quotes": ('id, text\n1, "one, two"\n2, "three"\n', "id: 1\ntext: one, two"),
    "names of rows without a name": (
        "Nm,Unit\nB-1,25,dry\nB-2,26,wet\n",
        "column 1: B-1\nNm: 25\nUnit: dry",
    ),
    "an image in a cell": (
        "id,picture\n1,data:image/png;base64,iVBORw0KGgo=\n2,none\n",
        "id: 1\n\nid: 2\npicture: none",
    ),
    "quotes within a cell": ('id,size\n1,5" pipe\n2,"6"" pipe"\n', 'id: 1\nsize: 5" pipe\n\nid: 2\nsize: 6" pipe'),
}


@pytest.mark.parametrize("case", TABLES)
def test_rows_have_the_names_of_their_columns(case: str) -> None:
    source, beginning = TABLES[case]

    assert "\n\n".join(csv_paragraphs(source)).startswith(beginning)


@pytest.mark.parametrize(
    ("source", "line"),
    [('id,text\n1,one\n2,"never closed\n3,three\n', 3), ('sep=;\nid;text\n1;"open\n2;"two"\n3;three\n', 3)],
)
def test_a_quotation_mark_that_is_not_closed_is_refused_with_its_line(source: str, line: int) -> None:
    with pytest.raises(FileRefused, match=f"line {line} is not closed"):
        list(csv_paragraphs(source))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig", "utf-32"])
@pytest.mark.parametrize("media_type", [CSV, PLAIN])
def test_a_byte_order_mark_names_the_encoding(encoding: str, media_type: str) -> None:
    text = "Größe\tPreis\n1\t7,90\n"
    data = ("\ufeff" + text if encoding == "utf-16-be" else text).encode(encoding)

    content, _ = read(media_type, data, lambda: None)[:2]

    is_table = media_type == CSV or encoding in {"utf-16", "utf-16-be"}
    assert content.strip() == ("Größe: 1\nPreis: 7,90" if is_table else text.strip())


def test_half_a_character_in_utf_16_is_refused() -> None:
    with pytest.raises(FileRefused, match="UTF-16"):
        read(PLAIN, b"\xff\xfea", lambda: None)


@pytest.mark.parametrize(
    ("media_type", "source"),
    [
        (JSON, '[{"id": "B-1", "sizes": [{"mm": 4}, {"mm": 5}]}, {"id": "B-2"}]'),
        (JSON_LINES, '{"id": "B-1", "sizes": [{"mm": 4}, {"mm": 5}]}\n{"id": "B-2"}\n'),
        (JSON, '{"id": "B-1", "sizes": [{"mm": 4}, {"mm": 5}]}\n{"id": "B-2"}\n'),
        (JSON_LINES, '[\n{"id": "B-1", "sizes": [{"mm": 4}, {"mm": 5}]},\n{"id": "B-2"}\n]\n'),
    ],
)
def test_a_record_is_one_entry(media_type: str, source: str) -> None:
    text, _ = read(media_type, source.encode(), lambda: None)[:2]

    assert text == "id: B-1\nsizes.1.mm: 4\nsizes.2.mm: 5\n\nid: B-2"
