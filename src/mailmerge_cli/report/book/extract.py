"""A new workbook of some of a sheet's rows: the titles and these rows, with their formats and widths, and nothing of anybody else.

Rule 1: what a row shows stays the same: a formula becomes its stored value, a shared text the row's own. A cell that must not be used
(a formula without a value, the covered part of a merged range) becomes an error value, never a blank.
Rule 2: only what belongs to these rows is copied; other sheets, shared texts, pictures, comments and what stands beside the list's
columns could tell of others.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from mailmerge_cli.report.book.cut import CutCell, NoCopy, Piece, cells_of, cut, row_number, tag_of
from mailmerge_cli.report.book.frame import MAIN, XML, write_frame
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.ranges import Range
from mailmerge_cli.sources.xlsx.areas import chosen_area
from mailmerge_cli.sources.xlsx.package import LARGEST_SHEET, Package
from mailmerge_cli.sources.xlsx.source import WorkbookSource
from mailmerge_cli.sources.xlsx.survey import survey
from mailmerge_cli.sources.xlsx.workbook import Workbook, read_workbook

_TYPE = re.compile(rb"\st\s*=\s*[\"'](\w+)[\"']")
_STYLE = re.compile(rb"\ss\s*=\s*[\"'](\d{1,6})[\"']")
_KEPT_OF_ROW = re.compile(rb"\s(?:s|customFormat|ht|customHeight)\s*=\s*[\"'][^\"'<>]*[\"']")
_FOREIGN = re.compile(rb"\s[\w.-]+:[\w.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_HIDDEN = re.compile(rb"\shidden\s*=\s*[\"'](?:1|true|on)[\"']")
_RIGHT_TO_LEFT = re.compile(rb"\srightToLeft\s*=\s*[\"'](?:1|true|on)[\"']")
_FORMULA = tag_of(b"f")
_VALUE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?v>([^<]*)<")
_TEXT_INSIDE = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)is>(.*)</\1is>", re.DOTALL)
_NAMESPACE = re.compile(rb"\sxmlns(?::([\w.-]+))?\s*=\s*[\"']([^\"']*)[\"']")
_FAULT = b"#N/A"


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What is copied of a sheet beside its rows, and which columns are.

    Attributes:
        header: the lowest row of the titles.
        columns: the list's own, from 0.
        merged: the sheet's merged ranges.
        uncalculated: see `Workbook`.
        texts: the shared texts of the rows, as XML.
    """

    header: int
    columns: range
    merged: tuple[Range, ...]
    uncalculated: bool
    texts: Mapping[int, bytes]


def write_rows(out: BinaryIO, source: WorkbookSource, numbers: Collection[int]) -> None:
    """Write a workbook of the titles and these rows.

    Args:
        out: an empty binary file.
        source: the list.
        numbers: of the rows.

    Raises:
        NoCopy: the workbook cannot be copied so; the text says why.
        Refused: it is damaged.
    """
    with source.path.open("rb") as stream:
        if stream.read(2) != b"PK":
            raise NoCopy("the list is protected by a password, and a copy would not be")
        package = Package(stream, str(source.path))
        book = read_workbook(package)
        choices = source.choices
        area = chosen_area(package, book, sheet=choices.sheet, table=choices.table, start=choices.start)
        rows = _Rows(package, source, area.range.top, frozenset(numbers))
        sheet = _Sheet(
            source.header,
            range(source.left, source.left + len(source.columns)),
            tuple(survey(package, source.part).merged),
            book.uncalculated,
            _texts(package, book, rows),
        )
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as new:
            bottom = source.header + len(numbers)
            named = replace(area.range, bottom=bottom) if choices.table else None
            write_frame(new, package, book, area.sheet.name, (choices.table, named) if named else None)
            with new.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
                for chunk in _sheet(rows, sheet):
                    part.write(chunk)


