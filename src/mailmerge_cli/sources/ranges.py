"""Where things are in a sheet: cells and rectangles of cells, as Excel writes them (`B3`, `$A$1:$F$20`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

WIDEST = 16_384
"""Columns of a sheet (Excel's own limit)."""

TALLEST = 1_048_576
"""Rows of a sheet (Excel's own limit)."""

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")
_COLUMN = re.compile(r"\$?([A-Za-z]{1,3})")
_ROW = re.compile(r"\$?([1-9][0-9]{0,6})")


@dataclass(frozen=True, slots=True)
class Range:
    """A rectangle of cells; rows from 1, columns from 0, both ends included."""

    top: int
    left: int
    bottom: int
    right: int
    reference: str


def column_index(letters: str) -> int:
    """A → 0, Z → 25, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def read_range(text: str) -> Range | None:
    """`B3`, `$A$1:$F$20`, whole columns (`A:F`), whole rows (`1:20`); None for anything else."""
    first, colon, last = text.partition(":")
    begin, end = _corner(first), _corner(last or first)
    if begin is None or end is None:
        return None
    (top, left), (bottom, right) = begin, end
    if not colon and (top is None or left is None):
        return None
    if (top is None) is not (bottom is None) or (left is None) is not (right is None):
        return None
    found = Range(
        top or 1,
        left or 0,
        bottom or TALLEST,
        WIDEST - 1 if right is None else right,
        text.replace("$", "").upper(),
    )
    return found if found.top <= found.bottom and found.left <= found.right else None


def _corner(text: str) -> tuple[int | None, int | None] | None:
    """Row and column of one end; None for the one that is not said, None for all if it is no end of a range."""
    row: int | None = None
    column: int | None = None
    if match := _CELL.fullmatch(text):
        row, column = int(match[2]), column_index(match[1].upper())
    elif match := _COLUMN.fullmatch(text):
        column = column_index(match[1].upper())
    elif match := _ROW.fullmatch(text):
        row = int(match[1])
    else:
        return None
    if (row or 1) > TALLEST or (column or 0) >= WIDEST:
        return None
    return row, column
