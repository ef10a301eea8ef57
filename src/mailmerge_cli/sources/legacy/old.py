"""Old and binary Excel workbooks, .xls and .xlsb: values by python-calamine (extra `legacy`), the rest by `records`.

Rule: nothing is handed to that library before it was weighed, and it works in a process of its own (`apart`): a torn file takes that
one with it, never this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import BinaryIO

from mailmerge_cli.errors import ConfigFault, Refused
from mailmerge_cli.model.cell import Cell, FaultCell
from mailmerge_cli.sources.compound import Compound, TornCompound
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.legacy import apart
from mailmerge_cli.sources.legacy.plain import plain_cell
from mailmerge_cli.sources.legacy.records import (
    Findings,
    TornRecords,
    xls_findings,
    xls_sheets,
    xlsb_findings,
    xlsb_sheets,
)
from mailmerge_cli.sources.legacy.sheet_file import SheetFile, Sight
from mailmerge_cli.sources.xlsx.package import LARGEST_SHEET, Package
from mailmerge_cli.sources.xlsx.sheet import SheetRow
from mailmerge_cli.sources.xlsx.workbook import Sheet, Workbook, chosen_sheet

MOST_CELLS = 20_000_000
"""Of all sheets together, blank ones among them; the library keeps all of them in memory."""

_LARGEST = 512 << 20
_SAVE = "open it in Excel and save it as an Excel workbook (.xlsx)"
_INSTALL = 'pip install "mailmerge-cli[legacy]"'
_PLAIN = (
    "the formats of its numbers and dates are not read: 16010.1 and 2026-10-30 are printed; save it as .xlsx to have them "
    "as the sheet shows them"
)


class OldWorkbookSource(SheetFile):
    """One sheet of an .xls or .xlsb file.

    Raises:
        FileMissing, Refused: see `open_source`.
        ConfigFault: what it takes is not installed.
    """

    kind = "old workbook"

    def _look(self, stream: BinaryIO) -> Sight:
        with self._guarded():
            findings = self._weighed(stream)
            tabs = apart.tabs(stream)
            if len(findings) != len(tabs):
                raise TornRecords("its sheets cannot be counted")
        sheets = [Sheet(tab.name, str(at), not tab.seen) for at, tab in enumerate(tabs) if tab.cells]
        chosen = chosen_sheet(
            Workbook(tuple(sheets), False, False, "", "", (), "", ()), self._choices.sheet, self._name
        )
        self._place = int(chosen.part)
        found = self._findings = findings[self._place]
        return Sight(
            chosen.name, tuple(each.name for each in sheets if each.hidden), tuple(found.merged), bool(found.hidden_rows), found.filtered, tuple(found.hidden_columns),
            (_PLAIN,),
        )  # fmt: skip

    def _weighed(self, stream: BinaryIO) -> list[Findings]:
        """What there is to tell of each sheet. Refused if there is more of it than memory takes."""
        stream.seek(0)
        findings = self._of_zip(stream) if stream.read(2) == b"PK" else self._of_compound(stream)
        if sum(rows * columns for rows, columns in (found.corner for found in findings)) > MOST_CELLS:
            raise Refused(
                f"{self._name} is not read: its sheets have more than {MOST_CELLS:,} cells, blank ones among them",
                hint="save it as an Excel workbook (.xlsx)",
            )
        return findings

    def _of_compound(self, stream: BinaryIO) -> list[Findings]:
        compound = Compound(stream)
        octets = compound.read("Workbook" if "Workbook" in compound.names() else "Book", _LARGEST)
        starts, encrypted = xls_sheets(octets)
        if encrypted:
            raise Refused(
                f"{self._name} is an old Excel workbook (.xls) that is protected by a password, and such ones are not opened",
                hint="open it in Excel and save it as .xlsx, with the password or without",
            )
        return [xls_findings(octets, start) for start in starts]

    def _of_zip(self, stream: BinaryIO) -> list[Findings]:
        package = Package(stream, self._name)
        book = "xl/workbook.bin"
        related = package.related(book)
        for _, part in related.values():
            if part in package and not part.endswith(".xml") and "/worksheets/" not in part:
                for _ in package.chunks(part):
                    pass
        parts = [related.get(each, ("", ""))[1] for each in xlsb_sheets(package.chunks(book))]
        return [
            xlsb_findings(package.chunks(part, LARGEST_SHEET)) if part in package else Findings()
            for part in parts
        ]

    def _lines(self, stream: BinaryIO) -> Iterator[SheetRow]:
        with self._guarded(), closing(apart.rows(stream, self._place)) as rows:
            for number, values in enumerate(rows, 1):
                yield self._line(number, values)

    def _line(self, number: int, values: list[object]) -> SheetRow:
        errors = self._findings.errors.get(number, {})
        cells: list[Cell] = []
        for place, value in enumerate(values):
            try:
                cells.append(plain_cell(value) if type(value) is not str else value)
            except (ValueError, OverflowError):
                cells.append(
                    FaultCell(f"cell {column_letter(place)}{number} holds no number; mend the sheet")
                )
        if errors:
            cells += [""] * (max(errors) + 1 - len(cells))
            for place, shown in errors.items():
                cells[place] = FaultCell(
                    f"cell {column_letter(place)}{number} holds the error {shown}; mend the sheet"
                )
        return SheetRow(number, number in self._findings.hidden_rows, cells)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """The library at work; whatever it stumbles over, the file is to blame."""
        if find_spec("python_calamine") is None:
            raise ConfigFault(
                f"{self._name} is an old or binary Excel workbook; to read it, mailmerge needs a package that is not installed",
                hint=f"Type: {_INSTALL} — or open it in Excel and save it as an Excel workbook (.xlsx).",
            )
        try:
            yield
        except apart.Died as fault:
            raise Refused(
                f"{self._name} is damaged, or takes more memory or time to read than it is given", hint=_SAVE
            ) from fault
        except apart.NoProcess as fault:
            raise Refused(f"{self._name} cannot be read: {fault}", hint=_SAVE) from fault
        except (TornCompound, TornRecords, apart.Torn, OSError, ValueError, KeyError) as fault:
            raise Refused(f"{self._name} is damaged, or no workbook", hint=_SAVE) from fault
