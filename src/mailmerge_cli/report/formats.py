"""How a log is written down: CSV, JSON lines or a workbook, chosen by the file's ending.

CSV is RFC 4180 in UTF-8 with a BOM (Excel needs it), one line a record: no cell holds a raw line break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.errors import UsageFault
from mailmerge_cli.report.escape import defuse, json_text, visible
from mailmerge_cli.report.lines import Value

# What lets a cell pass as it is: no sign or blank in front, and nothing inside that quotes, cuts, hides or runs.
_HARMLESS = r"[\w<(\[/#*.:!?&$][ -!#-+\--:<-~]*"
_PLAIN = re.compile(_HARMLESS, re.ASCII)
_PLAIN_LINE = re.compile(rf"(?:{_HARMLESS})?(?:,(?:{_HARMLESS})?)*", re.ASCII)
_HARMFUL_BEGIN = re.compile(r",[^\w<(\[/#*.:!?&$,]", re.ASCII)  # of a cell

_BOM = b"\xef\xbb\xbf"

LineWriter = Callable[[Sequence[Value]], bytes]
"""Makes one complete line, its end included."""


class LogFormat(StrEnum):
    """A form in which a log can be kept in a file."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"

    @classmethod
    def of(cls, path: Path) -> LogFormat:
        """The form that a file's ending asks for; `UsageFault` for any other ending."""
        try:
            return cls(path.suffix.lower().removeprefix("."))
        except ValueError:
            raise UsageFault(
                f"{visible(str(path))}: a result log ends in .csv, .jsonl or .xlsx", hint="Name the file so."
            ) from None


def heading(form: LogFormat, columns: Sequence[str]) -> bytes:
    """What a text log begins with: the BOM and the column names, or nothing."""
    return _BOM + csv_line(columns) if form is LogFormat.CSV else b""


def line_writer(form: LogFormat, columns: Sequence[str]) -> LineWriter:
    """The maker of lines for a text log."""
    if form is LogFormat.CSV:
        return csv_line
    return lambda cells: json_line(columns, cells)


def csv_line(cells: Sequence[Value]) -> bytes:
    """One record of a CSV file, defused and escaped."""
    line = ",".join(["" if cell is None else str(cell) for cell in cells])
    # Nearly always all of it is harmless, and no cell holds a comma of its own: one look instead of fifteen.
    if line.count(",") != len(cells) - 1 or not _PLAIN_LINE.fullmatch(line):
        line = ",".join([_csv_cell(cell) for cell in cells])
    return f"{line}\r\n".encode()


def csv_lines(rough: Sequence[str], cells: Callable[[int], Sequence[Value]]) -> bytes:
    """Records of a CSV file, the same as `csv_line` makes of each; much quicker where all of them are harmless, as nearly always.

    Args:
        rough: of each record its cells with commas between them, as they are.
        cells: gives the cells of a record by its place; all records have as many.
    """
    if not rough:
        return b""
    if _all_harmless(rough, len(cells(0))):
        return ("\r\n".join(rough) + "\r\n").encode()
    return b"".join([csv_line(cells(place)) for place in range(len(rough))])


def _all_harmless(rough: Sequence[str], width: int) -> bool:
    """Whether each cell is what `_HARMLESS` says, or empty, and none holds a comma of its own."""
    text = f",{','.join(rough)}"
    return (
        text.isascii()
        and text.isprintable()
        and '"' not in text
        and ";" not in text
        and text.count(",") == width * len(rough)  # no record has fewer, so all have as many
        and not _HARMFUL_BEGIN.search(text)
    )


def json_line(columns: Sequence[str], cells: Sequence[Value]) -> bytes:
    """One object on a line; an empty text is an empty text, a missing number or time is null."""
    return (json_text(dict(zip(columns, cells, strict=True))) + "\n").encode()


def log_chunks(
    form: LogFormat, columns: Sequence[str], lines: Iterable[Sequence[Value]], *, mark: bool = True
) -> Iterator[bytes]:
    """A whole log in pieces, lazily, so memory does not grow with it (a workbook comes at once, at its end).

    `mark`: a CSV begins with a BOM.
    """
    if form is LogFormat.XLSX:
        from mailmerge_cli.report.workbook import write_workbook

        book = BytesIO()
        write_workbook(book, columns, lines)
        yield book.getvalue()
        return
    head = heading(form, columns)
    yield head if mark else head.removeprefix(_BOM)
    yield from map(line_writer(form, columns), lines)


def write_log(
    out: BinaryIO, form: LogFormat, columns: Sequence[str], lines: Iterable[Sequence[Value]]
) -> None:
    """A whole log into an open binary file."""
    if form is LogFormat.XLSX:
        from mailmerge_cli.report.workbook import write_workbook

        write_workbook(out, columns, lines)
    else:
        out.writelines(log_chunks(form, columns, lines))


def _csv_cell(cell: Value) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return str(cell)
    if not cell or _PLAIN.fullmatch(cell):
        return cell
    safe = defuse(visible(cell))
    if any(sign in safe for sign in ',;"\t'):
        return '"' + safe.replace('"', '""') + '"'
    return safe
