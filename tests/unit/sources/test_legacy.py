"""Old workbooks and OpenDocument sheets: values, rows as the sheet counts them, and everything that must not happen in silence."""

from __future__ import annotations

import pickle
import struct
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailmerge_cli.errors import ConfigFault, MailmergeError, Refused
from mailmerge_cli.model.cell import CellFault
from mailmerge_cli.model.table import Row, Source
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.legacy.plain import plain_cell
from mailmerge_cli.sources.testing import SourceContract, Table
from support.legacy_books import (
    ods_cell,
    ods_rows,
    record,
    write_ods,
    write_xlsb,
    xlsb_error,
    xlsb_number,
    xlsb_row,
    xlsb_text,
)
from support.sealed_books import seal
from support.tables import sheet_xml, text_rows, write_package

DATA = Path(__file__).parent.parent.parent / "data" / "legacy"
BOTH = pytest.mark.parametrize("ending", [".xls", ".ods"])
TITLES = ("E-mail", "name")
FAR = ' table:number-columns-repeated="9999999"'


def opened(name: str, **choices: str) -> Source:
    """One of the files that `support/make_legacy.py` made."""
    return open_source(DATA / name, **choices)


def numbers(rows: list[Row]) -> list[int]:
    return [row.number for row in rows]


class TestOds(SourceContract):
    ending = ".ods"

    def write(self, path: Path, table: Table) -> None:
        write_ods(path, ods_rows(table))


class TestXlsb(SourceContract):
    ending = ".xlsb"

    def write(self, path: Path, table: Table) -> None:
        rows = (
            xlsb_row(at, [xlsb_text(place, text) for place, text in enumerate(row) if text])
            for at, row in enumerate(table, 1)
            if row
        )
        write_xlsb(path, b"".join(rows))


@BOTH
def test_rows_have_the_numbers_of_the_sheet(ending: str) -> None:
    """A table that begins in B3 keeps its places; the blank row in it is counted and told."""
    with opened(f"plain{ending}") as source:
        rows = list(source.rows())
        assert [column.letter for column in source.columns][1:4] == ["B", "C", "D"]
        assert numbers(rows) == [4, 5, 7]
        assert any("1 blank row" in note for note in source.notes)
        assert "1 hidden sheet is not read: “Old”" in source.notes


def test_a_workbook_of_old_prints_plainly() -> None:
    """Numbers print all their figures and no other, dates as ISO 8601; that their formats are not known is told."""
    with opened("plain.xls") as source:
        first, second, third = ([str(cell) for cell in row.cells[4:]] for row in source.rows())
        assert any("formats" in note and ".xlsx" in note for note in source.notes)
    moment = "2026-10-30 17:05:00"
    assert first == ["16010.1", "500", "0.1", "2026-10-30", moment, "37:30:00", "08:30:00", "TRUE"]
    assert second[:3] == ["12345678901", "0", "0.125"]
    assert third[:4] == ["-3.5", "-7", "1", "2024-02-29"]


def test_an_open_document_prints_what_the_sheet_shows() -> None:
    """The file holds the shown text beside the value: that is printed, and the value computes."""
    with opened("plain.ods") as source:
        rows = list(source.rows())
        assert not any("formats" in note for note in source.notes)
    assert [str(cell) for cell in rows[0].cells[4:8]] == ["¥16,010.10", "500", "10.0%", "2026-10-30"]
    assert str(rows[2].cells[4]) == "-¥3.50"
    assert rows[2].cells[4] * 2 == -7  # type: ignore[operator]
    assert str(rows[0].cells[9]) == "37:30"
    assert rows[0].cells[7] == datetime(2026, 10, 30)
    assert rows[0].cells[11] == 1


@BOTH
def test_values_are_the_same_in_both(ending: str) -> None:
    """Whatever a cell looks like, it computes as its value; a staff number with zeros stays a text."""
    with opened(f"plain{ending}") as source:
        cells = next(iter(source.rows())).cells
    assert cells[1:4] == ("Wáng Wěi", "wang@example.com", "00417")
    assert (cells[4], cells[5], cells[6]) == (16010.1, 500, 0.1)
    assert cells[8] == datetime(2026, 10, 30, 17, 5)
    assert cells[9] == pytest.approx(37.5 / 24)


@BOTH
def test_F15_hidden_rows_are_refused(ending: str) -> None:
    """Hidden rows refuse the list until somebody says what is meant; hidden columns are told."""
    with pytest.raises(Refused, match="2 hidden rows: 3, 6"):
        opened(f"hidden{ending}")
    with opened(f"hidden{ending}", hidden="skip") as source:
        assert numbers(list(source.rows())) == [2, 4, 5, 7]
        assert "2 hidden rows will be skipped" in source.notes
        assert "2 hidden columns are read like the others: C, D" in source.notes
    with opened(f"hidden{ending}", hidden="send") as source:
        assert numbers(list(source.rows())) == [2, 3, 4, 5, 6, 7]


