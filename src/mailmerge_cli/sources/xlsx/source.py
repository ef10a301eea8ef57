"""An Excel workbook as a source: one sheet or a part of one, with a row or several of titles."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.table import Row
from mailmerge_cli.sources.choices import Choices, Hidden
from mailmerge_cli.sources.header import column_letter, columns_of
from mailmerge_cli.sources.hidden import hidden_columns_note, hidden_sheets_note
from mailmerge_cli.sources.levels import LINES, Line, find_titles
from mailmerge_cli.sources.ranges import TALLEST, WIDEST, Range
from mailmerge_cli.sources.scruple import forbidden_problems
from mailmerge_cli.sources.snapshot import Snapshot
from mailmerge_cli.sources.table_file import TableFile, counted
from mailmerge_cli.sources.xlsx.areas import Area, chosen_area
from mailmerge_cli.sources.xlsx.cells import CellMaker
from mailmerge_cli.sources.xlsx.merged import MergedRows
from mailmerge_cli.sources.xlsx.package import Package
from mailmerge_cli.sources.xlsx.sheet import SheetReader, SheetRow
from mailmerge_cli.sources.xlsx.strings import read_strings
from mailmerge_cli.sources.xlsx.styles import read_codes
from mailmerge_cli.sources.xlsx.survey import Survey, survey
from mailmerge_cli.sources.xlsx.tally import Tally
from mailmerge_cli.sources.xlsx.workbook import read_workbook

_TOLD = 5  # hidden rows that are named


class WorkbookSource(TableFile):
    """One sheet of an .xlsx or .xlsm file, or what a table, a named range or a start cell leaves of it.

    Raises:
        FileMissing, Refused: see `open_source`.
    """

    def __init__(self, path: Path, choices: Choices, snapshot: Snapshot | None = None) -> None:
        super().__init__(path, choices, snapshot)
        with self._snapshot.open() as stream:
            package = Package(stream, str(path))
            workbook = read_workbook(package)
            area = chosen_area(
                package, workbook, sheet=choices.sheet, table=choices.table, start=choices.start
            )
            self._part, self._range, self._named = area.sheet.part, area.range, area.named
            self._epoch1904, self._uncalculated = workbook.epoch1904, workbook.uncalculated
            self._codes = read_codes(package, workbook.styles)
            self._strings = read_strings(package, workbook.strings)
            found = survey(package, self._part)
            self._merged = tuple(_shifted(found.merged, area.range))
            header_notes = self._read_header(package, area)
            hidden_notes = self._judge_hidden(package, found)
        notes = [*workbook.notes, *area.notes, *header_notes, *hidden_notes, *_lock_notes(path)]
        notes += hidden_sheets_note([each.name for each in workbook.sheets if each.hidden], area.sheet.name)
        self._opening_notes = tuple(notes)
        self.notes = self._opening_notes
        self.fingerprint = self._snapshot.fingerprint(
            "workbook",
            area.sheet.name,
            choices.hidden,
            choices.table,
            choices.start,
            str(choices.header_rows),
        )

    @property
    def part(self) -> str:
        """The sheet's part in the workbook."""
        return self._part

    @property
    def top(self) -> int:
        """The uppermost row of the titles."""
        return self._top

    @property
    def header(self) -> int:
        """The lowest row of the titles."""
        return self._header

    @property
    def left(self) -> int:
        """The first column of the list, from 0."""
        return self._range.left

    def texts_in(self, number: int) -> dict[int, str]:
        """The texts of a row of the sheet by their columns from 0, also of those beside the list."""
        with self._snapshot.open() as stream:
            package = Package(stream, str(self._snapshot.path))
            for row in SheetReader(package, self._part, self._maker()).rows():
                if row.number >= number:
                    cells = row.cells if row.number == number else []
                    return {at: cell for at, cell in enumerate(cells) if isinstance(cell, str) and cell}
        return {}

    def _maker(self) -> CellMaker:
        return CellMaker(self._strings, self._codes, self._epoch1904, self._uncalculated)

    def _rows(self, reader: SheetReader, tally: Tally | None = None) -> Iterator[SheetRow]:
        """The rows of the range, their cells from its first column on; those below it are told to `tally`."""
        top, left, bottom = self._range.top, self._range.left, self._range.bottom
        if (top, left, bottom) == (1, 0, TALLEST):
            yield from reader.rows()
            return
        for row in reader.rows():
            if row.number > bottom and tally is None:
                return
            if row.number >= top:
                del row.cells[:left]
                if row.number <= bottom:
                    yield row
                elif tally is not None:
                    tally.meet_below(row)

    def _read_header(self, package: Package, area: Area) -> tuple[str, ...]:
        reader = SheetReader(package, self._part, self._maker(), self._range.right + 1)
        rows = (row for row in self._rows(reader) if not row.blank)
        lines = [Line(row.number, row.number, row.cells) for row in islice(rows, LINES)]
        if not lines:
            raise Refused(f"{package.name} is empty: the sheet has no header and no rows")
        if area.exact and lines[0].place != self._range.top:
            raise Refused(f"{package.name}: row {self._range.top}, where the titles should begin, is blank")
        titles = find_titles(
            lines, self._merged, source=package.name, wanted=self._header_rows(area), exact=area.exact
        )
        self._top, self._header = titles.top, titles.bottom
        left = self._range.left
        paths = titles.paths
        if self._range.right < WIDEST - 1:
            paths += ((),) * (self._range.right - left + 1 - len(paths))
        self.columns, notes = columns_of(
            paths, source=package.name, line=titles.bottom, letter=lambda index: column_letter(index + left)
        )
        return titles.notes + notes + self._hidden_columns(reader.hidden_columns)

    def _header_rows(self, area: Area) -> int:
        """How many the person says there are, or the workbook; 0: found out."""
        wanted = self._choices.header_rows
        if wanted and area.header_rows and wanted != area.header_rows:
            raise Refused(
                f"{self._snapshot.path}: the table has 1 row of titles, and header_rows = {wanted}",
                hint="leave header_rows out",
            )
        return area.header_rows or wanted

    def _hidden_columns(self, runs: list[tuple[int, int]]) -> tuple[str, ...]:
        left = self._range.left
        letters = [
            column.letter
            for column in self.columns
            if any(first <= column.index + left <= last for first, last in runs)
        ]
        return hidden_columns_note(letters)

    def _judge_hidden(self, package: Package, found: Survey) -> tuple[str, ...]:
        """What becomes of hidden rows (F15). Refused unless the person said what is meant."""
        if not found.hides:
            return ()
        reader = SheetReader(package, self._part, self._maker(), self._width)
        hidden = [
            row.number
            for row in self._rows(reader)
            if row.hidden and row.number > self._header and not row.blank
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
            hint='unhide or delete them, or say --hidden skip (or send); in campaign.toml: hidden = "skip" under [recipients]',
            problems=(Problem(hidden[0], None, "hidden", f"the sheet has {count}"),),
        )

    @property
    def _width(self) -> int:
        """Columns of the sheet that are read: from A to the last one of the list."""
        return self._range.left + len(self.columns)

    def _read(self, stream: BinaryIO) -> Iterator[Row]:
        maker = self._maker()
        skip = self._choices.hidden is Hidden.SKIP
        reader = SheetReader(Package(stream, str(self._snapshot.path)), self._part, maker, self._width)
        merged = MergedRows(self._merged, self._header, len(self.columns))
        # What stands beside a range that the person named is no part of the list.
        tally = Tally(self._header, beside=self._range.right == WIDEST - 1, named=self._named)
        for row in self._rows(reader, tally):
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
        return Row(row.number, tuple(cells), problems, row.sums)


def _shifted(merged: tuple[Range, ...], area: Range) -> Iterator[Range]:
    """The merged ranges that touch the area, their columns counted from its first one."""
    for found in merged:
        if found.right >= area.left and found.left <= area.right and found.bottom >= area.top:
            left, right = max(found.left, area.left), min(found.right, area.right)
            yield Range(found.top, left - area.left, found.bottom, right - area.left, found.reference)


def _lock_notes(path: Path) -> tuple[str, ...]:
    """Excel and LibreOffice put a file beside the one that they have open (F26)."""
    for lock in (f"~${path.name}", f"~${path.name[2:]}", f".~lock.{path.name}#"):
        if path.with_name(lock).exists():
            return ("it is open in another program: what was not saved there is not read",)
    return ()
