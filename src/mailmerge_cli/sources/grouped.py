"""Several lines of a list, one mail: lines with the same value in one column become one row.

Rule 1: every line stands in exactly one row, or is handed on by itself because it was not chosen; none is lost.
Rule 2: a cell that differs within a group is not guessed: its row has a cell that must not be used.
Rule 3: one bad line makes its whole group bad.
"""

from __future__ import annotations

import hashlib
import unicodedata
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

from mailmerge_cli.address import AddressFault, parse_address
from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.cell import Cell, CellFault, FaultCell, LinesCell
from mailmerge_cli.model.table import Column, Row, Source
from mailmerge_cli.sources.snapshot import sealed
from mailmerge_cli.sources.table_file import counted

LINES = "rows"
"""What templates call the lines of a mail."""

_SHARDS = 64  # the index is sorted in so many parts, so that sorting takes little memory
_TOLD = 5  # numbers of lines that a message names


@dataclass(frozen=True, slots=True)
class Grouping:
    """What makes lines one mail.

    Attributes:
        column: whose value the lines share: as displayed, trimmed, NFC.
        address: the column of addresses, which are compared as such; None where the list has none. A blank one is told by
            whoever looks for addresses.
        agree: columns that say who gets the mail, so that they must be the same in all its lines.
        where: tells whether a line is chosen; raises Refused with problems if it cannot tell. None: all are.
    """

    column: Column
    address: Column | None = None
    agree: tuple[Column, ...] = ()
    where: Callable[[Row], object] | None = None


class GroupedSource(Source):
    """A list whose lines are put together; see `model.table.Source` for its promises.

    Its rows come in the order of their first lines. Their last cell, in a column of its own, holds the lines; a line that
    was not chosen comes alone and has none. Lines that stand together are read as they come. The lines of groups that do
    not stand together are kept in memory during a pass.

    Args:
        source: the list; already entered.
        grouping: see there.

    Raises:
        Refused: the list has a column that templates know as `rows`.
    """

    def __init__(self, source: Source, grouping: Grouping) -> None:
        self._source = source
        self._grouping = grouping
        self.columns = (*source.columns, _lines_column(source.columns))
        compared = (grouping.column, grouping.address, *grouping.agree)
        self.fingerprint = sealed(
            source.fingerprint.encode(),
            ("grouped", *(f"{one.index} {one.title}" if one else "" for one in compared)),
        )
        self._scattered, size = self._index()
        self._told = (f"group_by: {size} by “{grouping.column.title}”",)
        self.notes = self._told + source.notes  # as they are behind a whole pass

    @property
    def ungrouped(self) -> Source:
        """The list, line by line."""
        return self._source

    @property
    def guess(self) -> str:
        """The list's own."""
        return self._source.guess

    def rows(self) -> Iterator[Row]:
        """One pass; lazily as far as the lines of a group stand together."""
        kept = self._gathered()
        value, run = "", list[Row]()
        for line in self._source.rows():
            found = self._value(line)
            if not found or found != value:
                yield from self._settled(value, run, kept)
                run = []
            value = found
            run.append(line)
        yield from self._settled(value, run, kept)
        self.notes = self._told + self._source.notes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.__exit__(kind, error, trace)

    def _index(self) -> tuple[frozenset[int], str]:
        """Hashes of the values whose lines do not stand together, and how many lines and groups there are.

        Two values with one hash (of 64 bits) are kept in memory for nothing.
        """
        shards = [array("Q") for _ in range(_SHARDS)]
        before, lines, groups = "", 0, 0
        for lines, line in enumerate(self._source.rows(), 1):  # noqa: B007
            value = self._value(line)
            if value and value != before:
                hashed = _hashed(value)
                shards[hashed % _SHARDS].append(hashed)
            before = value
            groups += not value
        scattered: set[int] = set()
        for shard in shards:
            ordered = sorted(shard)
            groups += len(set(ordered))
            scattered.update(a for a, b in pairwise(ordered) if a == b)
        size = f"{counted(lines, 'row', 'rows')} in {counted(groups, 'group', 'groups')}"
        return frozenset(scattered), size

    def _gathered(self) -> dict[str, dict[int, Row]]:
        """The chosen lines of the groups that do not stand together, by value and number."""
        kept: dict[str, dict[int, Row]] = {}
        if not self._scattered:
            return kept
        for line in self._source.rows():
            value = self._value(line)
            if value and _hashed(value) in self._scattered:
                group = kept.setdefault(value, {})
                if (chosen := self._chosen(line)) is not None:
                    group[line.number] = chosen
        return kept

    def _settled(self, value: str, run: Sequence[Row], kept: dict[str, dict[int, Row]]) -> Iterator[Row]:
        """The rows of lines that stand together: the group, if it begins here, and lines that were not chosen."""
        group = kept.get(value)
        if group is None:
            group = {line.number: chosen for line in run if (chosen := self._chosen(line)) is not None}
        first = next(iter(group), None)
        for line in run:
            if line.number == first:
                yield self._row(value, tuple(group.values()))
            elif line.number not in group:
                yield Row(line.number, (*line.cells, LinesCell((), ())))

    def _chosen(self, line: Row) -> Row | None:
        """The line, with what hinders `where` among its problems; None if it is not chosen."""
        where = self._grouping.where
        if line.problems or where is None:
            return line
        try:
            return line if where(line) else None
        except Refused as fault:
            return line._replace(problems=fault.problems)

    def _row(self, value: str, lines: tuple[Row, ...]) -> Row:
        first = lines[0]
        problems = [problem for line in lines for problem in line.problems]
        if not value and self._grouping.column != self._grouping.address:
            text = "is blank, and it says which lines are one mail; fill it in"
            problems.append(Problem(first.number, self._grouping.column.title, "group", text))
        lines_cell = LinesCell(tuple(line.number for line in lines), tuple(line.cells for line in lines))
        if len(lines) == 1:
            own = (_cell(first, column) for column in self._source.columns)  # a bad line may be too short
            return Row(first.number, (*own, lines_cell), tuple(problems))
        cells = self._common(lines)
        problems += [
            Problem(first.number, column.title, "group", _of_difference(lines_cell.numbers))
            for column in self._grouping.agree
            if isinstance(cells[column.index], DifferingCell)
        ]
        return Row(first.number, (*cells, lines_cell), tuple(problems))

    def _common(self, lines: Sequence[Row]) -> list[Cell]:
        """The cells that all lines share, and cells that must not be used where they differ."""
        width = len(self._source.columns)
        numbers = tuple(line.number for line in lines)
        table = [
            line.cells if len(line.cells) == width else [_cell(line, one) for one in self._source.columns]
            for line in lines
        ]
        common: list[Cell] = []
        for column, cells in zip(self._source.columns, zip(*table, strict=True), strict=True):
            first = cells[0]
            if type(first) is str and all(type(cell) is str and cell == first for cell in cells):
                common.append(first)
            else:
                common.append(self._agreed(column, cells, numbers))
        return common

    def _agreed(self, column: Column, cells: Sequence[Cell], numbers: tuple[int, ...]) -> Cell:
        """The one cell that stands for several; a fault if any of them is one, or if they differ."""
        fault = next((cell for cell in cells if isinstance(cell, FaultCell)), None)
        if fault is not None:
            return fault
        if column == self._grouping.column or column in self._grouping.agree:
            same = len({self._text(cell, column) for cell in cells}) == 1
        else:
            same = all(_same(cells[0], cell) for cell in cells[1:])
        return cells[0] if same else DifferingCell(column, numbers)

    def _value(self, line: Row) -> str:
        """What the lines of one mail have in common; empty for a line that is none's."""
        return self._text(_cell(line, self._grouping.column), self._grouping.column)

    def _text(self, cell: Cell, column: Column) -> str:
        """A cell as it is compared; empty for a blank one and for one that must not be used."""
        try:
            text = str(cell).strip()
        except CellFault:
            return ""
        text = text if text.isascii() else unicodedata.normalize("NFC", text)
        if "@" not in text or column != self._grouping.address:
            return text
        try:
            return parse_address(text).folded
        except AddressFault:
            return text


