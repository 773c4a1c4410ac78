"""Generates PDF files: valid, broken and malicious ones."""

import io
import zlib
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter

_HELPER_OBJECTS = 3
"""The catalogue, the page tree and the font come before the pages."""


def pdf(*pages: str, outline: Sequence[tuple[str, int]] = ()) -> bytes:
    """A PDF with a line of text for each line of each page, and chapters (title, page from 0)."""
    written = _pdf([_drawn(page) for page in pages])
    if not outline:
        return written
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(written)))
    for title, page in outline:
        writer.add_outline_item(title=title, page_number=page)
    return _bytes(writer)


def encrypted_pdf(text: str, password: str) -> bytes:
    """A PDF encrypted with `password`, which may be empty."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(text))))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    return _bytes(writer)


def inflating_pdf(content: bytes, times: int, pages: int = 1) -> bytes:
    """A PDF whose every page is `content`, repeated."""
    squeezed = zlib.compressobj(9)
    stream = b"".join(squeezed.compress(content) for _ in range(times)) + squeezed.flush()
    return _pdf([stream] * pages, filtered=True)


def _drawn(text: str) -> bytes:
    lines = (line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in text.splitlines())
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    return f"BT /F1 12 Tf 14 TL 50 700 Td {shown} ET".encode("latin-1")


def _pdf(contents: Sequence[bytes], *, filtered: bool = False) -> bytes:
    first = _HELPER_OBJECTS + 1
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(contents):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (first + 2 * number + 1),
            b"<< /Length %d%s >>\nstream\n%s\nendstream"
            % (len(content), b" /Filter /FlateDecode" if filtered else b"", content),
        ]
    return pdf_of(objects)


def pdf_of(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, which are numbered from 1; the first is the catalogue."""
    written = b"%PDF-1.4\n"
    places: list[int] = []
    for number, each in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return written + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF"
        % (len(objects) + 1, table, len(objects) + 1, len(written))
    )


def _bytes(writer: PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
