"""One line of a table's top: is it a person's, does it hold titles, is it a remark?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from mailmerge_cli.model.cell import Cell
from mailmerge_cli.sources.titles import Sense, fits

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_NUMBER = re.compile(r"[-+(]?\s?[¥￥€$£]?\s?\d[\d.,'’\u00a0\u202f /:-]*\s?[%€¥元円]?\)?")
_SHORT, _LONG = 60, 320  # characters that a number and an address may have


class Line:
    """One line of a table's top that is not blank.

    Attributes:
        place: where it stands among the others; lines that follow each other have places that do.
        number: what the person calls it.
        cells: from the table's first column on.
    """

    def __init__(self, place: int, number: int, cells: Sequence[Cell]) -> None:
        self.place, self.number, self.cells = place, number, cells

    def at(self, column: int) -> Cell:
        """The cell there; blank right of the last one."""
        return self.cells[column] if column < len(self.cells) else ""

    @cached_property
    def filled(self) -> tuple[int, ...]:
        """The columns where something stands."""
        return tuple(at for at, cell in enumerate(self.cells) if not isinstance(cell, str) or cell.strip())

    def words(self, column: int) -> bool:
        """Whether a text stands there that is neither an address nor a number."""
        cell = self.at(column)
        return isinstance(cell, str) and bool(cell.strip()) and not _of_data(cell)

    @property
    def of_words(self) -> bool:
        """Whether nothing else stands in it."""
        return all(map(self.words, self.filled))

    @property
    def of_data(self) -> bool:
        """Whether an address or a number stands in it."""
        return any(not isinstance(self.at(at), str) or _of_data(str(self.at(at))) for at in self.filled)

    @property
    def has_address(self) -> bool:
        """Whether an address stands in it."""
        return any(isinstance(cell, str) and _is_address(cell) for cell in self.cells)


def is_title(cell: Cell) -> bool:
    """Whether it is a word by which people title a column that every list has."""
    return isinstance(cell, str) and any(fits(cell, sense) for sense in (Sense.EMAIL, Sense.NAME, Sense.KEY))


def is_person(cell: Cell) -> bool:
    """Whether it is an address and nothing else; a heading may hold one among its words."""
    return isinstance(cell, str) and len(cell) <= _LONG and _ADDRESS.fullmatch(cell.strip()) is not None


def is_remark(cell: Cell) -> bool:
    """`Unit: CNY`, `编制日期：2026-11-30`."""
    return isinstance(cell, str) and bool(re.search(r"\S\s*[:：]\s*\S", cell))


def heads(line: Line, after: Sequence[Line]) -> bool:
    """Whether a line holds titles: words, and below them there are addresses or numbers."""
    if not line.of_words:
        return False  # an error value among them: it has no text
    texts = {str(line.at(column)).strip() for column in line.filled}
    return len(texts) == len(line.filled) and any(
        not isinstance(cell, str) or _of_data(cell) for other in after for cell in map(other.at, line.filled)
    )


def _of_data(text: str) -> bool:
    return _is_address(text) or (len(text) <= _SHORT and _NUMBER.fullmatch(text.strip()) is not None)


def _is_address(text: str) -> bool:
    return "@" in text and _ADDRESS.search(text[:_LONG]) is not None
