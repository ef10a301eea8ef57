"""Excel workbooks: values and looks, header, sheets, hidden and merged cells."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl.worksheet.table import Table

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.cell import CellFault, FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.sources import open_source
from support.tables import (
    STRICT,
    sheet_xml,
    text_rows,
    workbook_rels,
    workbook_xml,
    write_package,
    write_workbook,
)

HEADER = text_rows([("email", "value")])


def by_hand(tmp_path: Path, cells: str, *, before: str = "", after: str = "", **parts: str | bytes) -> Path:
    """A workbook of the columns email and value, with one row whose value is `cells`."""
    row = f'<row r="2"><c r="A2" t="inlineStr"><is><t>a@example.com</t></is></c>{cells}</row>'
    names = {"styles": "xl/styles.xml", "strings": "xl/sharedStrings.xml", "workbook": "xl/workbook.xml"}
    return write_package(
        tmp_path / "book.xlsx",
        sheet_xml(HEADER + row, before, after),
        {names[key]: part for key, part in parts.items()},
    )


def value(path: Path, **choices: str):
    """The cell B of the only row."""
    with open_source(path, **choices) as source:
        (row,) = source.rows()
    assert row.number == 2
    return row.cells[1]


def styles(*codes: str) -> str:
    """xl/styles.xml with one style for each code, from 1."""
    formats = "".join(f'<numFmt numFmtId="{164 + at}" formatCode="{code}"/>' for at, code in enumerate(codes))
    cells = '<xf numFmtId="0"/>' + "".join(f'<xf numFmtId="{164 + at}"/>' for at in range(len(codes)))
    return (
        f'<styleSheet xmlns="x"><numFmts>{formats}</numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>'
        f"<cellXfs>{cells}</cellXfs></styleSheet>"
    )


@pytest.mark.parametrize(
    ("code", "content", "kind", "look"),
    [
        ("#,##0.00", 1234.5, RealCell, "1,234.50"),
        ("¥#,##0.00;[Red]-¥#,##0.00", -1234.5, RealCell, "-¥1,234.50"),
        ("0%", 0.285, RealCell, "29%"),
        ("00000", 123, WholeCell, "00123"),
        ("General", 12345.0, WholeCell, "12345"),
        ("General", 0.1 + 0.2, RealCell, "0.3"),
        ("yyyy-mm-dd", datetime(2026, 11, 5), MomentCell, "2026-11-05"),
        ('yyyy"年"m"月"', date(2026, 11, 1), MomentCell, "2026年11月"),
        ("d.m.yy h:mm", datetime(2026, 11, 5, 8, 30), MomentCell, "5.11.26 8:30"),
        ("h:mm", time(8, 30), RealCell, "8:30"),
        ("[h]:mm", timedelta(hours=36, minutes=5), RealCell, "36:05"),
        ("@", "00123", str, "00123"),
        ("General", True, WholeCell, "TRUE"),
        ("0.00", False, WholeCell, "FALSE"),
    ],
)
def test_F13_values_and_looks(tmp_path, code, content, kind, look):
    """What openpyxl wrote has its value, and prints as Excel shows it."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("email", "value"), ("a@example.com", content)])
    sheet["B2"].number_format = code
    book.save(path)
    cell = value(path)
    assert isinstance(cell, kind)
    assert str(cell) == look
    if isinstance(content, float):
        assert cell == pytest.approx(content)
    elif isinstance(content, int | datetime | str):
        assert cell == content


def test_F13_xlsxwriter_writes_the_same(tmp_path):
    """A second writer, with shared strings and its own styles."""
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Pay")
        sheet.write_row(0, 0, ["email", "net", "day", "note"])
        sheet.write(1, 0, "ann@example.com")
        sheet.write_number(1, 1, 9800, book.add_format({"num_format": 44}))
        sheet.write_datetime(1, 2, datetime(2026, 11, 5), book.add_format({"num_format": "dddd, d mmmm"}))
        sheet.write_rich_string(1, 3, "plain ", book.add_format({"bold": True}), "bold", " end")
    with open_source(path) as source:
        (row,) = source.rows()
    assert [str(cell) for cell in row.cells] == [
        "ann@example.com",
        "$9,800.00",
        "Thursday, 5 November",
        "plain bold end",
    ]


