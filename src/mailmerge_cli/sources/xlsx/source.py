"""An Excel workbook as a source: one sheet, its first row that is not blank the header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.display import builtin_code
from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.cell import Cell, CellFault, MomentCell
from mailmerge_cli.model.table import Row
from mailmerge_cli.sources.choices import Choices, Hidden
from mailmerge_cli.sources.header import column_letter, columns_of
from mailmerge_cli.sources.scruple import forbidden_problems
from mailmerge_cli.sources.table_file import TableFile, counted
from mailmerge_cli.sources.xlsx.cells import CellMaker
from mailmerge_cli.sources.xlsx.merged import MergedRows
from mailmerge_cli.sources.xlsx.package import Package
from mailmerge_cli.sources.xlsx.sheet import SheetReader, SheetRow
from mailmerge_cli.sources.xlsx.strings import read_strings
from mailmerge_cli.sources.xlsx.styles import read_codes
from mailmerge_cli.sources.xlsx.survey import Survey, survey
from mailmerge_cli.sources.xlsx.workbook import chosen_sheet, read_workbook

_OF_THE_MACHINE = {builtin_code(14), builtin_code(22)}

_TOLD = 5  # hidden rows that are named


class WorkbookSource(TableFile):
    """One sheet of an .xlsx or .xlsm file.

    Raises:
        FileMissing, Refused: see `open_source`.
    """

    def __init__(self, path: Path, choices: Choices) -> None:
        super().__init__(path, choices)
        with self._snapshot.open() as stream:
            package = Package(stream, str(path))
            workbook = read_workbook(package)
            sheet = chosen_sheet(workbook, choices.sheet, str(path))
            self._part = sheet.part
            self._epoch1904, self._uncalculated = workbook.epoch1904, workbook.uncalculated
            self._codes = read_codes(package, workbook.styles)
            self._strings = read_strings(package, workbook.strings)
            found = survey(package, sheet.part)
            self._merged = found.merged
            header_notes = self._read_header(package)
            hidden_notes = self._judge_hidden(package, found)
        notes = [*workbook.notes, *header_notes, *hidden_notes, *_lock_notes(path)]
        if sheet.hidden:
            notes.append(f"the sheet “{sheet.name}” is hidden")
        self._opening_notes = tuple(notes)
        self.notes = self._opening_notes
        self.fingerprint = self._snapshot.fingerprint("workbook", sheet.name, choices.hidden)

    def _maker(self) -> CellMaker:
        return CellMaker(self._strings, self._codes, self._epoch1904, self._uncalculated)

    def _read_header(self, package: Package) -> tuple[str, ...]:
        reader = SheetReader(package, self._part, self._maker())
        row = next((row for row in reader.rows() if not row.blank), None)
        if row is None:
            raise Refused(f"{package.name} is empty: the sheet has no header and no rows")
        self._header = row.number
        titles = [_title(cell, package.name) for cell in row.cells]
        while not titles[-1].strip():
            titles.pop()
        self._refuse_heading(package.name)
        self.columns, notes = columns_of(titles, source=package.name, line=row.number, letter=column_letter)
        return notes + self._hidden_columns(reader.hidden_columns)

    def _refuse_heading(self, name: str) -> None:
        for merged in self._merged:
            if merged.top <= self._header <= merged.bottom and merged.right > merged.left:
                raise Refused(
                    f"{name}: the first row with anything in it is merged across columns ({merged.reference})",
                    hint="it must hold one title a column; unmerge it, or delete the heading above the titles",
                )

    def _hidden_columns(self, runs: list[tuple[int, int]]) -> tuple[str, ...]:
        letters = [
            column.letter
            for column in self.columns
            if any(first <= column.index <= last for first, last in runs)
        ]
        if not letters:
            return ()
        return (
            f"hidden columns are read like the others: {', '.join(letters[:10])}{', …' if len(letters) > 10 else ''}",
        )

    def _judge_hidden(self, package: Package, found: Survey) -> tuple[str, ...]:
        """What becomes of hidden rows (F15). Refused unless the person said what is meant."""
        if not found.hides:
            return ()
        reader = SheetReader(package, self._part, self._maker(), len(self.columns))
        hidden = [
            row.number for row in reader.rows() if row.hidden and row.number > self._header and not row.blank
        ]
        if not hidden:
            return ()
        count = counted(len(hidden), "hidden row", "hidden rows") + (
            " (by a filter)" if found.filtered else ""
        )
        match self._choices.hidden:
            case Hidden.SKIP:
                return (f"{count} will be skipped",)
            case Hidden.SEND:
                return (f"{count} will be read like the others",)
        more = ", …" if len(hidden) > _TOLD else ""
        rows = ", ".join(map(str, hidden[:_TOLD])) + more
        raise Refused(
            f"{package.name}: the sheet has {count}: {rows}",
            hint='unhide or delete them, or write hidden = "skip" (or "send") under [recipients] in campaign.toml',
            problems=(Problem(hidden[0], None, "hidden", f"the sheet has {count}"),),
        )

    def _read(self, stream: BinaryIO) -> Iterator[Row]:
        maker = self._maker()
        width, skip = len(self.columns), self._choices.hidden is Hidden.SKIP
        reader = SheetReader(Package(stream, str(self._snapshot.path)), self._part, maker, width)
        merged = MergedRows(self._merged, self._header, width)
        tally = _Tally(self._header)
        for row in reader.rows():
            if row.number <= self._header:
                continue
            if row.hidden and skip:
                tally.last += 1  # no blank row
                continue
            if not row.blank:
                tally.meet(row)
                yield self._row(row, merged)
            elif row.beyond:
                tally.meet_beyond(row)
        self.notes = self._opening_notes + tally.notes(maker)

    def _row(self, row: SheetRow, merged: MergedRows) -> Row:
        cells = row.cells
        if len(cells) < len(self.columns):
            cells += [""] * (len(self.columns) - len(cells))
        problems = merged.problems(row.number, self.columns)
        if row.suspect:
            problems += forbidden_problems(row.number, cells, self.columns)
        return Row(row.number, tuple(cells), problems)


class _Tally:
    """What a pass met that a person should know of.

    Attributes:
        last: the last row that was read.
        blank: rows without a value between those that were read.
    """

    def __init__(self, header: int) -> None:
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
                    if isinstance(cell, MomentCell) and cell.code in _OF_THE_MACHINE
                ),
                "",
            )

    def meet_beyond(self, row: SheetRow) -> None:
        """A row that holds nothing but values right of the columns."""
        self._beyond = self._beyond or row.beyond

    def notes(self, maker: CellMaker) -> tuple[str, ...]:
        """All of it, in words."""
        notes = []
        if self.blank:
            notes.append(f"{counted(self.blank, 'blank row was', 'blank rows were')} skipped")
        if self._beyond:
            notes.append(f"cells right of the last column title are not read; the first is {self._beyond}")
        if maker.long_number:
            notes.append(
                f"cell {maker.long_number} holds a number of more than 15 figures, and Excel has lost the rest; keep it as text"
            )
        if maker.wide_number:
            notes.append(
                f"cell {maker.wide_number[0]} shows its number as {maker.wide_number[1]}; give the column the format 0"
            )
        if self._machine:
            notes.append(
                f"the dates in column {self._machine} have the machine's own short format, shown here as month/day/year; "
                "give the column a date format of its own"
            )
        return tuple(notes)


def _title(cell: Cell, name: str) -> str:
    try:
        return str(cell)
    except CellFault as fault:
        raise Refused(f"{name}: in the row of the titles, {fault}") from fault


def _lock_notes(path: Path) -> tuple[str, ...]:
    """Excel and LibreOffice put a file beside the one that they have open (F26)."""
    for lock in (f"~${path.name}", f"~${path.name[2:]}", f".~lock.{path.name}#"):
        if path.with_name(lock).exists():
            return ("it is open in another program: what was not saved there is not read",)
    return ()
