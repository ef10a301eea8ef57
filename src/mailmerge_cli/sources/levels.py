"""Which rows of a table hold its titles: a heading above them is passed over, titles may take one to five rows.

Found from merged cells and from what kind of value stands where. Rule: a row that could be a person's is never taken for
titles, nor titles for a person; where both could be, the table is refused with a sentence that says how to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.cell import Cell, CellFault
from mailmerge_cli.model.table import ANSWER_TITLES
from mailmerge_cli.sources.line import Line, heads, is_person, is_remark, is_title
from mailmerge_cli.sources.ranges import Range

__all__ = ["LINES", "MOST", "Line", "Titles", "find_titles"]

MOST = 5
"""Rows that titles may take."""

LINES = 40
"""Lines of the table's top that are looked at."""

_WHOLE = 0.75  # of the table's width: a heading is rarely merged over less
# What to do about a person in a row of titles.
_ABOVE = 'write a row of titles above the first person, or say start = "A{below}" if they stand below'
_COUNTED = "header_rows must count rows of titles only"
_MERGED = "unmerge the cells of the titles that reach down to that row, or say how many rows of titles there are (header_rows)"

_Title = tuple[tuple[int, int], str]


@dataclass(frozen=True, slots=True)
class Titles:
    """The titles of a table.

    Attributes:
        top, bottom: places of the first and the last line that they take.
        paths: for each column its titles, the upper one first; none for a column without.
        notes: what was found, if it is more than one row at the very top.
    """

    top: int
    bottom: int
    paths: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def find_titles(
    lines: Sequence[Line], merged: Sequence[Range], *, source: str, wanted: int = 0, exact: bool = False
) -> Titles:
    """The titles at the top of a table.

    Args:
        lines: the first ones that are not blank, at least one, at most `LINES`.
        merged: merged ranges there; rows are places, columns count from the table's first one.
        source: the file's name, for messages.
        wanted: rows of titles that the person says there are; 0: found out.
        exact: they begin in the first line, so there is no heading above them.

    Raises:
        Refused: it cannot be told which rows they are; or a title is an error value.
    """
    return _Top(lines, merged, source).titles(wanted, exact)


