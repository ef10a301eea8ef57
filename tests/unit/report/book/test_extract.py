"""Some rows of a workbook as a workbook of their own: they show the same, and nothing of anybody else is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from mailmerge_cli.model.cell import CellFault, FaultCell
from mailmerge_cli.report.book.cut import NoCopy
from mailmerge_cli.report.book.extract import write_rows
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.xlsx.source import WorkbookSource
from support.books import OFFICE, by_office, parts, plain_book, rich_book
from support.tables import MAIN, STRICT, sheet_xml, text_rows, workbook_xml


def extracted(path: Path, *rows: int, **choices: Any) -> Path:
    source = open_source(path, **choices)
    assert isinstance(source, WorkbookSource)
    copy = path.with_name("failed.xlsx")
    with copy.open("wb") as out:
        write_rows(out, source, rows)
    return copy


def test_rows_show_the_same(tmp_path: Path) -> None:
    """Cells with their formats, formulas as their values, the heading and the titles above, widths, under each other."""
    path = rich_book(tmp_path / "list.xlsx")
    copy = extracted(path, 5, 7, sheet="Pay")
    with open_source(path, sheet="Pay") as old, open_source(copy) as new:
        kept = [[str(cell) for cell in row.cells] for row in old.rows() if row.number in (5, 7)]
        rows = list(new.rows())
        assert [[str(cell) for cell in row.cells] for row in rows] == kept
        assert [row.number for row in rows] == [4, 5]
        assert [column.title for column in old.columns] == [column.title for column in new.columns]
    page = load_workbook(copy).worksheets[0]
    assert (page.title, page["A1"].value, page["D4"].number_format) == (
        "Pay", "Payroll of November", "#,##0.00 [$€-407]",
    )  # fmt: skip
    assert page["E5"].value == 2475
    assert page.column_dimensions["C"].width > 31
    assert [str(one) for one in page.merged_cells.ranges] == ["A1:E1"]


def test_nothing_of_others_is_in_the_file(tmp_path: Path) -> None:
    """No name, address, note, picture or sheet of anybody whose row was not asked for, in no part."""
    copy = extracted(rich_book(tmp_path / "list.xlsx"), 5, sheet="Pay")
    whole = b"".join(parts(copy).values())

    assert b"p2@example.org" in whole
    assert not [
        secret
        for secret in (b"p1@", b"p3@", b"Person 4", b"private note", b"Sums", b"1237.5")
        if secret in whole
    ]
    assert sorted(parts(copy)) == [
        "[Content_Types].xml", "_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/theme/theme1.xml",
        "xl/workbook.xml", "xl/worksheets/sheet1.xml",
    ]  # fmt: skip


@pytest.mark.skipif(OFFICE is None, reason="there is no LibreOffice")
def test_libreoffice_opens_the_rows(tmp_path: Path) -> None:
    """Another program shows them as the list shows them."""
    lines = by_office(extracted(rich_book(tmp_path / "list.xlsx"), 6, sheet="Pay"), tmp_path)

    assert lines[2] == ["Staff no.", "Name", "E-mail", "Net", "Twice"]
    assert lines[3][:3] == ["003", "Person 3", "p3@example.org"]
    assert [
        cell.startswith(figures) for cell, figures in zip(lines[3][3:], ("1,236.50", "2,473.00"), strict=True)
    ] == [True] * 2


def cells_of_second(copy: Path) -> list[object]:
    with open_source(copy) as source:
        return list(next(source.rows()).cells)


@pytest.mark.parametrize(
    ("cell", "calculated"),
    [
        ('<c r="B2"><f>1+1</f></c>', True),
        ('<c r="B2"><f>1+1</f><v/></c>', True),
        ('<c r="B2"><f>1+1</f><v>0</v></c>', False),
        ('<c r="B2" t="str"><f>A1</f></c>', True),
        ('<c r="B2" t="e"><v>#REF!</v></c>', True),
    ],
)
def test_F17_a_cell_that_must_not_be_used_is_no_blank(tmp_path: Path, cell: str, calculated: bool) -> None:
    """A formula without a value, and an error, stay faults: a payslip with a blank in their place would go out."""
    rows = (
        text_rows([["email", "net"]])
        + f'<row r="2"><c r="A2" t="inlineStr"><is><t>a@example.org</t></is></c>{cell}</row>'
    )
    book = workbook_xml()
    if not calculated:
        book = book.replace("</workbook>", '<calcPr fullCalcOnLoad="1"/></workbook>')
    found = cells_of_second(extracted(plain_book(tmp_path / "l.xlsx", sheet_xml(rows), workbook=book), 2))

    assert isinstance(found[1], FaultCell)


def test_F17_the_covered_part_of_a_merged_range_is_no_blank(tmp_path: Path) -> None:
    """A row that shows the value of the row above has none of its own; it stays a row that is not sent."""
    rows = text_rows([["email", "net"], ["a@example.org", "5"], ["b@example.org", ""]])
    sheet = sheet_xml(rows, after='<mergeCells count="1"><mergeCell ref="B2:B3"/></mergeCells>')
    found = cells_of_second(extracted(plain_book(tmp_path / "l.xlsx", sheet), 3))

    assert found[0] == "b@example.org"
    with pytest.raises(CellFault):
        str(found[1])


def test_kinds_of_cells_are_kept(tmp_path: Path) -> None:
    """Rich shared texts, truth values, texts of formulas, escapes, leading blanks, days since 1904."""
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>email</t></si><si><r><t>ri</t></r><r><rPr><b/></rPr><t>ch</t></r></si>'
        '<si><t xml:space="preserve"> a_x000D_ &amp; </t></si><si><t/></si></sst>'
    )
    titles = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>b</t></is></c><c r="C1" t="inlineStr"><is><t>c</t></is></c></row>'
    row = (
        '<row r="5"><c r="A5" t="s"><v>1</v></c><c r="B5" t="s"><v>2</v></c><c r="C5" t="b"><v>1</v></c></row>'
        '<row r="6"><c r="A6" t="str"><f>"x"</f><v> y&lt;</v></c><c r="B6" t="s"><v>3</v></c><c r="C6"><v>1</v></c></row>'
    )
    book = workbook_xml(extra='<workbookPr date1904="1"/>')
    path = plain_book(tmp_path / "l.xlsx", sheet_xml(titles + row), sharedStrings=strings, workbook=book)
    with open_source(extracted(path, 5, 6)) as new, open_source(path) as old:
        assert [row.cells for row in new.rows()] == [row.cells for row in old.rows()]
    assert b'date1904="1"' in parts(path.with_name("failed.xlsx"))["xl/workbook.xml"]
    assert b"<b/>" in parts(path.with_name("failed.xlsx"))["xl/worksheets/sheet1.xml"]


def test_a_list_found_by_a_name_is_found_again(tmp_path: Path) -> None:
    """`table = "People"`: the copy has a range of that name, so the campaign needs no change."""
    names = "<definedNames><definedName name=\"People\">'Pay'!$B$2:$C$9</definedName></definedNames>"
    book = workbook_xml().replace("</workbook>", f"{names}</workbook>")
    rows = text_rows(
        [["", "email", "net"], *(["x", f"p{at}@example.org", str(at)] for at in range(5))], first=2
    )
    path = plain_book(tmp_path / "l.xlsx", sheet_xml(rows), workbook=book)
    with open_source(extracted(path, 4, 6, table="People"), table="People") as new:
        assert [row.cells for row in new.rows()] == [("p1@example.org", "1"), ("p3@example.org", "3")]


def test_what_stands_beside_the_list_stays_there(tmp_path: Path) -> None:
    """Two lists side by side: a row of the one has, in the same row of the sheet, somebody of the other."""
    titles = ["mine", "email", "net", "notes", "boss@example.org"]
    rows = text_rows([titles, *(["x", f"p{at}@example.org", str(at), "", f"Zed {at}"] for at in range(3))])
    merged = '<mergeCells count="1"><mergeCell ref="D2:E3"/></mergeCells>'
    names = "<definedNames><definedName name=\"People\">'Pay'!$B$1:$C$4</definedName></definedNames>"
    book = workbook_xml().replace("</workbook>", f"{names}</workbook>")
    path = plain_book(tmp_path / "l.xlsx", sheet_xml(rows, after=merged), workbook=book)
    copy = extracted(path, 3, 4, table="People")
    page = load_workbook(copy).worksheets[0]

    assert [[cell.value for cell in row] for row in page.iter_rows()] == [
        [None, "email", "net"], [None, "p1@example.org", "1"], [None, "p2@example.org", "2"],
    ]  # fmt: skip


def test_titles_in_a_hidden_row_are_copied(tmp_path: Path) -> None:
    """The name of a group that nobody sees is a part of its columns' titles; what is hidden above them stays behind."""
    rows = text_rows([["secret"], ["pay"], ["email", "net"], ["p@example.org", "1"]])
    rows = rows.replace('<row r="1"', '<row r="1" hidden="1"').replace('<row r="2"', '<row r="2" hidden="1"')
    path = plain_book(tmp_path / "l.xlsx", sheet_xml(rows))
    choices: dict[str, Any] = {"start": "A2", "header_rows": 2}
    copy = extracted(path, 4, **choices)
    with open_source(copy, **choices) as new, open_source(path, **choices) as old:
        assert (
            [one.title for one in new.columns]
            == [one.title for one in old.columns]
            == ["pay / email", "pay / net"]
        )
    assert b"secret" not in parts(copy)["xl/worksheets/sheet1.xml"]


def test_the_strict_kind_is_told(tmp_path: Path) -> None:
    """Its namespaces are others; the parts that are copied would not fit."""
    sheet = sheet_xml(text_rows([["email"], ["a@example.org"]]), namespace=STRICT)

    with pytest.raises(NoCopy, match="strict"):
        extracted(plain_book(tmp_path / "l.xlsx", sheet), 2)
