"""Workbooks that are made to burst: a process of two seconds of processor time and 200 MB of memory reads or refuses each, and says so in a sentence.

The limits are the kernel's: a process that asks for more memory gets a MemoryError, one that takes longer is killed. Both fail the test.
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.tables import MAIN, sheet_xml, text_rows, workbook_xml, write_package

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS holds on Linux alone")

SECONDS, MEGABYTES = 2, 200
READ = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEGABYTES} << 20, {MEGABYTES} << 20))
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
from pathlib import Path
from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source
count = 0
try:
    with open_source(Path(sys.argv[1])) as source:
        for row in source.rows():
            count += 1
except Refused as fault:
    print("refused:", fault)
else:
    print("rows:", count)
"""

TABLE = text_rows([("email", "name"), ("a@example.com", "Ann")])
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPE = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'
STRINGS = "xl/sharedStrings.xml"


def read(path: Path) -> str:
    """What the process says at its end."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    return done.stdout


def strings(content: str, begin: str = '<?xml version="1.0"?>') -> dict[str, str]:
    return {STRINGS: f'{begin}<sst xmlns="{MAIN}">{content}</sst>'}


def zipped(levels: int) -> bytes:
    """42.zip's way: an archive of archives, each of ten megabytes of noughts."""
    content = b"\0" * (10 << 20)
    for _ in range(levels):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(10):
                archive.writestr(str(n), content)
        content = packed.getvalue()
    return content


BOMBS: dict[str, Callable[[Path], Path]] = {
    "a gigabyte of blanks": lambda path: lean(path, "xl/worksheets/sheet1.xml", b" ", 1 << 30),
    "a gigabyte of strings": lambda path: lean(path, STRINGS, b"<si><t>0</t></si>", 1 << 30),
    "billion laughs in the sheet": lambda path: write_package(path, DOCTYPE + sheet_xml("&l9;").partition("?>")[2]),
    "billion laughs in the strings": lambda path: write_package(
        path, sheet_xml('<row r="1"><c t="s"><v>0</v></c></row>'), strings("<si><t>&l9;</t></si>", DOCTYPE)
    ),
    "quadratic blow-up": lambda path: write_package(
        path, f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]>' + sheet_xml("&a;" * 100_000).partition("?>")[2]
    ),
    "a hundred thousand entities": lambda path: write_package(
        path, f'<?xml version="1.0"?><!DOCTYPE x [{"".join(f"<!ENTITY e{n} {chr(34)}x{chr(34)}>" for n in range(100_000))}]>'
        + sheet_xml(TABLE).partition("?>")[2]
    ),
    "one cell of a hundred megabytes": lambda path: lean(path, "xl/worksheets/sheet1.xml", b"0", 100 << 20, in_cell=True),
    "a name of a hundred megabytes": lambda path: write_package(path, sheet_xml(f"<{'x' * (100 << 20)}/>")),
}  # fmt: skip
"""Refused, each of them."""

TAME: dict[str, Callable[[Path], Path]] = {
    "a dimension of the whole sheet": lambda path: write_package(
        path, sheet_xml(TABLE, before='<dimension ref="A1:XFD1048576"/>')
    ),
    "an archive of archives beside the sheet": lambda path: write_package(
        path, sheet_xml(TABLE), {"xl/embeddings/a.zip": zipped(2)}
    ),
    "ten thousand sheets": lambda path: write_package(
        path, sheet_xml(TABLE), {"xl/workbook.xml": workbook_xml([("Pay", "visible"), *((f"h{n}", "hidden") for n in range(10_000))])}
    ),
    "fifty thousand levels of elements": lambda path: write_package(path, sheet_xml(TABLE + "<x>" * 50_000 + "</x>" * 50_000)),
    "ten thousand attributes": lambda path: write_package(
        path, sheet_xml(TABLE + f"<row {' '.join(f'a{n}={chr(34)}1{chr(34)}' for n in range(10_000))}/>")
    ),
    "merged over the whole sheet, ten thousand times": lambda path: write_package(
        path, sheet_xml(TABLE, after="<mergeCells>" + '<mergeCell ref="A3:XFD1048576"/>' * 10_000 + "</mergeCells>")
    ),
    "a row at the end of the sheet": lambda path: write_package(
        path, sheet_xml(TABLE + '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>')
    ),
}  # fmt: skip
"""Large only by their words: either way out is right, as long as it is soon."""


