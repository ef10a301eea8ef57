"""Tables for tests: text files, workbooks by openpyxl, and workbooks written by hand, which may be as wrong as a test wants."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from mailmerge_cli.model.table import Column, Row, Source

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
ROOT_RELS = (
    f'<?xml version="1.0"?><Relationships xmlns="{PACKAGE}">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)


def workbook_xml(sheets: Sequence[tuple[str, str]] = (("Pay", "visible"),), extra: str = "") -> str:
    """xl/workbook.xml; sheets are names and states."""
    items = "".join(
        f'<sheet name="{name}" sheetId="{at}" state="{state}" r:id="rId{at}"/>'
        for at, (name, state) in enumerate(sheets, 1)
    )
    return f'<?xml version="1.0"?><workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{extra}<sheets>{items}</sheets></workbook>'


def workbook_rels(sheets: int = 1, office: str = OFFICE) -> str:
    """xl/_rels/workbook.xml.rels."""
    items = "".join(
        f'<Relationship Id="rId{at}" Type="{office}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at in range(1, sheets + 1)
    )
    return (
        f'<?xml version="1.0"?><Relationships xmlns="{PACKAGE}">{items}'
        f'<Relationship Id="rIdS" Type="{office}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rIdT" Type="{office}/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>'
    )


def sheet_xml(rows: str, before: str = "", after: str = "", namespace: str = MAIN) -> str:
    """A sheet whose rows are given as XML."""
    return f'<?xml version="1.0"?><worksheet xmlns="{namespace}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'


def text_rows(table: Iterable[Sequence[str]], first: int = 1) -> str:
    """Rows of inline texts."""
    return "".join(
        f'<row r="{number}">'
        + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row)
        + "</row>"
        for number, row in enumerate(table, first)
    )


def write_package(path: Path, sheet: str, parts: Mapping[str, str | bytes] | None = None) -> Path:
    """A workbook written by hand: one sheet's XML, and any parts instead of, or beside, the usual ones."""
    usual: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": ROOT_RELS,
        "xl/workbook.xml": workbook_xml(),
        "xl/_rels/workbook.xml.rels": workbook_rels(),
        "xl/worksheets/sheet1.xml": sheet,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**usual, **(parts or {})}.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def write_workbook(
    path: Path, table: Iterable[Sequence[Any]], *, title: str = "Pay"
) -> tuple[openpyxl.Workbook, Worksheet]:
    """A workbook by openpyxl, saved; changed further by the caller, it must be saved again."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    for row in table:
        sheet.append(list(row))
    book.save(path)
    return book, sheet


class RowsAtHand(Source):
    """A source of rows that a test holds; it counts its passes."""

    def __init__(self, rows: Sequence[Row], columns: tuple[Column, ...]) -> None:
        self.columns, self.fingerprint = columns, "f" * 64
        self.notes: tuple[str, ...] = ()
        self.passes = 0
        self._rows = rows

    def rows(self) -> Iterator[Row]:
        """All of them."""
        self.passes += 1
        yield from self._rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
