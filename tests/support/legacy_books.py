"""Sheets of other kinds, written by hand for tests, as wrong as a test wants: .ods (XML) and .xlsb (BIFF12 records)."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from support.tables import OFFICE, PACKAGE, TYPES

_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
_NAMES = " ".join(
    f'xmlns:{short}="{_ODF}{long}:1.0"'
    for short, long in (("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"))
)


def ods_cell(text: str, more: str = "") -> str:
    """A cell with a text."""
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in text.split("\n"))
    return (
        f'<table:table-cell office:value-type="string"{more}>{lines}</table:table-cell>'
        if text
        else "<table:table-cell/>"
    )


def ods_rows(table: Iterable[Sequence[str]]) -> str:
    """Rows of texts."""
    return "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in table)


def write_ods(path: Path, rows: str, *, styles: str = "", name: str = "Pay", before: str = "") -> Path:
    """An OpenDocument sheet of one table, whose rows are given as XML."""
    content = (
        f'<?xml version="1.0"?>{before}<office:document-content {_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>'
        f'<office:body><office:spreadsheet><table:table table:name="{name}" table:style-name="ta1">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(zipfile.ZipInfo("content.xml"), content, zipfile.ZIP_DEFLATED)
    return path


def record(kind: int, content: bytes = b"") -> bytes:
    """A record of BIFF12: number and length in sevens of bits."""
    octets = bytes((kind & 0x7F | 0x80, kind >> 7)) if kind > 0x7F else bytes((kind,))
    length = len(content)
    while length > 0x7F:
        octets += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return octets + bytes((length,)) + content


def wide(text: str) -> bytes:
    """A text with its length."""
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb_row(number: int, cells: Iterable[bytes], *, hidden: bool = False) -> bytes:
    """A row, counted from 1."""
    head = struct.pack("<IIHBBB", number - 1, 0, 300, 0, 0x10 if hidden else 0, 0) + struct.pack("<I", 0)
    return record(0, head) + b"".join(cells)


def xlsb_text(column: int, text: str) -> bytes:
    """A cell with a text of its own (BrtCellSt)."""
    return record(6, struct.pack("<II", column, 0) + wide(text))


def xlsb_number(column: int, number: float) -> bytes:
    """A cell with a number (BrtCellReal)."""
    return record(5, struct.pack("<IId", column, 0, number))


def xlsb_error(column: int, code: int) -> bytes:
    """A cell with an error (BrtCellError)."""
    return record(3, struct.pack("<IIB", column, 0, code))


def write_xlsb(
    path: Path, rows: bytes, *, before: bytes = b"", after: bytes = b"", last: tuple[int, int] = (99, 9)
) -> Path:
    """A binary workbook of one sheet, whose rows are given as records; `last` is the corner that the sheet claims, from 0."""
    sheet = (
        record(129) + record(148, struct.pack("<4I", 0, last[0], 0, last[1])) + before
        + record(145) + rows + record(146) + after + record(130)
    )  # fmt: skip
    book = (
        record(131)
        + record(143)
        + record(156, struct.pack("<II", 0, 1) + wide("rId1") + wide("Pay"))
        + record(144)
        + record(132)
    )
    relationship = '<Relationship Id="rId1" Type="{}/{}" Target="{}"/>'
    relationships = f'<?xml version="1.0"?><Relationships xmlns="{PACKAGE}">{relationship}</Relationships>'
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": relationships.format(OFFICE, "officeDocument", "xl/workbook.bin"),
        "xl/_rels/workbook.bin.rels": relationships.format(OFFICE, "worksheet", "worksheets/sheet1.bin"),
        "xl/workbook.bin": book,
        "xl/worksheets/sheet1.bin": sheet,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path
