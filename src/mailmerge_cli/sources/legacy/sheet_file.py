"""What the sources of this folder have in common: header, hidden rows, merged cells and blank rows, as with .xlsx."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.cell import Cell
from mailmerge_cli.model.table import Row
from mailmerge_cli.sources.choices import Choices, Hidden
from mailmerge_cli.sources.header import column_letter, columns_of
from mailmerge_cli.sources.hidden import hidden_columns_note, hidden_sheets_note
from mailmerge_cli.sources.levels import LINES, Line, find_titles
from mailmerge_cli.sources.ranges import Range, read_range
from mailmerge_cli.sources.scruple import FORBIDDEN, forbidden_problems
from mailmerge_cli.sources.snapshot import Snapshot
from mailmerge_cli.sources.table_file import TableFile, counted
from mailmerge_cli.sources.xlsx.merged import MergedRows
from mailmerge_cli.sources.xlsx.sheet import SheetRow

_TOLD = 5  # hidden rows that are named


@dataclass(frozen=True, slots=True)
class Sight:
    """A sheet without its values.

    Attributes:
        sheet: its name.
        unseen: the names of all sheets whose tabs a person does not see.
        merged: ranges.
        hides: some row is hidden, perhaps a blank one.
        filtered: by a filter.
        hidden_columns: first and last place of each run of them, from 0.
        notes: what a person should know.
    """

    sheet: str
    unseen: tuple[str, ...]
    merged: tuple[Range, ...] = ()
    hides: bool = False
    filtered: bool = False
    hidden_columns: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()


class SheetFile(TableFile):
    """One sheet of a file.

    A class below looks the sheet over in `_look`, and gives its rows, with values, in `_lines`.
    """

    kind: str
    """What the file is, for the fingerprint."""

    def __init__(self, path: Path, choices: Choices, snapshot: Snapshot | None = None) -> None:
        super().__init__(path, choices, snapshot)
        self._name = str(path)
        if choices.table:
            raise Refused(
                f'{self._name}: table = "{choices.table}" can be read of .xlsx files only',
                hint="say sheet and start instead, or save it as an Excel workbook (.xlsx)",
            )
        begin = read_range(choices.start) if choices.start else None
        self._top, self._left = (begin.top, begin.left) if begin else (0, 0)
        with self._snapshot.open() as stream:
            self._sight = self._look(stream)
        self._merged = tuple(_shifted(self._sight.merged, self._top, self._left))
        notes = (*self._sight.notes, *self._read_header(), *self._of_columns(), *self._of_rows())
        notes += hidden_sheets_note(self._sight.unseen, self._sight.sheet)
        self._opening_notes = notes
        self.notes = notes
        self.fingerprint = self._snapshot.fingerprint(
            self.kind, self._sight.sheet, choices.hidden, choices.start, str(choices.header_rows)
        )

    @abstractmethod
    def _look(self, stream: BinaryIO) -> Sight:
        """The chosen sheet."""

    @abstractmethod
    def _lines(self, stream: BinaryIO) -> Iterator[SheetRow]:
        """Its rows that hold a value, in their order, from column A on."""

    def _rows(self, stream: BinaryIO) -> Generator[SheetRow, None, None]:
        """Those from the start cell on, right of it."""
        for line in self._lines(stream):
            if line.number >= self._top:
                del line.cells[: self._left]
                yield line

    def _read_header(self) -> tuple[str, ...]:
        with self._snapshot.open() as stream, closing(self._rows(stream)) as rows:
            filled = (row for row in rows if not row.blank)
            lines = [Line(row.number, row.number, row.cells) for row in islice(filled, LINES)]
        if not lines:
            raise Refused(f"{self._name} is empty: the sheet has no header and no rows")
        if self._top and lines[0].place != self._top:
            raise Refused(f"{self._name}: row {self._top}, where the titles should begin, is blank")
        titles = find_titles(
            lines, self._merged, source=self._name, wanted=self._choices.header_rows, exact=bool(self._top)
        )
        self._header = titles.bottom
        self.columns, notes = columns_of(
            titles.paths,
            source=self._name,
            line=titles.bottom,
            letter=lambda index: column_letter(index + self._left),
        )
        return titles.notes + notes

    def _of_columns(self) -> tuple[str, ...]:
        runs = self._sight.hidden_columns
        letters = [
            column.letter
            for column in self.columns
            if any(first <= column.index + self._left <= last for first, last in runs)
        ]
        return hidden_columns_note(letters)

    def _of_rows(self) -> tuple[str, ...]:
        """What becomes of hidden rows (F15). Refused unless the person said what is meant."""
        hidden: list[int] = []
        if self._sight.hides:
            with self._snapshot.open() as stream:
                below = (row for row in self._rows(stream) if row.number > self._header)
                hidden = [row.number for row in below if row.hidden and not row.blank]
        if not hidden:
            return ()
        count = counted(len(hidden), "hidden row", "hidden rows")
        count += " (by a filter)" if self._sight.filtered else ""
        match self._choices.hidden:
            case Hidden.SKIP:
                return (f"{count} will be skipped",)
            case Hidden.SEND:
                return (f"{count} will be read like the others",)
        rows = ", ".join(map(str, hidden[:_TOLD])) + (", …" if len(hidden) > _TOLD else "")
        raise Refused(
            f"{self._name}: the sheet has {count}: {rows}",
            hint='unhide or delete them, or say --hidden skip (or send); in campaign.toml: hidden = "skip" under [recipients]',
            problems=(Problem(hidden[0], None, "hidden", f"the sheet has {count}"),),
        )

    def _read(self, stream: BinaryIO) -> Iterator[Row]:
        merged = MergedRows(self._merged, self._header, len(self.columns))
        skip = self._choices.hidden is Hidden.SKIP
        last, blank, beyond = self._header, 0, ""
        for line in self._rows(stream):
            if line.number <= self._header:
                continue
            if line.hidden and skip:
                last += 1  # no blank row
                continue
            row = self._row(line, merged)
            beyond = beyond or line.beyond
            if row is not None:
                blank += line.number - last - 1
                last = line.number
                yield row
        notes = [f"{counted(blank, 'blank row was', 'blank rows were')} skipped"] if blank else []
        if beyond:
            notes.append(f"cells right of the last column title are not read; the first is {beyond}")
        self.notes = (*self._opening_notes, *notes)

    def _row(self, line: SheetRow, merged: MergedRows) -> Row | None:
        """The row; None if it is blank. What stands right of the columns is looked for and cut off."""
        width = len(self.columns)
        beyond = next((at for at, cell in enumerate(line.cells[width:], width) if not _is_blank(cell)), None)
        if beyond is not None:
            line.beyond = f"{column_letter(beyond + self._left)}{line.number}"
        line.cells = line.cells[:width]
        if line.blank:
            return None
        cells = [*line.cells, *[""] * (width - len(line.cells))]
        problems = merged.problems(line.number, self.columns)
        if any(type(cell) is str and FORBIDDEN.search(cell) for cell in cells):
            problems += forbidden_problems(line.number, cells, self.columns)
        return Row(line.number, tuple(cells), problems)


def _shifted(merged: tuple[Range, ...], top: int, left: int) -> Iterator[Range]:
    """The merged ranges below and right of the start cell, their columns counted from there."""
    for found in sorted(merged, key=lambda each: each.top):
        if found.bottom >= top and found.right >= left:
            yield Range(
                found.top, max(found.left - left, 0), found.bottom, found.right - left, found.reference
            )


def _is_blank(cell: Cell) -> bool:
    return isinstance(cell, str) and (not cell or cell.isspace())