@pytest.mark.parametrize(
    ("serial", "code", "look", "kind"),
    [
        ("60", "yyyy-mm-dd", "1900-02-29", RealCell),
        ("1", "yyyy-mm-dd", "1900-01-01", RealCell),
        ("61", "yyyy-mm-dd", "1900-03-01", MomentCell),
        ("46331.354166666664", "yyyy-mm-dd hh:mm:ss", "2026-11-05 08:30:00", MomentCell),
        ("2958465.5", "yyyy", "9999", MomentCell),
        ("2958466", "yyyy", "2958466", RealCell),
        ("-5", "yyyy", "-5", RealCell),
    ],
)
def test_F14_dates_of_1900(tmp_path, serial, code, look, kind):
    """The phantom day and what no calendar holds stay numbers that print as Excel shows them."""
    cell = value(by_hand(tmp_path, f'<c r="B2" s="1"><v>{serial}</v></c>', styles=styles(code)))
    assert (str(cell), type(cell)) == (look, kind)


def test_F14_dates_of_1904(tmp_path):
    """A workbook of 1904 counts from another day, and short of Excel's phantom."""
    book = workbook_xml(extra='<workbookPr date1904="1"/>')
    cell = value(
        by_hand(tmp_path, '<c r="B2" s="1"><v>44869</v></c>', styles=styles("yyyy-mm-dd"), workbook=book)
    )
    assert cell == datetime(2026, 11, 5)
    assert str(cell) == "2026-11-05"
    first = value(
        by_hand(tmp_path, '<c r="B2" s="1"><v>0</v></c>', styles=styles("yyyy-mm-dd"), workbook=book)
    )
    assert first == datetime(1904, 1, 1)


def test_F14_a_moment_is_free_of_binary_noise(tmp_path):
    """08:30 is 08:30, not a microsecond before it."""
    cell = value(
        by_hand(tmp_path, '<c r="B2" s="1"><v>46331.35416666663</v></c>', styles=styles("d/m/yy h:mm"))
    )
    assert cell == datetime(2026, 11, 5, 8, 30)


@pytest.mark.parametrize(
    ("cell", "look"),
    [
        ('<c r="B2"><v>1E+3</v></c>', "1000"),
        ('<c r="B2"><v>12345.0</v></c>', "12345"),
        ('<c r="B2"><v>-7</v></c>', "-7"),
        ('<c r="B2"><v>1.5E-10</v></c>', "1.5E-10"),
        ('<c r="B2" t="str"><f>A1</f><v>text</v></c>', "text"),
        ('<c r="B2" t="str"><f>""</f><v></v></c>', ""),
        ('<c r="B2" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="B2" t="d"><v>2026-11-05T08:30:00</v></c>', "2026-11-05"),
        ('<c r="B2" t="s"><v>1</v></c>', "second"),
        ('<c t="s"><v>0</v></c>', "rich text"),
        ('<c r="B2" t="s"><v>2</v></c>', "a\rb_x0041_A"),
        (
            '<c r="B2" t="inlineStr"><is><r><t>one </t></r><r><t>two</t></r><rPh><t>x</t></rPh></is></c>',
            "one two",
        ),
        ('<c r="B2" t="inlineStr"><is><t xml:space="preserve"> a &lt;b&gt; &amp; </t></is></c>', " a <b> & "),
        ('<c r="B2" s="1"/>', ""),
        ('<c r="B2"><v/></c>', ""),
        ("", ""),
        ('<c r="B2"><f>A1*2</f><v>84</v></c>', "84"),
    ],
)
def test_cells_of_all_types(tmp_path, cell, look):
    """Every way to write a cell that ECMA-376 knows."""
    strings = (
        '<sst xmlns="x"><si><r><t>rich </t></r><r><t>text</t></r><rPh sb="0" eb="1"><t>ガイド</t></rPh></si>'
        "<si><t>second</t></si><si><t>a_x000D_b_x005F_x0041__x0041_</t></si></sst>"
    )
    assert str(value(by_hand(tmp_path, cell, strings=strings))) == look