class _Top:
    """The top of a table while it is looked at."""

    def __init__(self, lines: Sequence[Line], merged: Sequence[Range], source: str) -> None:
        self._lines = lines
        self._at = {line.place: line for line in lines}
        self._merged = [found for found in merged if found.top <= lines[-1].place]
        self._source = source

    def titles(self, wanted: int, exact: bool) -> Titles:
        first = 0 if exact else self._count_headings()
        top = self._lines[first].place
        self._refuse_persons(top, top, _ABOVE)
        if wanted:
            bottom = top + wanted - 1
        else:
            bottom = self._bottom(top)
            self._refuse_more(top, bottom)
        self._refuse_persons(top, bottom, _COUNTED if wanted else _MERGED)
        paths = self._paths(top, bottom)
        return Titles(top, bottom, paths, self._notes(first, top, bottom, bool(wanted)))

    # What stands above the titles.

    def _count_headings(self) -> int:
        count = 0
        while count + 1 < len(self._lines) and self._is_heading(count):
            count += 1
        return count

    def _is_heading(self, index: int) -> bool:
        """`2026年11月工资表` over the whole width, or alone in its line; `Unit: CNY` and the like."""
        line, below = self._lines[index], self._lines[index + 1 :]
        at = next((at for at, other in enumerate(below) if len(other.filled) > 1), None)
        if at is None:
            return False
        wide, after = below[at], below[at + 1 :]
        if len(line.filled) == 1:
            (column,) = line.filled
            if span := self._span(line.place, column):
                return self._is_whole(span, wide) and not is_person(line.at(column))
            return not line.has_address and not is_title(line.at(column)) and heads(wide, after)
        return (
            not line.has_address
            and all(is_remark(line.at(column)) for column in line.filled)
            and heads(wide, after)
        )

    def _is_whole(self, span: Range, wide: Line) -> bool:
        """Over the width that the list had when it was written; answers that a copy got since do not count."""
        own = [column for column in wide.filled if not _is_answer(wide.at(column))] or wide.filled
        first, last = own[0], own[-1]
        shared = min(span.right, last) - max(span.left, first) + 1
        return span.left <= first and shared >= (last - first + 1) * _WHOLE

    def _span(self, place: int, column: int) -> Range | None:
        """The range over several columns that covers a cell."""
        found = self._covering(place, column)
        return found if found is not None and found.right > found.left else None

    def _covering(self, place: int, column: int) -> Range | None:
        return next(
            (
                found
                for found in self._merged
                if found.top <= place <= found.bottom and found.left <= column <= found.right
            ),
            None,
        )

    # How many rows the titles take.

    def _bottom(self, top: int) -> int:
        """The last row of titles: as far as merged cells reach down, and one below a title that stands over several columns."""
        bottom = sure = top
        while True:
            held = [found for found in self._merged if top <= found.top <= bottom]
            bottom = max([bottom, *(found.bottom for found in held)])
            self._refuse_tall(top, bottom, held)
            if bottom > sure:
                # Nothing but titles stands beside a cell that is merged downwards.
                sure = bottom
                continue
            groups = [found for found in held if found.bottom == bottom and found.right > found.left]
            if not groups:
                break
            self._refuse_no_level(top, bottom, groups)
            bottom += 1
            self._refuse_tall(top, bottom, groups)
            sure = bottom
        return bottom

    def _refuse_tall(self, top: int, bottom: int, held: Sequence[Range]) -> None:
        if bottom - top < MOST:
            return
        furthest = max(held, key=lambda found: found.bottom)
        raise self._unclear(top, top, f"the merged cells {furthest.reference} reach down to row {bottom}")

    def _refuse_no_level(self, top: int, bottom: int, groups: Sequence[Range]) -> None:
        """Below a title that is merged over several columns each of them must have its own."""
        below = self._at.get(bottom + 1)
        for found in groups:
            columns = range(found.left, found.right + 1)
            if below is None or not below.of_words or not any(map(below.words, columns)):
                raise self._no_level(top, bottom, found)
        inside = {column for found in groups for column in range(found.left, found.right + 1)}
        outside = set(below.filled if below else ()) - inside
        if any(self._titled(top, bottom, column) for column in outside):
            raise self._no_level(top, bottom, groups[0])

    def _no_level(self, top: int, bottom: int, group: Range) -> Refused:
        reason = f"the title in {group.reference} stands over several columns, and the row below holds none for each"
        return self._unclear(top, bottom + 1, reason)

    def _refuse_more(self, top: int, bottom: int) -> None:
        """A second row of titles whose groups are not merged, or a heading of several cells, cannot be told from data."""
        after = [line for line in self._lines if line.place > bottom]
        if len(after) < 2 or after[0].of_data or not any(line.of_data for line in after[1:]):
            return
        untitled = [column for column in after[0].filled if not self._titled(top, bottom, column)]
        if any(column in line.filled for line in after[1:] for column in untitled):
            raise self._unclear(
                top, after[0].place, f"{self._told(after[0].place)} may hold titles too, or a person"
            )

    def _refuse_persons(self, top: int, bottom: int, hint: str) -> None:
        """Whoever stands in a row that is taken for titles gets no mail."""
        for place in range(top, bottom + 1):
            if place in self._at and self._at[place].has_address:
                raise self._person(place, hint)

    def _person(self, place: int, hint: str) -> Refused:
        number = self._number(place)
        message = f"{self._told(place)} should hold the titles of the columns, and an address stands in it"
        problem = Problem(number, None, "header", "an address stands where a title should")
        return Refused(f"{self._source}: {message}", hint=hint.format(below=number + 1), problems=(problem,))

    def _unclear(self, top: int, bottom: int, reason: str) -> Refused:
        message = f"which rows hold the titles is not clear: {reason}"
        first, count = self._number(top), min(max(bottom - top + 1, 2), MOST)
        hint = (
            f"say it under [recipients] in campaign.toml, or type it (--header-rows, --start): header_rows = 1 if row {first} alone holds titles, header_rows = {count} if "
            f'{count} rows from there do, or start = "A{first + 1}" if they begin there'
        )
        return Refused(
            f"{self._source}: {message}", hint=hint, problems=(Problem(first, None, "header", message),)
        )

    # What they say.

    def _paths(self, top: int, bottom: int) -> tuple[tuple[str, ...], ...]:
        places = range(top, bottom + 1)
        width = max((line.filled[-1] + 1 for line in map(self._at.get, places) if line), default=0)
        levels = [[self._text(place, column) for column in range(width)] for place in places]
        for upper in range(len(levels) - 1):
            if not self._is_grouped(top + upper, bottom):
                _spread(levels, upper)
        paths = tuple(_path(levels, column) for column in range(width))
        while paths and not paths[-1]:
            paths = paths[:-1]
        return paths

    def _text(self, place: int, column: int) -> _Title:
        """A title, with the cell that holds it; merged cells share their first one's."""
        if (found := self._covering(place, column)) is not None:
            place, column = found.top, found.left
        line = self._at.get(place)
        cell = line.at(column) if line else ""
        try:
            return (place, column), str(cell).strip()
        except CellFault as fault:
            raise Refused(f"{self._source}: in the row of the titles, {fault}") from fault

    def _titled(self, top: int, bottom: int, column: int) -> bool:
        return any(self._text(place, column)[1] for place in range(top, bottom + 1))

    def _is_grouped(self, place: int, bottom: int) -> bool:
        return any(
            found.top <= place <= found.bottom <= bottom and found.right > found.left
            for found in self._merged
        )

    # What is told.

    def _notes(self, first: int, top: int, bottom: int, wanted: bool) -> tuple[str, ...]:
        if not first and top == bottom and not wanted:
            return ()
        rows = (
            f"row {self._number(top)}"
            if top == bottom
            else f"rows {self._number(top)}–{self._number(bottom)}"
        )
        note = f"header: {rows}"
        if (begin := next((line for line in self._lines if line.place > bottom), None)) is not None:
            note += f"; data from row {begin.number}"
        if first:
            above = ", ".join(str(line.number) for line in self._lines[:first])
            note += f"; row {above} is a heading" if first == 1 else f"; rows {above} are a heading"
        return (note,)

    def _number(self, place: int) -> int:
        line = self._at.get(place)
        return line.number if line else place

    def _told(self, place: int) -> str:
        return f"row {self._number(place)}"


def _spread(levels: list[list[_Title]], upper: int) -> None:
    """Where nobody merged a group's cells, its title belongs to the columns right of it too, as far as they have lower ones."""
    row, parents = levels[upper], levels[upper - 1] if upper else None
    for column in range(1, len(row)):
        group = row[column - 1]
        if row[column][1] or not group[1] or not _lower(levels, upper, column):
            continue
        if _lower(levels, upper, column - 1) and (parents is None or parents[column] == parents[column - 1]):
            row[column] = group


def _lower(levels: list[list[_Title]], upper: int, column: int) -> bool:
    """Whether a title of its own stands below."""
    return any(level[column][1] and level[column] != levels[upper][column] for level in levels[upper + 1 :])


def _path(levels: list[list[_Title]], column: int) -> tuple[str, ...]:
    path: list[str] = []
    for _, text in dict.fromkeys(level[column] for level in levels):
        if text and text not in path[-1:]:
            path.append(text)
    return tuple(path)


def _is_answer(cell: Cell) -> bool:
    return isinstance(cell, str) and cell in ANSWER_TITLES  # an error value cannot even be compared
