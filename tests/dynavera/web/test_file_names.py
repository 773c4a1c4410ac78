"""The names of uploaded files."""

import unicodedata

import pytest
from python_multipart.multipart import parse_options_header

from dynavera.web.file_names import with_plain_name

NAME = "Prüfung.md"

SENT = {
    "UTF-8": f'filename="{NAME}"'.encode(),
    "Latin-1": f'filename="{NAME}"'.encode("latin-1"),
    "RFC 5987 alone": b"filename*=UTF-8''Pr%C3%BCfung.md",
    "RFC 5987 in Latin-1": b"filename*=iso-8859-1'de'Pr%FCfung.md",
    "RFC 5987 beside another": b"filename=\"Pr_fung.md\"; filename*=utf-8''Pr%C3%BCfung.md",
    "RFC 5987 first": b"filename*=utf-8''Pr%C3%BCfung.md; filename=x.md",
    "encoded word in base64": b'filename="=?utf-8?B?UHLDvGZ1bmcubWQ=?="',
    "encoded words": b'filename="=?utf-8?Q?Pr=C3=BC?= =?utf-8?Q?fung.md?="',
    "encoded word in Latin-1": b'filename="=?iso-8859-1?Q?Pr=FCfung.md?="',
    "decomposed": f'filename="{unicodedata.normalize("NFD", NAME)}"'.encode(),
}


@pytest.mark.parametrize("case", SENT)
def test_a_name_is_read_in_every_encoding(case: str) -> None:
    _, options = parse_options_header(with_plain_name(b"form-data; name=file; " + SENT[case]))

    assert options == {b"name": b"file", b"filename": NAME.encode()}


@pytest.mark.parametrize("name", ['with "quotes".md', "=?unknown?B?UHI=?=", "=?utf-8?X?a?=.md", "a/b.md", "a;b.md"])
def test_other_names_stay(name: str) -> None:
    sent = name.replace('"', '\\"').encode()

    _, options = parse_options_header(with_plain_name(b'form-data; name="file"; filename="%s"' % sent))

    assert options[b"filename"] == name.encode()


def test_a_field_without_a_file_keeps_its_header() -> None:
    assert with_plain_name(b'form-data; name="collection"') == b'form-data; name="collection"'