def test_prefixed_and_strict_markup(tmp_path):
    """A prefix before every element, and the namespace of the strict standard, change nothing."""
    sheet = sheet_xml(text_rows([("email", "value"), ("a@example.com", "x")]), namespace=STRICT)
    path = write_package(tmp_path / "book.xlsx", sheet, {
        "xl/workbook.xml": workbook_xml().replace("http://schemas.openxmlformats.org/spreadsheetml/2006/main", STRICT),
        "xl/_rels/workbook.xml.rels": workbook_rels(office="http://purl.oclc.org/ooxml/officeDocument/relationships"),
    })  # fmt: skip
    assert value(path) == "x"
    prefixed = sheet_xml(
        '<x:row r="1"><x:c t="str"><x:v>email</x:v></x:c></x:row><x:row r="2"><x:c><x:v>5</x:v></x:c></x:row>'
    )
    prefixed = prefixed.replace("<sheetData>", "<x:sheetData>").replace("</sheetData>", "</x:sheetData>")
    prefixed = prefixed.replace("<worksheet xmlns=", "<x:worksheet xmlns:x=").replace(
        "</worksheet>", "</x:worksheet>"
    )
    with open_source(write_package(tmp_path / "other.xlsx", prefixed)) as source:
        assert [row.cells for row in source.rows()] == [(5,)]


def test_F11_formula_without_value(tmp_path):
    """openpyxl writes formulas without values: such a cell cannot be used, and says what to do."""
    path = tmp_path / "book.xlsx"
    write_workbook(path, [("email", "value"), ("a@example.com", "=1+1")])
    cell = value(path)
    assert isinstance(cell, FaultCell)
    with pytest.raises(
        CellFault, match=r"cell B2: its formula has no stored value; open the file in Excel and save it"
    ):
        str(cell)


def test_F11_formula_that_nobody_calculated(tmp_path):
    """xlsxwriter stores 0 for every formula and asks Excel to calculate: that 0 is no salary, and no day of 1900."""
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["email", "net", "sum", "zero", "paid"])
        sheet.write_row(1, 0, ["a@example.com", 5])
        sheet.write_formula(1, 2, "=B2*2")
        sheet.write_number(1, 3, 0)
        sheet.write_formula(1, 4, "=TODAY()", book.add_format({"num_format": "yyyy-mm-dd"}))
    with open_source(path) as source:
        (row,) = source.rows()
    assert isinstance(row.cells[2], FaultCell)
    assert row.cells[3] == 0
    assert isinstance(row.cells[4], FaultCell)


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#DIV/0!", "#NAME?"])
def test_F12_error_values(tmp_path, error):
    """An error is a cell that cannot be used; its row is sound if nobody uses it."""
    cell = value(by_hand(tmp_path, f'<c r="B2" t="e"><f>1/0</f><v>{error}</v></c>'))
    assert isinstance(cell, FaultCell)
    assert f"cell B2 holds the error {error}" in cell.reason


def test_F13_long_numbers_are_told(tmp_path):
    """More than fifteen figures were lost before we came; a note says so."""
    path = by_hand(tmp_path, '<c r="B2"><v>12345678901234567</v></c>')
    with open_source(path) as source:
        list(source.rows())
        assert any("cell B2 holds a number of more than 15 figures" in note for note in source.notes)


def test_F13_numbers_that_excel_abbreviates_are_told(tmp_path):
    """Twelve figures without a format show as 1.23E+11, in Excel as in the mail; a note says so, once."""
    path = by_hand(tmp_path, '<c r="B2"><v>123456789012</v></c>')
    with open_source(path) as source:
        (row,) = source.rows()
        assert str(row.cells[1]) == "1.23457E+11"
        assert source.notes == (
            "cell B2 shows its long number abbreviated, with E+ in it; give the column the format 0",
        )  # and not what stands there: notes go to pipes and logs too
    with open_source(
        by_hand(tmp_path, '<c r="B2" s="1"><v>123456789012</v></c>', styles=styles("0"))
    ) as source:
        list(source.rows())
        assert source.notes == ()


