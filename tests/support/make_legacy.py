"""Writes tests/data/legacy/: the same small tables as .xls and .ods, made by LibreOffice from workbooks by openpyxl.

Development only, where `soffice` is installed; the tests read the files that it left. Type: python tests/support/make_legacy.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

FOLDER = Path(__file__).parent.parent / "data" / "legacy"
HEADER = ["姓名", "E-mail", "Staff no.", "net", "bonus", "rate", "paid", "seen", "hours", "begins", "member"]
PEOPLE = [
    ["Wáng Wěi", "wang@example.com", "00417", 16010.1, 500, 0.1, date(2026, 10, 30), datetime(2026, 10, 30, 17, 5),
     timedelta(hours=37, minutes=30), time(8, 30), True],
    ["Zoë Ångström", "zoe@example.com", "00418", 12345678901, 0, 0.125, date(2026, 2, 28),
     datetime(2026, 12, 31, 23, 59, 59), timedelta(hours=8), time(0, 0), False],
    [],
    ["Li Na", "li@example.com", "00420", -3.5, -7, 1, date(2024, 2, 29), datetime(2026, 1, 1), timedelta(0), time(23, 59, 59), True],
]  # fmt: skip


def plain(book: openpyxl.Workbook, sheet: Worksheet) -> None:
    """A table that begins in B3, of all kinds of cells, with a blank row; a hidden sheet beside it."""
    for at, record in enumerate([HEADER, *PEOPLE], 3):
        for place, value in enumerate(record, 2):
            sheet.cell(at, place, value)
    for at in range(4, 8):
        sheet.cell(at, 5).number_format = "¥#,##0.00"
        sheet.cell(at, 7).number_format = "0.0%"
        sheet.cell(at, 10).number_format = "[h]:mm"
    old = book.create_sheet("Old")
    old.append(["E-mail"])
    old.append(["old@example.com"])
    old.sheet_state = "hidden"


def hidden(_: openpyxl.Workbook, sheet: Worksheet) -> None:
    """Rows 3 and 6 and the columns C to D are hidden."""
    sheet.append(["E-mail", "name", "net", "gross", "note"])
    for at in range(2, 8):
        sheet.append([f"p{at}@example.com", f"P{at}", at, at * 2, "x"])
    sheet.row_dimensions[3].hidden = True
    sheet.row_dimensions[6].hidden = True
    sheet.column_dimensions["C"].hidden = True
    sheet.column_dimensions["D"].hidden = True


def faults(_: openpyxl.Workbook, sheet: Worksheet) -> None:
    """Error values in B2 and B3, merged cells in A4:A5, a formula with a value in B6."""
    sheet.append(["E-mail", "net"])
    for at in range(2, 7):
        sheet.append([f"p{at}@example.com", at])
    sheet["B2"], sheet["B3"], sheet["B6"] = "=NA()", "=1/0", "=B4+B5"
    sheet.merge_cells("A4:A5")


def several(book: openpyxl.Workbook, sheet: Worksheet) -> None:
    """Two visible sheets."""
    sheet.append(["E-mail"])
    sheet.append(["one@example.com"])
    other = book.create_sheet("Other")
    other.append(["E-mail", "name"])
    other.append(["two@example.com", "Two"])


def main() -> None:
    """Make all of them anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for write in (plain, hidden, faults, several):
            book = openpyxl.Workbook()
            sheet = book.active
            assert isinstance(sheet, Worksheet)
            sheet.title = "Pay"
            write(book, sheet)
            made.append(Path(folder) / f"{write.__name__}.xlsx")
            book.save(made[-1])
        for ending in ("xls", "ods"):
            subprocess.run(
                ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", ending,
                 "--outdir", folder, *map(str, made)],
                check=True, env={**os.environ, "HOME": folder}, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            for path in made:
                shutil.copy(path.with_suffix(f".{ending}"), FOLDER)


if __name__ == "__main__":
    main()