class _Rows:
    """The sheet's rows that are copied, again and again."""

    def __init__(self, package: Package, source: WorkbookSource, top: int, numbers: frozenset[int]) -> None:
        self._package, self._part, self._top, self._source = package, source.part, top, source
        self._numbers = numbers

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Row number and XML; first 0 and the sheet's head."""
        number = 0
        for piece, xml in cut(self._package.chunks(self._part, LARGEST_SHEET), b"sheetData", b"row"):
            if piece is Piece.HEAD:
                yield 0, xml
            elif piece is Piece.ELEMENT:
                number = row_number(xml, number)
                if self._is_above(number, xml) or number in self._numbers:
                    yield number, xml

    def _is_above(self, number: int, xml: bytes) -> bool:
        """Whether it holds titles, or stands above them and is seen."""
        if not self._top <= number <= self._source.header:
            return False
        return number >= self._source.top or not _HIDDEN.search(xml, 0, xml.find(b">") + 1)


def _texts(package: Package, book: Workbook, rows: _Rows) -> dict[int, bytes]:
    """The shared texts of these rows, by number, as XML."""
    wanted: set[int] = set()
    for number, xml in rows.pieces():
        if number:
            for cell in cells_of(xml):
                if _kind(xml, cell) == b"s" and (value := _VALUE.search(xml, cell.inner, cell.end)):
                    wanted.add(_count(value[1]))
    texts: dict[int, bytes] = {}
    if wanted and book.strings in package:
        items = (
            xml for piece, xml in cut(package.chunks(book.strings), b"sst", b"si") if piece is Piece.ELEMENT
        )
        for number, xml in enumerate(items):
            if number in wanted:
                begin, end = xml.index(b">") + 1, xml.rindex(b"</") if b"</" in xml else 0
                texts[number] = xml[begin:end] if end else b"<t></t>"
    if len(texts) != len(wanted):
        raise NoCopy("texts of it are missing")
    return texts


def _count(value: bytes) -> int:
    if not value.strip().isdigit() or len(value) > 9:
        raise NoCopy("it is damaged: a cell refers to no text")
    return int(value)


def _sheet(rows: _Rows, sheet: _Sheet) -> Iterator[bytes]:
    pieces = rows.pieces()
    _, head = next(pieces)
    yield _head(head)
    yield b"<sheetData>"
    last, covered = 0, _Covered(sheet)
    for number, xml in pieces:
        last = number if number <= sheet.header else max(last, sheet.header) + 1
        yield _row(xml, last, sheet, covered.in_row(number))
    yield b"</sheetData>"
    kept = [one for one in sheet.merged if one.bottom <= sheet.header]
    if kept:
        tags = b"".join(b'<mergeCell ref="%s"/>' % one.reference.encode() for one in kept)
        yield b'<mergeCells count="%d">%s</mergeCells>' % (len(kept), tags)
    yield b"</worksheet>"


class _Covered:
    """Which cells are covered by merged ranges, asked row by row from the top down."""

    def __init__(self, sheet: _Sheet) -> None:
        self._ahead = sorted(
            (one for one in sheet.merged if one.bottom > sheet.header), key=lambda one: one.top, reverse=True
        )
        self._open: list[Range] = []
        self._columns = sheet.columns

    def in_row(self, number: int) -> set[int]:
        """The list's columns, from 0, that in this row only show another cell's value."""
        while self._ahead and self._ahead[-1].top <= number:
            self._open.append(self._ahead.pop())
        self._open = [one for one in self._open if one.bottom >= number]
        return {
            place
            for one in self._open
            for place in range(max(one.left, self._columns.start), min(one.right + 1, self._columns.stop))
            if (number, place) != (one.top, one.left)
        }