def test_F13_dates_of_the_machine_are_told(tmp_path):
    """Excel's short date looks different on every machine; a note says so."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("email", "value"), ("a@example.com", date(2026, 11, 5))])
    sheet["B2"].number_format = "mm-dd-yy"
    book.save(path)
    with open_source(path) as source:
        (row,) = source.rows()
        assert str(row.cells[1]) == "11/5/2026"
        assert any("column B" in note for note in source.notes)


def test_header_is_the_first_row_with_anything(tmp_path):
    """Blank rows above it are passed over; rows keep Excel's numbers; titles may be numbers and dates."""
    path = tmp_path / "book.xlsx"
    write_workbook(path, [(), (), ("email", 2026, "  Net pay ", None, None), ("a@example.com", 1, 2)])
    with open_source(path) as source:
        assert [(column.title, column.letter) for column in source.columns] == [
            ("email", "A"),
            ("2026", "B"),
            ("Net pay", "C"),
        ]
        assert [(row.number, row.cells) for row in source.rows()] == [(4, ("a@example.com", 1, 2))]


def test_F06_duplicate_titles(tmp_path):
    """They are refused, with the columns' letters."""
    path = tmp_path / "book.xlsx"
    write_workbook(path, [("email", "n", " EMAIL"), ("a", 1, "b")])
    with pytest.raises(Refused, match="columns A and C have the same title"):
        open_source(path)


def test_F07_empty_sheet(tmp_path):
    """A sheet without anything is told."""
    path = tmp_path / "book.xlsx"
    write_workbook(path, [])
    with pytest.raises(Refused, match="empty"):
        open_source(path)


def test_F12_error_in_the_header(tmp_path):
    """A title must be a title."""
    with pytest.raises(Refused, match="cell B1 holds the error"):
        open_source(
            write_package(
                tmp_path / "book.xlsx", sheet_xml('<row r="1"><c r="B1" t="e"><v>#N/A</v></c></row>')
            )
        )


def test_cells_beyond_the_titles(tmp_path):
    """What stands right of the last title is no column; a note tells where it begins."""
    path = tmp_path / "book.xlsx"
    write_workbook(path, [("email", "n"), ("a", 1), (None, None, "remark"), ("b", 2, None, "total")])
    with open_source(path) as source:
        assert [row.cells for row in source.rows()] == [("a", 1), ("b", 2)]
        assert any("the first is C3" in note for note in source.notes)


def hidden_book(tmp_path: Path) -> Path:
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("email", "n"), *((f"p{at}@example.com", at) for at in range(2, 8))])
    sheet.row_dimensions[3].hidden = True
    sheet.row_dimensions[5].hidden = True
    sheet.row_dimensions[50].hidden = True
    book.save(path)
    return path


def test_F15_hidden_rows_are_refused(tmp_path):
    """Nobody is mailed whom the person filtered out; hidden blank rows do not count."""
    with pytest.raises(Refused, match=r"2 hidden rows: 3, 5$") as caught:
        open_source(hidden_book(tmp_path))
    assert caught.value.problems[0].row == 3
    assert (
        'say --hidden skip (or send); in campaign.toml: hidden = "skip" under [recipients]'
        in caught.value.hint
    )


def test_F15_hidden_rows_by_choice(tmp_path):
    """The person may have them skipped or sent, and is told how many."""
    path = hidden_book(tmp_path)
    with open_source(path, hidden="skip") as source:
        assert [row.number for row in source.rows()] == [2, 4, 6, 7]
        assert source.notes == ("2 hidden rows will be skipped",)
        skipped = source.fingerprint
    with open_source(path, hidden="send") as source:
        assert [row.number for row in source.rows()] == [2, 3, 4, 5, 6, 7]
        assert source.notes == ("2 hidden rows will be read like the others",)
        assert source.fingerprint != skipped


def test_F15_filter(tmp_path):
    """Rows that a filter hides are told as such."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("email", "n"), ("a@example.com", 1), ("b@example.com", 2)])
    sheet.auto_filter.ref = "A1:B3"
    sheet.auto_filter.add_filter_column(1, ["1"])
    sheet.row_dimensions[3].hidden = True
    book.save(path)
    with pytest.raises(Refused, match=r"1 hidden row \(by a filter\)"):
        open_source(path)


def test_F15_filter_that_hides_nothing(tmp_path):
    """A table with filter buttons is just a table."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("email", "n"), ("a@example.com", 1)])
    sheet.add_table(Table(displayName="Staff", ref="A1:B2"))
    book.save(path)
    with open_source(path) as source:
        assert len(list(source.rows())) == 1


