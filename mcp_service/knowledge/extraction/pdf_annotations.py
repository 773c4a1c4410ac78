"""What was typed onto a page of a PDF: values of form fields, and text in annotations."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2.raw as raw

_raw: Any = raw

MAX_ANNOTATIONS = 2000
"""Annotations of a page that are looked at."""

_NOTES = frozenset(
    {
        raw.FPDF_ANNOT_FREETEXT,
        raw.FPDF_ANNOT_TEXT,
        raw.FPDF_ANNOT_HIGHLIGHT,
        raw.FPDF_ANNOT_UNDERLINE,
        raw.FPDF_ANNOT_STRIKEOUT,
        raw.FPDF_ANNOT_STAMP,
        raw.FPDF_ANNOT_CARET,
        raw.FPDF_ANNOT_SQUARE,
        raw.FPDF_ANNOT_CIRCLE,
        raw.FPDF_ANNOT_LINE,
        raw.FPDF_ANNOT_POLYGON,
        raw.FPDF_ANNOT_POLYLINE,
        raw.FPDF_ANNOT_INK,
        raw.FPDF_ANNOT_SQUIGGLY,
    }
)
_HIDDEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD = 1 << 13
_BUTTONS = frozenset({raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON})
_NOT_TYPED = frozenset({raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_SIGNATURE})
_INDEX = re.compile(r"\[\d+\]")


def typed_lines(document: Any, page: Any) -> list[str]:
    """The lines, each once: `name: value` of a form field, or the text of an annotation."""
    form = document.formenv.raw if document.formenv is not None else None
    lines: dict[str, None] = {}
    for number in range(min(_raw.FPDFPage_GetAnnotCount(page.raw), MAX_ANNOTATIONS)):
        annotation = _raw.FPDFPage_GetAnnot(page.raw, number)
        if annotation:
            lines |= dict.fromkeys(_lines(form, annotation))
            _raw.FPDFPage_CloseAnnot(annotation)
    return list(lines)


def _lines(form: Any, annotation: Any) -> Iterator[str]:
    kind = _raw.FPDFAnnot_GetSubtype(annotation)
    if _raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
        return
    if kind == raw.FPDF_ANNOT_WIDGET:
        yield from _field(form, annotation)
    elif kind in _NOTES and (text := _entry(annotation, b"Contents").strip()):
        yield text


def _field(form: Any, annotation: Any) -> Iterator[str]:
    kind = _raw.FPDFAnnot_GetFormFieldType(form, annotation) if form else raw.FPDF_FORMFIELD_UNKNOWN
    if kind in _NOT_TYPED or (form and _raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD):
        return
    if kind in _BUTTONS:
        value = _choice(form, annotation) if _raw.FPDFAnnot_IsChecked(form, annotation) else ""
    else:
        value = _form_text(_raw.FPDFAnnot_GetFormFieldValue, form, annotation) if form else ""
        value = value or _entry(annotation, b"V")
    if value.strip():
        name = _name(form, annotation)
        yield f"{name}: {value.strip()}" if name else value.strip()


def _choice(form: Any, annotation: Any) -> str:
    value = _form_text(_raw.FPDFAnnot_GetFormFieldExportValue, form, annotation)
    return "yes" if value.lower() in {"", "on", "yes", "1"} else value


def _name(form: Any, annotation: Any) -> str:
    """The field's description, or its own part of its full name."""
    if not form:
        return _entry(annotation, b"TU") or _entry(annotation, b"T")
    described = _form_text(_raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    name = _form_text(_raw.FPDFAnnot_GetFormFieldName, form, annotation)
    return " ".join(described.split()) or _INDEX.sub("", name).rpartition(".")[2]


def _entry(annotation: Any, key: bytes) -> str:
    return _text(lambda buffer, size: _raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size))


def _form_text(read: Callable[..., int], form: Any, annotation: Any) -> str:
    return _text(lambda buffer, size: read(form, annotation, buffer, size))


def _text(read: Callable[[Any, int], int]) -> str:
    """A string of PDFium, which first says how many bytes it needs."""
    size = read(None, 0)
    if size <= 2:
        return ""
    buffer = (_raw.FPDF_WCHAR * (size // 2))()
    read(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace").replace("\r\n", "\n").replace("\r", "\n")
