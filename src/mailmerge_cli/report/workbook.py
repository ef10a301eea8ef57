"""A log as an Excel workbook: text cells that cannot run, coloured by state, ready to be filtered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.report.escape import defuse, visible
from mailmerge_cli.report.lines import Value

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

# Excel's limits: rows of a sheet, and UTF-16 units of a cell.
_ROWS = 1_048_576
_CELL = 32_767

_WIDTHS = {
    "row": 7, "attempts": 9, "attempt": 9, "code": 7, "key": 18, "address": 32, "state": 11, "verdict": 11,
    "first_attempt": 25, "last_attempt": 25, "started": 25, "ended": 25, "enhanced_code": 15, "reply": 44,
    "message_id": 40, "remote_id": 18, "account": 16, "reason": 44,
}  # fmt: skip

# Soft fills that Excel's own good, bad and neutral styles have; black text on each stays well readable.
_FILLS = {
    "sent": "C6EFCE", "accepted": "C6EFCE",
    "failed": "FFC7CE", "refused": "FFC7CE",
    "invalid": "FFC7CE",
    "in_doubt": "E4C1F9", "unknown": "E4C1F9",
    "deferred": "FFEB9C",
    "pending": "DDEBF7",
    "skipped": "EDEDED",
}  # fmt: skip


def write_workbook(out: BinaryIO, columns: Sequence[str], lines: Iterable[Sequence[Value]]) -> None:
    """Write a workbook of one sheet; row by row, so memory does not grow with the log."""
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    book.properties.creator = "mailmerge-cli"
    sheet = book.create_sheet("log")
    for place, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(place)].width = _WIDTHS.get(column, 14)
    sheet.freeze_panes = "A2"
    try:
        count = _fill(sheet, columns, lines)
        area = f"A1:{get_column_letter(len(columns))}{count + 1}"
        sheet.auto_filter.ref = area
        _colour(sheet, columns, count)
    except BaseException:
        sheet.close()  # openpyxl keeps a half-written temporary file open until then
        raise
    book.save(out)


def fitted(value: str) -> str:
    """A text with nothing hidden in it, and not longer than a cell may be."""
    text = visible(value)
    return text if len(text) <= _CELL // 2 else text[: _CELL // 2 - 1] + "…"


def _fill(sheet: Worksheet, columns: Sequence[str], lines: Iterable[Sequence[Value]]) -> int:
    """Write the header and all lines; how many lines there were."""
    from openpyxl.cell.cell import WriteOnlyCell
    from openpyxl.styles import Font

    head = [WriteOnlyCell(sheet, value=column) for column in columns]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    count = 0
    for count, line in enumerate(lines, 1):
        if count >= _ROWS:
            raise LedgerFault(
                f"an Excel sheet holds {_ROWS - 1} rows, and the log has more",
                hint="Name the result log .csv or .jsonl instead.",
            )
        sheet.append([_text(sheet, value) if isinstance(value, str) else value for value in line])
    return count


def _text(sheet: Worksheet, value: str) -> object:
    """A text as a cell that stays text, whatever it begins with, also after somebody has edited it."""
    text = fitted(value)
    if defuse(text) == text and not text.startswith("#"):
        return text
    from openpyxl.cell.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell


def _colour(sheet: Worksheet, columns: Sequence[str], count: int) -> None:
    """Colour the state by rule, not cell by cell: a sorted, filtered or mended sheet keeps the right colours."""
    from openpyxl.formatting.rule import CellIsRule
    from openpyxl.styles import PatternFill
    from openpyxl.utils import get_column_letter

    for column in ("state", "verdict"):
        if column not in columns or not count:
            continue
        letter = get_column_letter(columns.index(column) + 1)
        for word, colour in _FILLS.items():
            rule = CellIsRule(  # type: ignore[no-untyped-call]
                operator="equal", formula=[f'"{word}"'], fill=PatternFill(bgColor=colour)
            )
            sheet.conditional_formatting.add(f"{letter}2:{letter}{count + 1}", rule)