@BOTH
def test_F12_error_values(ending: str) -> None:
    """An error is no blank: the cell cannot be used, and says where it stands."""
    with opened(f"faults{ending}") as source:
        rows = list(source.rows())
    for row, shown in zip(rows, ("#N/A", "#DIV/0!"), strict=False):
        with pytest.raises(CellFault, match=f"cell B{row.number} holds the error {shown}"):
            str(row.cells[1])
    assert str(rows[4].cells[1]) == "9"


@BOTH
def test_F17_merged_cells(ending: str) -> None:
    """Both rows that a merged range touches are bad."""
    with opened(f"faults{ending}") as source:
        assert [row.number for row in source.rows() if row.problems] == [4, 5]


@BOTH
def test_F18_no_sheet_by_chance(ending: str) -> None:
    """Of several sheets none is taken by chance; a hidden one by its name only, and that is told."""
    with pytest.raises(Refused, match="“Pay”, “Other”"):
        opened(f"several{ending}")
    with opened(f"several{ending}", sheet="other") as source:
        assert [row.cells for row in source.rows()] == [("two@example.com", "Two")]
    with opened(f"plain{ending}", sheet="Old") as source:
        assert "the sheet “Old” is hidden" in source.notes
        assert len(list(source.rows())) == 1


@BOTH
def test_a_start_cell_and_rows_of_titles_can_be_said(ending: str) -> None:
    """`start` cuts off what stands left and above; a table by name is for .xlsx."""
    with opened(f"plain{ending}", start="C3") as source:
        assert source.columns[0].title == "E-mail"
        assert source.columns[0].letter == "C"
        assert next(str(row.cells[0]) for row in source.rows()) == "wang@example.com"
    with pytest.raises(Refused, match=r"\.xlsx"):
        opened(f"plain{ending}", table="Payroll")


@BOTH
def test_they_travel(ending: str) -> None:
    """Pickled, they read the same rows elsewhere, the same errors and hidden rows among them."""
    with opened(f"hidden{ending}", hidden="skip") as source:
        other = pickle.loads(pickle.dumps(source))
        assert list(other.rows()) == list(source.rows())
    with opened(f"faults{ending}") as source:
        rows = list(pickle.loads(pickle.dumps(source)).rows())
        with pytest.raises(CellFault):
            str(rows[0].cells[1])