def _head(head: bytes) -> bytes:
    """The new sheet's beginning: its namespaces, the direction, heights and widths."""
    root = tag_of(b"worksheet").search(head)
    spaces = dict(_NAMESPACE.findall(root[0])) if root else {}
    if MAIN not in spaces.values():
        raise NoCopy("it is of the strict kind; save it as an ordinary .xlsx")
    own = b"".join(b' xmlns:%s="%s"' % (name, MAIN) for name, uri in spaces.items() if name and uri == MAIN)
    direction = b' rightToLeft="1"' if _RIGHT_TO_LEFT.search(head) else b""
    return b"".join((
        XML, b'<worksheet xmlns="%s"%s>' % (MAIN, own),
        b'<sheetViews><sheetView%s tabSelected="1" workbookViewId="0"/></sheetViews>' % direction,
        _bare(head, b"sheetFormatPr"), _widths(head),
    ))  # fmt: skip


def _bare(head: bytes, name: bytes) -> bytes:
    """An element without content, its prefix and its attributes of other namespaces."""
    found = tag_of(name).search(head)
    return _unprefixed(found[0], found[1]) if found else b""


def _widths(head: bytes) -> bytes:
    tags = [_unprefixed(one[0], one[1]) for one in tag_of(b"col").finditer(head)]
    return b"<cols>" + b"".join(tags) + b"</cols>" if tags else b""


def _unprefixed(tag: bytes, prefix: bytes) -> bytes:
    return b"<" + _FOREIGN.sub(b"", tag[1 + len(prefix) :].rstrip(b"/>")) + b"/>"


def _row(xml: bytes, number: int, sheet: _Sheet, covered: set[int]) -> bytes:
    tag = xml[: xml.index(b">")]
    kept = b"".join(_KEPT_OF_ROW.findall(tag))
    cells: dict[int, bytes] = {place: _cell(number, place, b"", b"e", _FAULT) for place in covered}
    for cell in cells_of(xml):
        if cell.place in sheet.columns and cell.place not in covered:
            cells[cell.place] = _value(xml, cell, number, sheet)
    return b'<row r="%d"%s>%s</row>' % (number, kept, b"".join(cells[place] for place in sorted(cells)))


def _value(xml: bytes, cell: CutCell, number: int, sheet: _Sheet) -> bytes:
    """One cell as its value."""
    style = _STYLE.search(xml, cell.begin, cell.inner)
    styled = b' s="%s"' % style[1] if style else b""
    kind = _kind(xml, cell)
    found = _VALUE.search(xml, cell.inner, cell.end)
    value = found[1] if found and found[1].strip() else b""
    if kind == b"inlineStr":
        inside = _TEXT_INSIDE.search(xml, cell.inner, cell.end)
        return _text(number, cell.place, styled, inside[2] if inside else b"")
    lacking = not value or (sheet.uncalculated and value == b"0")
    if lacking and kind != b"str" and _FORMULA.search(xml, cell.inner, cell.end):
        return _cell(number, cell.place, styled, b"e", _FAULT)
    if kind == b"s" and value:
        return _text(number, cell.place, styled, sheet.texts[_count(value)])
    if kind == b"str":
        if found is None:
            return _cell(number, cell.place, styled, b"e", _FAULT)
        return _text(number, cell.place, styled, b'<t xml:space="preserve">%s</t>' % found[1])
    return _cell(number, cell.place, styled, kind, value)


def _kind(xml: bytes, cell: CutCell) -> bytes:
    said = _TYPE.search(xml, cell.begin, cell.inner)
    return said[1] if said else b"n"


def _cell(number: int, place: int, styled: bytes, kind: bytes, value: bytes) -> bytes:
    reference = f"{column_letter(place)}{number}".encode()
    if not value:
        return b'<c r="%s"%s/>' % (reference, styled)
    return b'<c r="%s"%s t="%s"><v>%s</v></c>' % (reference, styled, kind, value)


def _text(number: int, place: int, styled: bytes, inside: bytes) -> bytes:
    reference = f"{column_letter(place)}{number}".encode()
    return b'<c r="%s"%s t="inlineStr"><is>%s</is></c>' % (reference, styled, inside)
