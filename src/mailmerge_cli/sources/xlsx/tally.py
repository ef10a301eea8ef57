"""What one pass over a sheet met that a person should know of."""

from __future__ import annotations

from mailmerge_cli.display import is_of_the_machine
from mailmerge_cli.model.cell import MomentCell
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.table_file import counted
from mailmerge_cli.sources.xlsx.cells import CellMaker
from mailmerge_cli.sources.xlsx.sheet import SheetRow


class Tally:
    """Told each row of a pass.

    Args:
        header: the last row of titles.
        beside: cells right of the columns are told.
        named: what the list is called, and its last row; rows below that are told. None for a whole sheet.

    Attributes:
        last: the last row that was read.
        blank: rows without a value between those that were read.
    """

    def __init__(self, header: int, *, beside: bool = True, named: tuple[str, int] | None = None) -> None:
        self._beside = beside
        self._name, self._bottom = named or ("", 0)
        self._below_count = self._below_first = 0
        self.last, self.blank = header, 0
        self._beyond = ""
        self._machine = ""
        self._first = True

    def meet(self, row: SheetRow) -> None:
        """One more row with values."""
        self.blank += row.number - self.last - 1
        self.last = row.number
        if row.beyond and not self._beyond:
            self._beyond = row.beyond
        if self._first:
            self._first = False
            # One row tells enough: a column has one date format.
            self._machine = next(
                (
                    column_letter(place)
                    for place, cell in enumerate(row.cells)
                    if isinstance(cell, MomentCell) and is_of_the_machine(cell.code)
                ),
                "",
            )

    def meet_beyond(self, row: SheetRow) -> None:
        """A row that holds nothing but values right of the columns."""
        self._beyond = self._beyond or row.beyond

    def meet_below(self, row: SheetRow) -> None:
        """A row below the range; somebody who was added there, so that the range did not grow, would be forgotten."""
        if row.number > self._bottom and not row.blank:
            self._below_count += 1
            self._below_first = self._below_first or row.number

    def notes(self, maker: CellMaker) -> tuple[str, ...]:
        """All of it, in words."""
        notes = []
        if self.blank:
            notes.append(f"{counted(self.blank, 'blank row was', 'blank rows were')} skipped")
        if self._beyond and self._beside:
            notes.append(f"cells right of the last column title are not read; the first is {self._beyond}")
        if self._below_count:
            rows = counted(self._below_count, "row stands", "rows stand")
            notes.append(
                f"{rows} below {self._name} and {'gets' if self._below_count == 1 else 'get'} no mail, first row {self._below_first}; "
                "make it longer in Excel if people stand there"
            )
        if maker.long_number:
            notes.append(
                f"cell {maker.long_number} holds a number of more than 15 figures, and Excel has lost the rest; keep it as text"
            )
        if maker.wide_number:
            notes.append(
                f"cell {maker.wide_number} shows its long number abbreviated, with E+ in it; give the column the format 0"
            )
        if self._machine:
            notes.append(
                f"the dates in column {self._machine} have the machine's own format, shown here as in the United States (month before day); "
                "give the column a date format of its own"
            )
        return tuple(notes)