def test_F15_hidden_columns_are_read_and_told(tmp_path):
    """Helper columns are often hidden; they count."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("email", "n", "m"), ("a@example.com", 1, 2)])
    sheet.column_dimensions["B"].hidden = True
    book.save(path)
    with open_source(path) as source:
        assert [row.cells for row in source.rows()] == [("a@example.com", 1, 2)]
        assert any("1 hidden column is read like the others: B" in note for note in source.notes)


def test_F16_blank_rows(tmp_path):
    """They are skipped and counted, also those that are formatted or hold spaces."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("email", "n"), ("a", 1), (), (" ", None), ("b", 2)])
    sheet["A3"].number_format = "0.00"
    sheet["A900"].number_format = "0.00"
    book.save(path)
    with open_source(path) as source:
        assert [row.number for row in source.rows()] == [2, 5]
        assert "2 blank rows were skipped" in source.notes


def blank_book(tmp_path: Path, last: int) -> Path:
    """Two columns, one row, and a formatted blank cell in each row down to `last`."""
    rows = text_rows([("email", "n"), ("a@example.com", "1")])
    blanks = "".join([f'<row r="{at}" s="1"><c r="A{at}" s="1"/></row>' for at in range(3, last + 1)])
    return write_package(tmp_path / "book.xlsx", sheet_xml(rows + blanks))


def test_F16_a_million_formatted_blank_rows(tmp_path):
    """A column formatted down to the sheet's end is no bomb, and no row of it is one."""
    with open_source(blank_book(tmp_path, 1_048_576)) as source:
        assert [row.number for row in source.rows()] == [2]
        assert source.notes == ()


def test_F16_blank_rows_take_no_memory(tmp_path):
    """Memory does not grow with them."""
    import tracemalloc

    path = blank_book(tmp_path, 100_000)
    tracemalloc.start()
    try:
        with open_source(path) as source:
            assert len(list(source.rows())) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_F17_merged_cells(tmp_path):
    """Each row that a merged range touches is invalid; the others are not."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(
        path, [("email", "dept"), *((f"p{at}@example.com", "IT") for at in range(2, 8))]
    )
    sheet.merge_cells("B3:B5")
    sheet.merge_cells("D6:F6")
    book.save(path)
    with open_source(path) as source:
        problems = {row.number: row.problems for row in source.rows()}
    assert [number for number, found in problems.items() if found] == [3, 4, 5]
    assert (problems[4][0].column, problems[4][0].kind) == ("dept", "merged")
    assert "B3:B5" in problems[4][0].message


def test_F17_merged_heading(tmp_path):
    """A heading over the table is no row of titles: it is passed over, and told."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [("November payroll",), ("email", "n"), ("a@example.com", 1)])
    sheet.merge_cells("A1:B1")
    book.save(path)
    with open_source(path) as source:
        assert [column.title for column in source.columns] == ["email", "n"]
        assert [row.number for row in source.rows()] == [3]
        assert source.notes == ("header: row 2; data from row 3; row 1 is a heading",)


def test_F17_many_merged_ranges(tmp_path):
    """Thousands of ranges, some of them long, cost no more than a look each."""
    ranges = "".join(f'<mergeCell ref="B{at}:C{at + 3000}"/>' for at in range(2, 3000))
    rows = text_rows([("email", "b", "c"), *(("x", "y", "z") for _ in range(7000))])
    path = write_package(tmp_path / "book.xlsx", sheet_xml(rows, after=f"<mergeCells>{ranges}</mergeCells>"))
    with open_source(path) as source:
        bad = [row.number for row in source.rows() if row.problems]
    assert bad == list(range(2, 6000))


def three_sheets(tmp_path: Path) -> Path:
    path = tmp_path / "book.xlsx"
    book, _ = write_workbook(path, [("email", "n"), ("a", 1)], title="October")
    book.create_sheet("November").append(["email"])
    book.create_sheet("Lists").sheet_state = "hidden"
    book["Lists"].append(["codes"])
    book.save(path)
    return path


def test_F18_several_sheets(tmp_path):
    """None is taken by chance; the names are listed."""
    with pytest.raises(Refused, match=r"several sheets: “October”, “November”$") as caught:
        open_source(three_sheets(tmp_path))
    assert "--sheet" in caught.value.hint


