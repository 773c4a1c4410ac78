"""Columns of a PDF page that is written line by line across them: each column is read to its end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Any

MIN_LINES = 4
"""Lines beside each other that make columns."""

MAX_PIECES = 1_000
"""Pieces of text of a page that is looked at: finding the text of each takes time in proportion to all."""

MIN_WORDS = 3
MIN_CHARACTERS = 10
"""The usual size of a line of prose; cells of a table are shorter."""

MIN_CONTINUED = 0.3
"""The share of lines that begin in the middle of a sentence; rows of a table rarely do."""

_GAP = 0.9
"""A blank that parts columns, in heights of a line."""

_MAX_LINE_PITCH = 2.5
"""From one line to the next of a column, in heights of a line."""


@dataclass
class _Piece:
    """Text of one line without wide blanks."""

    left: float
    bottom: float
    right: float
    top: float
    text: str

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def is_beside(self, other: "_Piece") -> bool:
        """Whether both are on the same line."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        return shared > min(self.height, other.height) / 2


@dataclass
class _Columns:
    """Consecutive lines, in columns from left to right."""

    lines: list[list[_Piece]]
    _columns: list[list[_Piece]] = field(default_factory=list[list[_Piece]])

    def add(self, line: list[_Piece]) -> bool:
        """Whether the line, which is then added, has at most one piece in each column."""
        if self.lines and self.lines[-1][0].bottom - line[0].top > _MAX_LINE_PITCH * line[0].height:
            return False
        columns = [list(column) for column in self._columns]
        for piece in line:
            found = [column for column in columns if _overlaps(column, piece)]
            if len(found) > 1 or any(other in found[0] for other in line if found and other is not piece):
                return False
            if found:
                found[0].append(piece)
            else:
                columns.append([piece])
        self._columns = columns
        self.lines.append(line)
        return True

    @property
    def texts(self) -> Iterator[str]:
        """The lines in reading order: by columns if they are of prose."""
        in_columns = sorted(self._columns, key=lambda column: min(piece.left for piece in column))
        if len(in_columns) > 1 and all(map(_is_prose, in_columns)):
            yield from (piece.text for column in in_columns for piece in column)
        else:
            yield from (" ".join(piece.text for piece in line) for line in self.lines)


def read_columns(text_page: Any) -> str | None:
    """The text of a page column by column; None if the order in which it is written is the reading order."""
    number = text_page.count_rects()
    if number > MAX_PIECES:
        return None
    places = [_Piece(*_rectangle(text_page, each), "") for each in range(number)]
    if sum(_has_gap(before, after) for before, after in pairwise(places)) < MIN_LINES:
        # Finding the text of each place takes most of the time.
        return None
    lines = _lines(_pieces(text_page, places))
    if sum(len(line) > 1 for line in lines) < MIN_LINES:
        return None
    written: list[str] = [" ".join(piece.text for piece in line) for line in lines]
    texts = [text for run in _runs(lines) for text in run.texts]
    return "\n".join(texts) if texts != written else None


def _rectangle(text_page: Any, number: int) -> tuple[float, float, float, float]:
    return text_page.get_rect(number)


def _has_gap(before: _Piece, after: _Piece) -> bool:
    return before.is_beside(after) and after.left - before.right >= _GAP * after.height


def _pieces(text_page: Any, places: Sequence[_Piece]) -> list[_Piece]:
    pieces: list[_Piece] = []
    for place in places:
        bounds = (place.left, place.bottom, place.right, place.top)
        piece = replace(place, text=text_page.get_text_bounded(*bounds).strip())
        last = pieces[-1] if pieces else None
        if not piece.text:
            continue
        if last is not None and last.is_beside(piece) and -1 <= piece.left - last.right < _GAP * piece.height:
            joined = "" if piece.left - last.right < _GAP * piece.height / 9 else " "
            pieces[-1] = _Piece(
                last.left,
                min(last.bottom, piece.bottom),
                piece.right,
                max(last.top, piece.top),
                f"{last.text}{joined}{piece.text}",
            )
        else:
            pieces.append(piece)
    return pieces


def _lines(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    lines: list[list[_Piece]] = []
    for piece in pieces:
        if lines and lines[-1][-1].is_beside(piece) and piece.left > lines[-1][-1].right:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return lines


def _runs(lines: Sequence[list[_Piece]]) -> Iterator[_Columns]:
    """The lines in runs that may have columns; one begins with a line of several pieces."""
    run = _Columns([])
    for line in lines:
        is_single = len(run.lines) == 1 and len(run.lines[0]) == 1
        if is_single or not run.add(line):
            yield run
            run = _Columns([])
            run.add(line)
    yield run


def _overlaps(column: Sequence[_Piece], piece: _Piece) -> bool:
    return min(each.left for each in column) < piece.right and piece.left < max(each.right for each in column)


def _is_prose(column: Sequence[_Piece]) -> bool:
    texts = [piece.text for piece in column]
    if len(texts) < MIN_LINES or median(map(len, texts)) < MIN_CHARACTERS:
        return False
    if "".join(texts).isascii() and median(len(text.split()) for text in texts) < MIN_WORDS:
        return False
    continued = sum(text[0].isalpha() and not text[0].isupper() for text in texts[1:])
    return continued >= MIN_CONTINUED * (len(texts) - 1)
