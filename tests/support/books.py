"""Workbooks as people have them, with all that a copy must not lose; and LibreOffice to say whether a file is whole."""

from __future__ import annotations

import csv
import re
import shutil
import struct
import subprocess
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import xlsxwriter

from support.tables import MAIN, write_package

OFFICE = shutil.which("soffice")


def rich_book(path: Path, people: int = 4) -> Path:
    """A list with a merged heading, a table, formulas, formats, a picture, a chart, notes, links, rules and a second sheet.

    Titles are in row 3: Staff no., Name, E-mail, Net, Twice. Column G on is hidden.
    """
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Pay")
    money = book.add_format({"num_format": "#,##0.00 [$€-407]", "border": 1})
    bold = book.add_format({"bold": True, "bg_color": "#DDDDDD"})
    sheet.merge_range("A1:E1", "Payroll of November", bold)
    sheet.write_row("A3", ["Staff no.", "Name", "E-mail", "Net", "Twice"], bold)
    for at in range(people):
        sheet.write_row(at + 3, 0, [f"{at + 1:03d}", f"Person {at + 1}", f"p{at + 1}@example.org"])
        sheet.write_number(at + 3, 3, 1234.5 + at, money)
        sheet.write_formula(at + 3, 4, f"=D{at + 4}*2", money, 2 * (1234.5 + at))
    sheet.conditional_format("D4:D9", {"type": "cell", "criteria": ">", "value": 1236, "format": bold})
    sheet.data_validation("B4:B9", {"validate": "length", "criteria": "<", "value": 99})
    sheet.write_comment("B4", "private note")
    sheet.write_url("B4", "https://example.org/", string="Person 1")
    sheet.insert_image("B20", "dot.png", {"image_data": BytesIO(_png())})
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": f"=Pay!$D$4:$D${people + 3}"})
    sheet.insert_chart("B25", chart)
    sheet.set_column("C:C", 31)
    sheet.set_column("G:XFD", None, None, {"hidden": True})
    sheet.freeze_panes(3, 1)
    sheet.protect("")
    other = book.add_worksheet("Sums")
    other.write_formula("A1", f"=SUM(Pay!D4:D{people + 3})", None, 4944)
    other.add_table(
        "C1:D3", {"columns": [{"header": "a"}, {"header": "b"}], "name": "Small", "data": [[1, 2], [3, 4]]}
    )
    book.close()
    return path


def parts(path: Path) -> dict[str, bytes]:
    """All parts of a workbook."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def by_office(path: Path, folder: Path) -> list[list[str]]:
    """The first sheet as LibreOffice reads it."""
    assert OFFICE is not None
    profile = folder / "profile"
    subprocess.run(
        [OFFICE, f"-env:UserInstallation=file://{profile}", "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76",
         "--outdir", str(folder / "csv"), str(path)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with (folder / "csv" / f"{path.stem}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def without_cells(sheet: bytes, letters: str) -> bytes:
    """A sheet's XML without the cells of these columns, and without what copying may change: spans, widths, extent."""
    sheet = re.sub(rb'<c r="[%s]\d+"[^>]*?(?:/>|>.*?</c>)' % letters.encode(), b"", sheet)
    sheet = re.sub(rb' spans="[\d:]+"', b"", sheet)
    return re.sub(rb"<cols>.*?</cols>|<dimension [^>]*>", b"", sheet)


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + chunk(b"IEND", b"")
    )


_KINDS = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KINDS}sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KINDS}styles+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_KINDS}sharedStrings+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KINDS}worksheet+xml"/></Types>'
)
_STYLES = (
    f'<?xml version="1.0"?><styleSheet xmlns="{MAIN}"><fonts><font/></fonts><fills><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills><borders><border/></borders>'
    '<cellStyleXfs><xf/></cellStyleXfs><cellXfs><xf xfId="0"/></cellXfs>'
    '<cellStyles><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def plain_book(path: Path, sheet: str, **more: str) -> Path:
    """A sheet's XML in a workbook that every program opens. `more`: other parts, by their last names."""
    names = {
        "sharedStrings": "xl/sharedStrings.xml",
        "workbook": "xl/workbook.xml",
        "styles": "xl/styles.xml",
    }
    named = {names[name]: content for name, content in more.items()}
    usual = {
        "[Content_Types].xml": _TYPES,
        "xl/styles.xml": _STYLES,
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"/>',
    }
    return write_package(path, sheet, {**usual, **named})
