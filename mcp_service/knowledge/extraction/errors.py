"""Why a file is refused. Imports nothing, to keep the processes that read files small."""


class FileRefused(Exception):
    """A file cannot become a document; `code` is stable, the message is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def too_large(max_bytes: int) -> FileRefused:
    """The file is too large."""
    return FileRefused(
        "too_large", f"A file may have at most {max_bytes // (1024 * 1024)} MiB. Split it into smaller ones."
    )


def too_much_text(max_characters: int) -> FileRefused:
    """The text is too long."""
    return FileRefused(
        "too_much_text",
        f"A document may have at most {max_characters:,} characters of text. Split it into smaller ones.",
    )


def too_demanding() -> FileRefused:
    """Reading the file exceeds the time or memory limit."""
    return FileRefused(
        "too_demanding",
        "Reading it takes too much time or memory. Split it, or save it in a simpler form.",
    )


def damaged(kind: str) -> FileRefused:
    """The file is not valid for its type."""
    return FileRefused("damaged", f"It is not a valid {kind} file. Save it again.")


def empty() -> FileRefused:
    """The file has no text."""
    return FileRefused("empty", "It has no text.")


def reader_crashed() -> FileRefused:
    """The file crashes its reader."""
    return FileRefused("damaged", "This file crashes the reader. Save it again.")