class DifferingCell(FaultCell):
    """A cell that differs within its group. Most of them are never used, so that the reason is made when it is asked for."""

    __slots__ = ("_column", "_numbers")

    def __init__(self, column: Column, numbers: tuple[int, ...]) -> None:
        self._column = column
        self._numbers = numbers

    @property
    def reason(self) -> str:  # type: ignore[override]
        """Why it must not be used, and what can be used instead."""
        return _of_use(self._column, _told(self._numbers))

    def __reduce__(self) -> tuple[Any, ...]:
        return DifferingCell, (self._column, self._numbers)


def _lines_column(columns: Sequence[Column]) -> Column:
    for column in columns:
        if LINES in (column.name, column.title):
            sentence = f"column “{column.title}” has the name that the lines of one mail have with group_by ({LINES}); rename it"
            raise Refused(
                f"Names in the list clash: {sentence}.",
                problems=(Problem(None, column.title, "name", sentence),),
            )
    return Column(len(columns), LINES, LINES, "", holds_lines=True)


def _cell(line: Row, column: Column) -> Cell:
    """A cell; blank where a bad line is too short."""
    return line.cells[column.index] if column.index < len(line.cells) else ""


def _same(one: Cell, other: Cell) -> bool:
    """Whether two cells agree in look and value."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, str) and isinstance(other, str):
        return one == other or _plain(one) == _plain(other)
    return one == other and str(one) == str(other)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def _hashed(value: str) -> int:
    return int.from_bytes(hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _told(numbers: Sequence[int]) -> str:
    some = ", ".join(map(str, numbers[:_TOLD]))
    return f"the {len(numbers)} lines of this mail ({some}{', …' if len(numbers) > _TOLD else ''})"


def _of_use(column: Column, lines: str) -> str:
    part = f".{column.name}" if column.name else f'["{column.title}"]'
    return f"differs in {lines}; print it for each line: {{% for line in {LINES} %}}{{{{ line{part} }}}}{{% endfor %}}"


def _of_difference(numbers: Sequence[int]) -> str:
    return f"differs in {_told(numbers)}, and it says who gets the mail; make it the same in all of them"
