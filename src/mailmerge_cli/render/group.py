"""`rows`: the lines of the list that one mail is made of, as templates see them.

Rule: a line gives cells by name and nothing else; it is never printed whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, SupportsIndex, overload

from mailmerge_cli.model.cell import LinesCell
from mailmerge_cli.render.fault import Misuse
from mailmerge_cli.render.filters import number


class Line:
    """One line: `line.item`, `line["Item no."]`; it has no attributes, so that no column's name is taken.

    Args:
        cells: of the line.
        places: the index of each title and name.
    """

    __slots__ = ("_cells", "_places")

    def __init__(self, cells: tuple[Any, ...], places: Mapping[str, int]) -> None:
        self._cells = cells
        self._places = places

    def __getitem__(self, name: object) -> Any:
        place = self._places.get(name) if isinstance(name, str) else None
        if place is None:
            raise Misuse("asks a line of rows for a column that the list does not have")
        return self._cells[place]

    def _refuse(self, *_: object) -> NoReturn:
        raise Misuse('prints a whole line of rows; name a column of it, as in line["…"]')

    __str__ = __html__ = __format__ = __repr__ = __iter__ = __len__ = __contains__ = _refuse

    def __bool__(self) -> bool:
        return True


class Lines(tuple[Line, ...]):
    """All lines of one mail, in the order of the list."""

    __slots__ = ()

    @overload
    def __getitem__(self, place: SupportsIndex) -> Line: ...
    @overload
    def __getitem__(self, place: slice) -> Lines: ...
    def __getitem__(self, place: SupportsIndex | slice) -> Line | Lines:
        found = super().__getitem__(place)
        return Lines(found) if isinstance(found, tuple) else found

    def _refuse(self, *_: object) -> NoReturn:
        raise Misuse("prints rows whole; print its lines: {% for line in rows %} … {% endfor %}")

    __str__ = __html__ = __format__ = __repr__ = _refuse


def lines_of(cell: object, places: Mapping[str, int]) -> Lines:
    """`rows`, of the cell that holds the lines."""
    assert isinstance(cell, LinesCell)
    return Lines(Line(cells, places) for cells in cell.lines)


def total(lines: Iterable[Any], name: str, decimal: str = ".") -> Any:
    """The filter `total`: the sum of one column over lines; a text is read as `| number` reads it.

    Args:
        lines: `rows`, or some of them.
        name: the column, by title or name.
        decimal: see `number`.
    """
    return sum(number(line[name], decimal) for line in lines)
