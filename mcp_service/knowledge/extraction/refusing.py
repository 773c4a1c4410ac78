"""How a file is refused. Nothing is imported here: the process that reads files stays small."""


class FileRefused(Exception):
    """A file that cannot become a document; `code` is stable, the message is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def too_large(most_bytes: int) -> FileRefused:
    """There is too much of it."""
    return FileRefused(
        "too_large", f"A file may have at most {most_bytes // (1024 * 1024)} MiB. Split it into smaller ones."
    )


def too_much_text(most_characters: int) -> FileRefused:
    """It grows while it is read."""
    return FileRefused(
        "too_much_text",
        f"A document may have at most {most_characters:,} characters of text. Split it into smaller ones.",
    )


def too_demanding() -> FileRefused:
    """It takes too long, or too much memory."""
    return FileRefused(
        "too_demanding",
        "It takes more time or memory to read than one file may. Split it, or save it in a simpler form.",
    )


def damaged(kind: str) -> FileRefused:
    """It is not what it says."""
    return FileRefused("damaged", f"It cannot be read as {kind}: it is damaged, or something else. Save it anew.")


def empty() -> FileRefused:
    """There is nothing to read."""
    return FileRefused("empty", "There is no text in it.")


def deadly() -> FileRefused:
    """What reads it dies of it."""
    return FileRefused("damaged", "It cannot be read: what reads such files dies of it. Save it anew.")
