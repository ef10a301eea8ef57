"""Rows a second out of workbooks and text files, and the memory that takes, beside openpyxl's own read-only mode.

    python benchmarks/sheets.py [--rows 10000 200000 1000000] [--runs 3] [--inline]

A payroll of ten columns: three texts of each person's own, a department, a date, four amounts with formats, a formula with its
stored value. Texts are shared, as Excel writes them (`--inline`: in the cells, as other programs do). Every reader is a process of its own, from start to exit; readers take turns.
`ours, shown` also makes the text of every cell as the sheet shows it, which a send does for the cells that the message uses.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from meter import Measured, Spread, measure, number

COLUMNS = ("Staff no.", "Name", "E-mail", "Department", "Day", "Base", "Bonus", "Tax", "Rate", "Net")
_STYLES = (
    '<styleSheet xmlns="x"><numFmts><numFmt numFmtId="164" formatCode="&quot;¥&quot;#,##0.00"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
    '<xf numFmtId="164"/><xf numFmtId="10"/></cellXfs></styleSheet>'
)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_KINDS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    + "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{_KINDS}.{kind}+xml"/>'
        for part, kind in (
            ("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("styles", "styles"), ("sharedStrings", "sharedStrings"),
        )
    )
    + "</Types>",
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="Pay" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
    + "".join(
        f'<Relationship Id="r{at}" Type="{_OFFICE}/{kind}" Target="{target}.xml"/>'
        for at, (kind, target) in enumerate((("worksheet", "worksheets/sheet1"), ("styles", "styles"), ("sharedStrings", "sharedStrings")), 1)
    )
    + "</Relationships>",
    "xl/styles.xml": _STYLES.replace('"x"', f'"{_MAIN}"'),
}  # fmt: skip


def _texts(row: int) -> tuple[str, str, str, str]:
    return f"{row:07d}", f"Person {row}", f"person.{row}@example.org", f"Department {row % 12}"


def _numbers(row: int) -> tuple[float, float, float, float]:
    return 5000 + row % 7000, row % 997 / 4, row % 1201 / 8, row % 1000 / 1000


def write_workbook(path: Path, rows: int, *, inline: bool) -> None:
    """The payroll as .xlsx."""
    strings: dict[str, int] = {}

    def text(value: str) -> str:
        if inline:
            return f't="inlineStr"><is><t>{value}</t></is></c>'
        return f't="s"><v>{strings.setdefault(value, len(strings))}</v></c>'

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in _PARTS.items():
            archive.writestr(name, content)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            titles = "".join(
                f'<c r="{letter}1" {text(title)}' for letter, title in zip("ABCDEFGHIJ", COLUMNS, strict=True)
            )
            part.write(f'<worksheet xmlns="{_MAIN}"><sheetData><row r="1">{titles}</row>'.encode())
            for row in range(2, rows + 2):
                part.write(_row(row, text).encode())
            part.write(b"</sheetData></worksheet>")
        with archive.open("xl/sharedStrings.xml", "w") as part:
            part.write(f'<sst xmlns="{_MAIN}" count="{len(strings)}" uniqueCount="{len(strings)}">'.encode())
            for value in strings:
                part.write(f"<si><t>{value}</t></si>".encode())
            part.write(b"</sst>")


def _row(row: int, text: Callable[[str], str]) -> str:
    texts = "".join(
        f'<c r="{letter}{row}" {text(value)}' for letter, value in zip("ABCD", _texts(row), strict=True)
    )
    base, bonus, tax, rate = _numbers(row)
    amounts = "".join(
        f'<c r="{letter}{row}" s="{style}"><v>{value}</v></c>'
        for letter, style, value in (("F", 2, base), ("G", 2, bonus), ("H", 2, tax), ("I", 3, rate))
    )
    net = f'<c r="J{row}" s="2"><f>F{row}+G{row}-H{row}</f><v>{base + bonus - tax}</v></c>'
    return f'<row r="{row}" spans="1:10">{texts}<c r="E{row}" s="1"><v>{46000 + row % 300}</v></c>{amounts}{net}</row>'


def write_text(path: Path, rows: int) -> None:
    """The same as .csv."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(COLUMNS) + "\r\n")
        for row in range(2, rows + 2):
            base, bonus, tax, rate = _numbers(row)
            texts = ",".join(_texts(row))
            file.write(
                f"{texts},2026-11-05,{base:.2f},{bonus:.2f},{tax:.2f},{rate:.2%},{base + bonus - tax:.2f}\r\n"
            )


def read(how: str, path: Path) -> int:
    """One pass; how many rows there were. Runs in a process of its own."""
    return sum(1 for _ in _READERS[how](path))


def _ours(path: Path) -> Iterator[object]:
    from mailmerge_cli.sources import open_source

    with open_source(path) as source:
        yield from source.rows()


def _shown(path: Path) -> Iterator[object]:
    from mailmerge_cli.sources import open_source

    with open_source(path) as source:
        for row in source.rows():
            yield [str(cell) for cell in row.cells]


def _openpyxl(path: Path) -> Iterator[object]:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    rows = book.worksheets[0].iter_rows(values_only=True)
    next(rows)
    yield from rows
    book.close()


_READERS: dict[str, Callable[[Path], Iterator[object]]] = {
    "ours": _ours,
    "ours, shown": _shown,
    "openpyxl read-only": _openpyxl,
}


def compare(folder: Path, rows: int, runs: int, *, inline: bool) -> None:
    """The lines of the table for one length."""
    book, text = folder / f"{rows}.xlsx", folder / f"{rows}.csv"
    write_workbook(book, rows, inline=inline)
    write_text(text, rows)
    contenders = [*((how, book) for how in _READERS), ("ours", text)]
    found: dict[tuple[str, Path], list[Measured]] = {each: [] for each in contenders}
    for _ in range(runs):
        for how, path in contenders:
            argv = [sys.executable, __file__, "--read", how, "--file", str(path), "--rows", str(rows)]
            found[how, path].append(measure(argv))
    for (how, path), measured in found.items():
        speed = Spread.of([rows / one.seconds for one in measured])
        cpu = Spread.of([one.cpu / rows / len(COLUMNS) * 1e6 for one in measured])
        peak = max(one.peak for one in measured)
        size = number(path.stat().st_size / 1e6, 1)
        print(
            f"| {path.suffix} | {how} | {number(rows)} | {size} | {speed.text()} | {number(cpu.median, 2)} | {number(peak / 1e6)} |",
            flush=True,
        )
    book.unlink()
    text.unlink()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, nargs="+", default=[10_000, 200_000])
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--inline", action="store_true")
    words.add_argument("--read", choices=list(_READERS), help=argparse.SUPPRESS)
    words.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    said = words.parse_args()
    if said.read:
        found = read(said.read, said.file)
        sys.exit(f"{found} rows instead of {said.rows[0]}" if found != said.rows[0] else 0)
    print("| file | reader | rows | MB | rows/s | CPU µs a cell | peak MB |")
    print("|---|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for rows in said.rows:
            compare(Path(folder), rows, said.runs, inline=said.inline)


if __name__ == "__main__":
    main()