@pytest.mark.parametrize("wanted", ["November", " november ", "NOVEMBER"])
def test_F18_sheet_by_name(tmp_path, wanted):
    """A name counts without case and outer blanks; it belongs to the fingerprint."""
    path = three_sheets(tmp_path)
    with open_source(path, sheet=wanted) as source:
        assert [column.title for column in source.columns] == ["email"]
        assert source.fingerprint == open_source(path, sheet="November").fingerprint
        assert source.fingerprint != open_source(path, sheet="October").fingerprint


def test_F18_no_such_sheet(tmp_path):
    """The sheets that there are, are listed, hidden ones marked."""
    with pytest.raises(
        Refused, match=r"no sheet “December”; it has “October”, “November”, “Lists” \(hidden\)"
    ):
        open_source(three_sheets(tmp_path), sheet="December")


def test_F18_hidden_sheet_only_by_name(tmp_path):
    """A hidden sheet is never chosen for the person; by name it is, with a note."""
    path = three_sheets(tmp_path)
    book = openpyxl.load_workbook(path)
    del book["November"]
    book.save(path)
    with open_source(path) as source:
        assert source.columns[0].title == "email"
    with open_source(path, sheet="Lists") as source:
        assert source.columns[0].title == "codes"
        assert "the sheet “Lists” is hidden" in source.notes


def test_F18_chart_sheets_do_not_count(tmp_path):
    """A chart on a sheet of its own is no table."""
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Pay")
        sheet.write_column(0, 0, ["email", "a@example.com"])
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=Pay!$A$1:$A$2"})
        book.add_chartsheet("Chart").set_chart(chart)
    with open_source(path) as source:
        assert len(list(source.rows())) == 1


def test_F22_macros_and_links_are_left_alone(tmp_path):
    """They are not run and not followed; notes tell."""
    link = "xl/externalLinks/externalLink1.xml"
    path = write_package(
        tmp_path / "book.xlsm",
        sheet_xml(text_rows([("a", "b"), ("1", "2")])),
        {"xl/vbaProject.bin": b"\xd0\xcf", link: "<x/>"},
    )
    with open_source(path) as source:
        assert any("macros" in note for note in source.notes)
        assert any("other files" in note for note in source.notes)


@pytest.mark.parametrize("lock", ["~$book.xlsx", ".~lock.book.xlsx#"])
def test_F26_open_in_excel(tmp_path, lock):
    """A lock file beside the workbook is told."""
    path = by_hand(tmp_path, "")
    (tmp_path / lock).write_bytes(b"somebody")
    with open_source(path) as source:
        assert any("open in another program" in note for note in source.notes)


def test_F08_control_characters(tmp_path):
    """An escape that stands for a control character makes the row invalid."""
    cell = '<c r="B2" t="inlineStr"><is><t>a_x0007_b</t></is></c>'
    with open_source(by_hand(tmp_path, cell)) as source:
        (row,) = source.rows()
    assert [problem.column for problem in row.problems] == ["value"]
    strings = '<sst xmlns="x"><si><t>a_x0000_b</t></si></sst>'
    with open_source(by_hand(tmp_path, '<c r="B2" t="s"><v>0</v></c>', strings=strings)) as source:
        (row,) = source.rows()
    assert "U+0000" in row.problems[0].message


def test_renamed_workbook(tmp_path):
    """Content counts before the name."""
    path = by_hand(tmp_path, '<c r="B2"><v>5</v></c>')
    assert value(path.rename(tmp_path / "book.csv")) == 5


def test_parts_in_other_places(tmp_path):
    """Parts are found by their relationships, not by their usual names."""
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(by_hand(tmp_path, '<c r="B2"><v>5</v></c>')) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            content = content.replace(b"xl/workbook.xml", b"/data/book.xml").replace(
                b"worksheets/sheet1.xml", b"/Sheet.XML"
            )
            archive.writestr(name.replace("xl/workbook", "data/book").replace("xl/_rels/workbook", "data/_rels/book").replace(
                "xl/worksheets/sheet1", "sheet"), content)  # fmt: skip
    assert value(path) == 5
