"""What python-calamine does not tell of .xls and .xlsb: hidden rows and columns, merged cells, error values, filters.

Both are chains of records, each with a number, a length and its octets: BIFF8 (MS-XLS) and BIFF12 (MS-XLSB).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.ranges import Range

_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_MOST = 1_000_000


class TornRecords(ValueError):
    """The records are torn, or too many."""


@dataclass(slots=True)
class Findings:
    """What was met in a sheet; rows from 1, columns from 0.

    Attributes:
        errors: row → column → what the cell shows.
        corner: how many rows and columns there are down to the last cell, or as the sheet says of itself.
    """

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    merged: list[Range] = field(default_factory=list)
    errors: dict[int, dict[int, str]] = field(default_factory=dict)
    filtered: bool = False
    corner: tuple[int, int] = (0, 0)

    def meet(self, row: int, column: int) -> None:
        """A cell stands there."""
        self.corner = (max(self.corner[0], row), max(self.corner[1], column + 1))

    def err(self, row: int, column: int, code: int) -> None:
        """A cell holds an error."""
        self.errors.setdefault(row, {})[column] = _ERRORS.get(code, "an error")
        self._weigh(len(self.errors))

    def merge(self, top: int, bottom: int, left: int, right: int) -> None:
        """A merged range; rows and columns as the file counts them, from 0."""
        name = f"{column_letter(left)}{top + 1}:{column_letter(right)}{bottom + 1}"
        self.merged.append(Range(top + 1, left, bottom + 1, right, name))
        self._weigh(len(self.merged))

    @staticmethod
    def _weigh(count: int) -> None:
        if count > _MOST:
            raise TornRecords("more than a sheet can hold")


# .xls

_XLS_CELLS = frozenset((0x0006, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E, 0x00D6, 0x00FD, 0x00BD, 0x00BE))
_XLS_RUNS = frozenset((0x00BD, 0x00BE))  # of several cells; the last one's column ends the record
_BOF8, _EOF8 = {0x0809, 0x0409, 0x0209, 0x0009}, 0x000A


def xls_sheets(book: bytes) -> tuple[list[int], bool]:
    """Where the records of each sheet begin (all kinds of sheets, in their order), and whether the book is encrypted."""
    starts: list[int] = []
    for kind, content in _xls_records(book, 0):
        if kind == 0x002F:  # FilePass
            return [], True
        if kind == 0x0085 and len(content) >= 6:  # BoundSheet8
            starts.append(struct.unpack_from("<I", content)[0])
        elif kind == _EOF8:
            break
    return starts, False


def xls_findings(book: bytes, start: int) -> Findings:
    """What is to be told of the sheet whose records begin there."""
    found, depth = Findings(), 0
    for kind, content in _xls_records(book, start):
        if kind in _BOF8:
            depth += 1  # a chart in the sheet has records of its own
        elif kind == _EOF8:
            depth -= 1
            if depth <= 0:
                break
        elif depth == 1:
            try:
                if kind in _XLS_CELLS:
                    _xls_cell(found, kind, content)
                else:
                    _xls_record(found, kind, content)
            except struct.error as fault:
                raise TornRecords(f"record {kind:#x} is too short") from fault
    return found


def _xls_cell(found: Findings, kind: int, content: bytes) -> None:
    row, column = struct.unpack_from("<HH", content)
    last = struct.unpack("<H", content[-2:])[0] if kind in _XLS_RUNS else column
    found.meet(row + 1, max(column, last))
    if kind == 0x0205:  # BoolErr
        code, is_error = struct.unpack_from("<BB", content, 6)
        if is_error:
            found.err(row + 1, column, code)
    elif kind == 0x0006:  # Formula: what it came to; the last two octets say if it is no number
        result = struct.unpack_from("<8s", content, 6)[0]
        if result[6:] == b"\xff\xff" and result[0] == 2:
            found.err(row + 1, column, result[2])


def _xls_record(found: Findings, kind: int, content: bytes) -> None:
    match kind:
        case 0x0208:  # Row
            row, flags = struct.unpack_from("<H10xH", content)
            if flags & 0x20:
                found.hidden_rows.add(row + 1)
        case 0x007D:  # ColInfo
            first, last, flags = struct.unpack_from("<HH4xH", content)
            if flags & 1:
                found.hidden_columns.append((first, last))
        case 0x00E5:  # MergeCells
            count = struct.unpack_from("<H", content)[0]
            for at in range(count):
                found.merge(*struct.unpack_from("<4H", content, 2 + at * 8))
        case 0x009B:  # FilterMode
            found.filtered = True
        case 0x0200 if len(content) >= 14:  # Dimensions
            rows, columns = struct.unpack_from("<4xI2xH", content)
            found.meet(rows, columns - 1)


def _xls_records(book: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    at = start
    while at + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + length]
        at += 4 + length


# .xlsb

_CELLS = frozenset(range(1, 12)) | {62}


def xlsb_sheets(chunks: Iterable[bytes]) -> list[str]:
    """The relationship of each sheet, in their order."""
    ids: list[str] = []
    for kind, content in _xlsb_records(chunks):
        if kind == 156:  # BrtBundleSh
            length = struct.unpack_from("<I", content, 8)[0]
            ids.append(content[12 : 12 + min(length, 255) * 2].decode("utf-16-le", "replace"))
    return ids


def xlsb_findings(chunks: Iterable[bytes]) -> Findings:
    """What is to be told of a sheet, of the octets of its part."""
    found, row = Findings(), 0
    for kind, content in _xlsb_records(chunks):
        try:
            if kind == 0:  # BrtRowHdr
                row = struct.unpack_from("<I", content)[0] + 1
                if content[11] & 0x10:
                    found.hidden_rows.add(row)
            elif kind in _CELLS:
                column = struct.unpack_from("<I", content)[0]
                found.meet(row, column)
                if kind in {3, 11}:  # BrtCellError, BrtFmlaError
                    found.err(row, column, content[8])
            else:
                _xlsb_record(found, kind, content)
        except (struct.error, IndexError) as fault:
            raise TornRecords(f"record {kind} is too short") from fault
    return found


def _xlsb_record(found: Findings, kind: int, content: bytes) -> None:
    match kind:
        case 60:  # BrtColInfo
            first, last, flags = struct.unpack_from("<II8xH", content)
            if flags & 1:
                found.hidden_columns.append((first, last))
        case 148:  # BrtWsDim
            row, column = struct.unpack_from("<4xI4xI", content)
            found.meet(row + 1, column)
        case 163:  # BrtBeginFilterColumn
            found.filtered = True
        case 176:  # BrtMergeCell
            found.merge(*struct.unpack_from("<4I", content))


def _xlsb_records(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    rest = b""
    for chunk in chunks:
        rest += chunk
        at = 0
        while (record := _xlsb_record_at(rest, at)) is not None:
            kind, begin, end = record
            yield kind, rest[begin:end]
            at = end
        rest = rest[at:]
        if len(rest) > 1 << 24:
            raise TornRecords("a record does not end")


def _xlsb_record_at(octets: bytes, at: int) -> tuple[int, int, int] | None:
    """Number, begin and end of the record there; None if not all of it is there yet. Sevens of bits, the low ones first (§2.1.4)."""
    numbers = []
    for most in (2, 4):
        number = 0
        for shift in range(most):
            if at >= len(octets):
                return None
            octet = octets[at]
            at += 1
            number |= (octet & 0x7F) << 7 * shift
            if octet < 0x80:
                break
        numbers.append(number)
    kind, length = numbers
    return (kind, at, at + length) if at + length <= len(octets) else None