def test_xlsb(tmp_path: Path) -> None:
    """In a binary workbook too: numbers, errors, hidden rows, merged cells, filters."""
    rows = xlsb_row(1, [xlsb_text(0, "E-mail"), xlsb_text(1, "net"), xlsb_text(2, "bonus")])
    rows += xlsb_row(2, [xlsb_text(0, "a@example.com"), xlsb_number(1, 12.5), xlsb_error(2, 0x2A)])
    rows += xlsb_row(4, [xlsb_text(0, "b@example.com"), xlsb_number(1, 7)], hidden=True)
    merged = record(176, struct.pack("<4I", 1, 2, 0, 0))
    column = record(60, struct.pack("<IIIIH", 1, 1, 300, 0, 1))
    path = write_xlsb(tmp_path / "pay.xlsb", rows, before=column, after=merged + record(163))
    with pytest.raises(Refused, match=r"1 hidden row \(by a filter\): 4"):
        open_source(path)
    with open_source(path, hidden="send") as source:
        first, second = source.rows()
        assert "1 hidden column is read like the others: B" in source.notes
    assert (first.number, str(first.cells[1]), len(first.problems)) == (2, "12.5", 1)
    with pytest.raises(CellFault, match="#N/A"):
        str(first.cells[2])
    assert (second.number, str(second.cells[1])) == (4, "7")


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra a sentence says what to install, or what to do without it; .ods needs none."""
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ConfigFault) as caught:
        opened("plain.xls")
    assert 'pip install "mailmerge-cli[legacy]"' in caught.value.hint
    assert ".xlsx" in caught.value.hint
    with opened("plain.ods") as source:
        assert len(list(source.rows())) == 3


def test_an_encrypted_xlsb_is_one_inside(tmp_path: Path) -> None:
    """What a password opens may be any of them."""
    from mailmerge_cli.secret import Secret

    path = write_xlsb(
        tmp_path / "pay.xlsb",
        xlsb_row(1, [xlsb_text(0, "E-mail")]) + xlsb_row(2, [xlsb_text(0, "a@example.com")]),
    )
    seal(path, "x1")
    with open_source(path, passwords=lambda *_: iter([Secret("x1")])) as source:
        assert [row.cells for row in source.rows()] == [("a@example.com",)]


# Looks


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1500.0, "1500"),
        (123456789.12, "123456789.12"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (2**40, "1099511627776"),
        (1e15, "1E+15"),
        (True, "TRUE"),
        (datetime(2026, 10, 30), "2026-10-30"),
        (datetime(2026, 10, 30, 8, 5, 1), "2026-10-30 08:05:01"),
        (datetime(2026, 10, 30).date(), "2026-10-30"),
        (time(8, 30), "08:30:00"),
        (timedelta(days=1, hours=13, minutes=30), "37:30:00"),
    ],
)
def test_plain_values(value: object, shown: str) -> None:
    """A value without a format looks the same on every machine."""
    assert str(plain_cell(value)) == shown


@settings(max_examples=200, deadline=None)
@given(st.floats(min_value=0.001, max_value=1e12) | st.integers(-(10**14), 10**14))
def test_a_plain_number_is_itself(value: float) -> None:
    """Read back, what is printed is the number, to the fifteen figures that a sheet keeps."""
    assert float(str(plain_cell(value))) == pytest.approx(float(value), rel=1e-12, abs=1e-12)


# .ods in detail


def test_ods_shown_text_is_taken_as_it_stands(tmp_path: Path) -> None:
    """Any text that a sheet shows is printed, whatever signs are in it, for values of either sign and none."""
    looks = ['"; @#0.[Red]\\_*', "—", "(1.00)", "1\u00a0234,50 €", "30. Oktober 2026"]
    for at, look in enumerate(looks):
        for value in ("-1.5", "0", "7"):
            cell = f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{look}</text:p></table:table-cell>'
            row = f"<table:table-row>{ods_cell('a@example.com')}{cell}</table:table-row>"
            path = write_ods(tmp_path / f"{at}{value}.ods", ods_rows([("E-mail", "net")]) + row)
            with open_source(path) as source:
                (found,) = source.rows()
            assert str(found.cells[1]) == look
            assert found.cells[1] == float(value)


def test_ods_repeated_cells_and_rows(tmp_path: Path) -> None:
    """Cells and rows that stand there once and count several times are as many as the sheet shows."""
    pair = ods_cell("x", ' table:number-columns-repeated="2"')
    rows = ods_rows([("E-mail", "a", "b", "c")])
    rows += '<table:table-row table:number-rows-repeated="3"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    rows += f'<table:table-row table:number-rows-repeated="2">{ods_cell("a@example.com")}{pair}{ods_cell("y")}</table:table-row>'
    rows += '<table:table-row table:number-rows-repeated="1048569"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    with open_source(write_ods(tmp_path / "a.ods", rows)) as source:
        found = list(source.rows())
        assert any("3 blank rows" in note for note in source.notes)
    assert [(row.number, row.cells[1:]) for row in found] == [(5, ("x", "x", "y")), (6, ("x", "x", "y"))]


def test_ods_comments_and_blanks(tmp_path: Path) -> None:
    """A comment in a cell is none of its text; several blanks, tabs and line breaks are."""
    text = (
        '<office:annotation><text:p>secret remark</text:p></office:annotation><text:p>a<text:s text:c="2"/>b<text:tab/>'
        "<text:span>c</text:span><text:line-break/>d</text:p><text:p/>"
    )
    cell = f'<table:table-cell office:value-type="string">{text}</table:table-cell>'
    rows = ods_rows([TITLES]) + f"<table:table-row>{ods_cell('a@example.com')}{cell}</table:table-row>"
    with open_source(write_ods(tmp_path / "a.ods", rows)) as source:
        (row,) = source.rows()
    assert row.cells[1] == "a  b\tc\nd\n"


def test_ods_F11_formula_without_value(tmp_path: Path) -> None:
    """A formula that nobody has computed is no value; a number without its look is printed plainly, and told."""
    cells = '<table:table-cell table:formula="of:=1+1"/><table:table-cell office:value-type="float" office:value="1.5"/>'
    rows = (
        ods_rows([("E-mail", "a", "b")])
        + f"<table:table-row>{ods_cell('a@example.com')}{cells}</table:table-row>"
    )
    with open_source(write_ods(tmp_path / "a.ods", rows)) as source:
        (row,) = source.rows()
        assert any("printed plainly" in note for note in source.notes)
    with pytest.raises(CellFault, match="no stored value"):
        str(row.cells[1])
    assert str(row.cells[2]) == "1.5"


def test_ods_hidden_sheet_is_known_by_its_style(tmp_path: Path) -> None:
    """The tab that nobody sees is not taken by itself."""
    style = '<style:style style:name="ta1" style:family="table"><style:table-properties table:display="false"/></style:style>'
    with pytest.raises(Refused, match="no visible sheet"):
        open_source(write_ods(tmp_path / "a.ods", ods_rows([TITLES]), styles=style))


@pytest.mark.parametrize(
    "rows",
    [
        '<table:table-row table:number-rows-repeated="99999999"><table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>',
        ods_rows([TITLES]) + f"<table:table-row>{ods_cell('x', FAR)}</table:table-row>",
        ods_rows([TITLES]) + f"<table:table-row>{ods_cell('x' * (1 << 21))}</table:table-row>",
        '<table:table-row><table:table-cell office:value-type="float" office:value="x"/></table:table-row>',
        '<table:table-row><table:table-cell office:value-type="date" office:date-value="x"/></table:table-row>',
        '<table:table-row><table:table-cell office:value-type="float" office:value="nan"/></table:table-row>',
        '<table:table-row><table:table-cell office:value-type="riddle"/></table:table-row>',
    ],
)  # fmt: skip
def test_F20_ods_that_makes_no_sense_is_refused(tmp_path: Path, rows: str) -> None:
    """Sizes that no sheet has, cells that do not end and values that are none are refused; no room is made for them."""
    with pytest.raises(Refused, match=r"a\.ods"):
        open_source(write_ods(tmp_path / "a.ods", rows))


def test_F21_ods_with_entities_is_refused(tmp_path: Path) -> None:
    """No document type, no entity."""
    with pytest.raises(Refused, match="document type"):
        open_source(
            write_ods(tmp_path / "a.ods", ods_rows([TITLES]), before='<!DOCTYPE x [<!ENTITY a "a">]>')
        )


def test_F20_a_corner_far_away_makes_no_room(tmp_path: Path) -> None:
    """A binary workbook that claims a billion cells, or has one far away, is refused before the library sees it."""
    rows = xlsb_row(1, [xlsb_text(0, "E-mail")])
    for at, path in enumerate(
        (
            write_xlsb(tmp_path / "0.xlsb", rows, last=(1_048_575, 16_383)),
            write_xlsb(tmp_path / "1.xlsb", rows + xlsb_row(1_048_576, [xlsb_text(16_383, "x")])),
        )
    ):
        with pytest.raises(Refused, match=f"{at}.xlsb is not read: its sheets have more than"):
            open_source(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_F23_a_torn_workbook_is_refused_with_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is wrong with the octets of an .xls, a person gets a sentence; the process does not die."""
    octets = bytearray((DATA / "faults.xls").read_bytes())
    if data.draw(st.booleans()):
        del octets[data.draw(st.integers(512, len(octets))) :]
    for _ in range(data.draw(st.integers(1, 12))):
        octets[data.draw(st.integers(8, len(octets) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "torn.xls"
    path.write_bytes(octets)
    told = str(path)
    try:
        with open_source(path) as source:
            list(source.rows())
    except MailmergeError as fault:
        told = str(fault)
    assert "torn.xls" in told


def test_F23_an_xls_with_a_password_is_told(tmp_path: Path) -> None:
    """The old kind of encryption is not opened; the sentence says what to do."""
    octets = (DATA / "plain.xls").read_bytes()
    begin = octets.index(struct.pack("<HH", 0x0809, 16))
    at = begin + 20
    length = struct.unpack_from("<H", octets, at + 2)[0]
    path = tmp_path / "old.xls"
    path.write_bytes(octets[:at] + struct.pack("<HH", 0x002F, length) + octets[at + 4 :])
    with pytest.raises(Refused, match="protected by a password") as caught:
        open_source(path)
    assert "save it as .xlsx" in caught.value.hint


def test_F23_a_password_of_libreoffice_is_told(tmp_path: Path) -> None:
    """Encryption of LibreOffice's own kind is not opened; the sentence says what to do."""
    import zipfile

    path = write_ods(tmp_path / "a.ods", ods_rows([TITLES]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("META-INF/manifest.xml", "<manifest><encryption-data/></manifest>")
    with pytest.raises(Refused, match="password of LibreOffice's own kind"):
        open_source(path)


def test_another_ending_does_not_matter(tmp_path: Path) -> None:
    """What a file is, its content says: an .xls that is an .xlsx, an .xlsx that is an .ods."""
    book = write_package(tmp_path / "a.xls", sheet_xml(text_rows([TITLES, ("a@example.com", "Ann")])))
    sheet = write_ods(tmp_path / "b.xlsx", ods_rows([TITLES, ("a@example.com", "Ann")]))
    for path in (book, sheet):
        with open_source(path) as source:
            assert [row.cells for row in source.rows()] == [("a@example.com", "Ann")]
