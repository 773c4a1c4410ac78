"""The supported file types, by file extension."""

MAX_FILE_BYTES = 10 * 1024 * 1024

MARKDOWN = "text/markdown"
PLAIN = "text/plain"
HTML = "text/html"
PDF = "application/pdf"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
JSON_LINES = "application/jsonl"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
POWERPOINT = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OLD_EXCEL = "application/vnd.ms-excel"

MEDIA_TYPES = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".txt": PLAIN,
    ".text": PLAIN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".pdf": PDF,
    ".csv": CSV,
    ".tsv": TSV,
    ".json": JSON,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".docx": WORD,
    ".pptx": POWERPOINT,
    ".xlsx": EXCEL,
    ".xls": OLD_EXCEL,
}
"""Media types by lower-case file extension."""

_MARKDOWN_TEXTS = frozenset({MARKDOWN, HTML, WORD, POWERPOINT, EXCEL, OLD_EXCEL})


def type_of_text(media_type: str) -> str:
    """The media type of the text extracted from a file of `media_type`: Markdown or plain text."""
    return MARKDOWN if media_type in _MARKDOWN_TEXTS else PLAIN
