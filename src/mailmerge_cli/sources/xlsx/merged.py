"""Which rows of the data a merged range touches: all but its first cell are blank, so such a row says less than it shows (F17)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mailmerge_cli.errors import Problem
from mailmerge_cli.model.table import Column
from mailmerge_cli.sources.ranges import Range

_MOST, _FEW = 64, 8


class MergedRows:
    """Asked row by row, from the top down.

    Args:
        ranges: sorted by their first row.
        header: its row; ranges that end there or above do not count.
        width: columns that are read.
    """

    def __init__(self, ranges: Sequence[Range], header: int, width: int) -> None:
        self._ahead = deque(found for found in ranges if found.bottom > header and found.left < width)
        self._open: list[Range] = []

    def problems(self, row: int, columns: Sequence[Column]) -> tuple[Problem, ...]:
        """A problem for each merged range that touches the row."""
        if not self._open and not (self._ahead and self._ahead[0].top <= row):
            return ()
        while self._ahead and self._ahead[0].top <= row:
            self._open.append(self._ahead.popleft())
            if len(self._open) > _MOST:
                # Those that reach furthest down are enough to know every row that is concerned.
                self._open = sorted(self._open, key=lambda found: found.bottom)[-_FEW:]
        self._open = [found for found in self._open if found.bottom >= row]
        return tuple(
            Problem(
                row, columns[found.left].title or columns[found.left].letter, "merged",
                f"the cells {found.reference} are merged; unmerge them and write each row's own value",
            )
            for found in self._open[:_FEW]
        )  # fmt: skip