def lean(path: Path, part: str, unit: bytes, size: int, *, in_cell: bool = False) -> Path:
    """A workbook one part of which is so large; it is never whole in memory here either."""
    usual = write_package(path.with_name("usual.xlsx"), sheet_xml(TABLE))
    begin, end = b"<worksheet><sheetData>", b"</sheetData></worksheet>"
    if part == STRINGS:
        begin, end = b"<sst>", b"</sst>"
    elif in_cell:
        begin += b'<row r="1"><c t="inlineStr"><is><t>'
        end = b"</t></is></c></row>" + end
    block = unit * ((1 << 20) // len(unit))
    with (
        zipfile.ZipFile(usual) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name))
        with new.open(part, "w", force_zip64=True) as large:
            large.write(begin)
            for _ in range(size // len(block)):
                large.write(block)
            large.write(end)
    return path


NAMES = "urn:oasis:names:tc:opendocument:xmlns"
BEGIN = (
    f'<office:document-content xmlns:office="{NAMES}:office:1.0" xmlns:table="{NAMES}:table:1.0" xmlns:text="{NAMES}:text:1.0">'
    '<office:body><office:spreadsheet><table:table table:name="Pay">'
)
END = "</table:table></office:spreadsheet></office:body></office:document-content>"


def line(text: str) -> str:
    return f'<table:table-row><table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell></table:table-row>'


def open_document(path: Path, rows: str, *, doctype: str = "", blanks: int = 0) -> Path:
    """An .ods written by hand, with so many megabytes of blanks in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/vnd.oasis.opendocument.spreadsheet")
        with archive.open("content.xml", "w", force_zip64=True) as content:
            content.write((doctype + BEGIN + rows).encode())
            for _ in range(blanks):
                content.write(b" " * (1 << 20))
            content.write(END.encode())
    return path


def test_F20_F21_an_open_document_bursts_no_more_than_a_workbook(tmp_path: Path) -> None:
    """Blanks and entities are refused; a text of a thousand million spaces and a row a thousand million times are no work."""
    path, rows = tmp_path / "bomb.ods", line("email") + line("a@example.com")
    assert read(open_document(path, rows)) == "rows: 1\n"
    assert "refused" in read(open_document(path, rows, blanks=1024))
    assert "refused" in read(open_document(path, rows + line("&l9;"), doctype=DOCTYPE))
    assert read(open_document(path, rows + line('x<text:s text:c="1000000000"/>')))
    many = line("x").replace("<table:table-row>", '<table:table-row table:number-rows-repeated="1000000000">')
    assert read(open_document(path, rows + many))


@pytest.mark.parametrize("bomb", BOMBS)
def test_F20_F21_a_bomb_is_refused_in_two_seconds_and_200_megabytes(tmp_path: Path, bomb: str) -> None:
    """It is named, and the process ends by itself."""
    said = read(BOMBS[bomb](tmp_path / "bomb.xlsx"))
    assert said.startswith("refused: ")
    assert "bomb.xlsx" in said


@pytest.mark.parametrize("bomb", TAME)
def test_F20_a_workbook_that_boasts_is_no_work(tmp_path: Path, bomb: str) -> None:
    """What it says of its size costs nothing: its row is read, or it is refused."""
    said = read(TAME[bomb](tmp_path / "bomb.xlsx"))
    assert said.startswith(("rows: ", "refused: "))


def test_the_limits_are_real(tmp_path: Path) -> None:
    """A sound list is read within them; a process that takes more memory is not let go on."""
    assert read(write_package(tmp_path / "list.xlsx", sheet_xml(TABLE))) == "rows: 1\n"
    greedy = READ.replace("count = 0", "count = len(bytearray(250 << 20))")
    done = subprocess.run([sys.executable, "-c", greedy, "x"], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr
