"""Where in a workbook the list stands: Excel tables, named ranges, a start cell."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.table import Table

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.ranges import TALLEST, WIDEST, read_range

ANN, BOB = ("ann@example.com", 1), ("bob@example.com", 2)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Two sheets: a heading and a table with totals at B3 beside other cells; a list with names of its own."""
    path = tmp_path / "book.xlsx"
    found = openpyxl.Workbook()
    sheet = found.active
    sheet.title = "Pay roll"
    sheet["A1"] = "November"
    sheet["F9"] = "a remark"
    for row, cells in enumerate([("email", "net"), ANN, BOB, ("Total", 3)], 3):
        sheet.cell(row, 2, cells[0])
        sheet.cell(row, 3, cells[1])
    sheet["D4"] = "beside"
    sheet["A4"] = "before"
    table = Table(displayName="Payroll", ref="B3:C6")
    table._initialise_columns()
    for column, title in zip(table.tableColumns, ("email", "net"), strict=True):
        column.name = title
    table.totalsRowCount = 1
    sheet.add_table(table)
    other = found.create_sheet("Staff")
    for cells in [("E-mail", "n"), ANN, BOB, ("cle@example.com", 3)]:
        other.append(cells)
    names = {
        "First_two": "Staff!$A$1:$B$3",
        "Columns": "Staff!$A:$B",
        "Begin": "'Pay roll'!$B$3",
        "Broken": "Staff!#REF!",
        "Formula": "OFFSET(Staff!$A$1,0,0,3,2)",
        "Two": "Staff!$A$1:$A$3,Staff!$C$1:$C$3",
    }
    for name, place in names.items():
        found.defined_names[name] = DefinedName(name, attr_text=place)
    sheet.defined_names["Here"] = DefinedName("Here", attr_text="'Pay roll'!$B$3:$C$4")
    other.defined_names["Here"] = DefinedName("Here", attr_text="Staff!$A$1:$B$2")
    found.save(path)
    return path


def read(path: Path, **choices) -> tuple[list[str], list[tuple[int, tuple]], tuple[str, ...]]:
    """Titles with letters, rows, notes."""
    with open_source(path, **choices) as source:
        rows = [(row.number, row.cells) for row in source.rows()]
        return [f"{column.letter}:{column.title}" for column in source.columns], rows, source.notes


@pytest.mark.parametrize("name", ["Payroll", " payroll "])
def test_a_table_by_name(book, name):
    """Its sheet and range are the table's; its totals row and what stands beside it are no rows."""
    columns, rows, notes = read(book, table=name)
    assert columns == ["B:email", "C:net"]
    assert rows == [(4, ANN), (5, BOB)]
    assert notes == ("row 6: totals of the table “Payroll”, not sent", "header: row 3; data from row 4")


def test_a_named_range(book):
    """A name is as good as a table; rows below it are not read, and that is told: somebody may have been added there."""
    columns, rows, notes = read(book, table="First_two")
    assert (columns, rows) == (["A:E-mail", "B:n"], [(2, ANN), (3, BOB)])
    assert notes == (
        "1 row stands below the range “First_two” and gets no mail, first row 4; make it longer in Excel if people stand there",
    )


def test_persons_below_a_table(book):
    """Rows that were added below a table which did not grow are told; its totals and what stands beside it are not."""
    found = openpyxl.load_workbook(book)
    for number in (8, 9):
        found["Pay roll"].cell(number, 2, "cle@example.com")
    found["Pay roll"]["F12"] = "a remark"
    found.save(book)
    _, rows, notes = read(book, table="Payroll")
    assert [number for number, _ in rows] == [4, 5]
    assert notes[-1].startswith("2 rows stand below the table “Payroll” and get no mail, first row 8;")


def test_named_columns(book):
    """Whole columns reach as far as there are rows."""
    assert [number for number, _ in read(book, table="columns")[1]] == [2, 3, 4]


@pytest.mark.parametrize("choices", [{"table": "Begin"}, {"start": "B3", "sheet": "Pay roll"}])
def test_a_start_cell(book, choices):
    """Typed or named: rows above it and columns left of it are not read."""
    columns, rows, notes = read(book, **choices)
    assert columns == ["B:email", "C:net"]
    assert rows == [(4, ANN), (5, BOB)]
    assert "row 6 looks like totals (Total): not sent" in notes
    assert any("the first is D4" in note for note in notes)


@pytest.mark.parametrize("name", ["Broken", "Formula", "Two"])
def test_names_that_are_no_single_range(book, name):
    """A formula, a lost reference, two areas: said, not guessed."""
    with pytest.raises(Refused, match=f"the name “{name}” stands for no single range"):
        open_source(book, table=name)


def test_a_name_of_a_sheet(book):
    """Two sheets have one of that name; the sheet decides."""
    with pytest.raises(Refused, match="several ranges “Here”, on “Pay roll”, “Staff”"):
        open_source(book, table="Here")
    assert read(book, table="Here", sheet="staff")[1] == [(2, ANN)]
    assert read(book, table="Here", sheet="Pay roll")[1] == [(4, ANN)]


def test_an_unknown_name(book):
    """The nearest one, and all that there are."""
    with pytest.raises(
        Refused, match=r"no table or named range “Payrol”; did you mean “Payroll”\? It has “Payroll”, "
    ) as caught:
        open_source(book, table="Payrol")
    assert "“First_two”" in str(caught.value)
    assert caught.value.problems[0].kind == "table"


def test_a_book_without_names(tmp_path):
    """There is nothing to list."""
    path = tmp_path / "book.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(Refused, match="it has none at all"):
        open_source(path, table="Payroll")


def test_a_table_on_another_sheet(book):
    """Table and sheet contradict each other."""
    with pytest.raises(Refused, match="“Payroll” stands on the sheet “Pay roll”, not on “Staff”"):
        open_source(book, table="Payroll", sheet="Staff")


def test_a_table_and_a_start(book):
    """One of them is too much."""
    with pytest.raises(Refused, match='so start = "B3" must go'):
        open_source(book, table="Payroll", start="B3")


def test_a_table_and_header_rows(book):
    """An Excel table has one row of titles."""
    assert read(book, table="Payroll", header_rows=1)[0] == ["B:email", "C:net"]
    with pytest.raises(Refused, match="the table has 1 row of titles, and header_rows = 2"):
        open_source(book, table="Payroll", header_rows=2)


def test_a_table_without_titles(book):
    """Excel can hide a table's row of titles; then there are none."""
    found = openpyxl.load_workbook(book)
    found["Pay roll"].tables["Payroll"].headerRowCount = 0
    found.save(book)
    with pytest.raises(Refused, match="has no row of titles") as caught:
        open_source(book, table="Payroll")
    assert "Header Row" in caught.value.hint


def test_a_start_at_a_blank_row(book):
    """The titles begin there or nowhere."""
    with pytest.raises(Refused, match="row 2, where the titles should begin, is blank"):
        open_source(book, sheet="Pay roll", start="B2")


def test_a_text_file_has_no_tables(tmp_path):
    """A name that stands for nothing is not passed over."""
    path = tmp_path / "list.csv"
    path.write_text("email\na@example.com\n", encoding="utf-8")
    with pytest.raises(Refused, match="it has no table “Payroll”"):
        open_source(path, table="Payroll")


def test_F15_hidden_rows_beside_the_range(book):
    """Only rows of the list count."""
    found = openpyxl.load_workbook(book)
    found["Staff"].row_dimensions[4].hidden = True
    found.save(book)
    assert len(read(book, table="First_two")[1]) == 2
    with pytest.raises(Refused, match="1 hidden row"):
        open_source(book, sheet="Staff")


def test_F17_merged_cells_of_the_range(book):
    """Ranges that touch the list are its own, counted from its first column; those beside it are not."""
    found = openpyxl.load_workbook(book)
    found["Pay roll"].merge_cells("C4:C5")
    found["Pay roll"].merge_cells("E4:F5")
    found.save(book)
    with open_source(book, table="Payroll") as source:
        problems = [row.problems for row in source.rows()]
    assert [[problem.column for problem in each] for each in problems] == [["net"], ["net"]]
    assert "C4:C5" in problems[0][0].message


@pytest.mark.parametrize(
    ("text", "corners"),
    [
        ("B3", (3, 1, 3, 1)),
        ("$A$1:$F$20", (1, 0, 20, 5)),
        ("a1:xfd1048576", (1, 0, TALLEST, WIDEST - 1)),
        ("$C:$E", (1, 2, TALLEST, 4)),
        ("$2:$9", (2, 0, 9, WIDEST - 1)),
        ("C", None),
        ("7", None),
        ("A0", None),
        ("XFE1", None),
        ("A1048577", None),
        ("A1:B", None),
        ("B2:A1", None),
        ("#REF!", None),
        ("", None),
        ("A1:B2:C3", None),
    ],
)
def test_ranges(text, corners):
    """As Excel writes them; anything else is none."""
    found = read_range(text)
    assert (found and (found.top, found.left, found.bottom, found.right)) == corners
