"""A copy of a person's workbook has the answers and all that the workbook had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.table import Table

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.table import ANSWER_TITLES
from mailmerge_cli.report.book.cut import NoCopy
from mailmerge_cli.report.book.marked import Mark, write_marked
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.xlsx.source import WorkbookSource
from support.books import OFFICE, by_office, parts, plain_book, rich_book, without_cells
from support.tables import sheet_xml, text_rows, write_package

STATES = ("sent", "failed", "deferred", "pending")


def opened(path: Path, sheet: str = "", start: str = "") -> WorkbookSource:
    source = open_source(path, sheet=sheet, start=start, header_rows=1)
    assert isinstance(source, WorkbookSource)
    return source


def marked(
    path: Path, marks: Sequence[Mark], sheet: str = "", name: str = "copy.xlsx", start: str = ""
) -> Path:
    copy = path.with_name(name)
    with copy.open("wb") as out:
        write_marked(out, opened(path, sheet, start), marks)
    return copy


def four(reply: str = "250 Ok") -> list[Mark]:
    return [Mark(row, state, "2026-11-21T10:00:00+08:00", reply) for row, state in enumerate(STATES, 4)]


def test_answers_stand_beside_their_rows(tmp_path: Path) -> None:
    """State, time and reply, right of the table, each in the row of its number; the titles beside the titles."""
    copy = marked(rich_book(tmp_path / "list.xlsx"), four(), "Pay")
    page = load_workbook(copy)["Pay"]

    assert tuple(cell.value for cell in page[3][5:8]) == ANSWER_TITLES
    assert [[cell.value for cell in page[row][5:8]] for row in range(4, 8)] == [
        [state, "2026-11-21T10:00:00+08:00", "250 Ok"] for state in STATES
    ]


def test_every_other_part_is_the_same(tmp_path: Path) -> None:
    """Pictures, charts, notes, rules, texts, other sheets: byte for byte; of the styles nothing is lost or moved."""
    path = rich_book(tmp_path / "list.xlsx")
    old, new = parts(path), parts(marked(path, four(), "Pay"))
    changed = {name for name in old if old[name] != new[name]}

    assert list(old) == list(new)
    assert changed == {"xl/worksheets/sheet1.xml", "xl/styles.xml"}
    assert without_cells(new["xl/worksheets/sheet1.xml"], "FGH") == without_cells(
        old["xl/worksheets/sheet1.xml"], ""
    )
    before, after = (re.findall(rb"<xf .*?(?:/>|</xf>)", each["xl/styles.xml"]) for each in (old, new))
    assert [one for one in after if b"applyFill" not in one or one in before][: len(before)] == before


@pytest.mark.parametrize("read_only", [False, True])
def test_the_copy_is_coloured_by_state(tmp_path: Path, read_only: bool) -> None:
    """Green, red, yellow, and none for a row that is pending; the title looks like its neighbours."""
    book = load_workbook(marked(rich_book(tmp_path / "list.xlsx"), four(), "Pay"), read_only=read_only)
    cells = [row[5] for row in book["Pay"].iter_rows(min_row=3, max_row=7)]

    assert [cell.fill.fgColor.rgb[-6:] for cell in cells] == [
        "DDDDDD", "C6EFCE", "FFC7CE", "FFEB9C", "000000",
    ]  # fmt: skip
    book.close()


@pytest.mark.skipif(OFFICE is None, reason="there is no LibreOffice")
def test_libreoffice_opens_the_copy(tmp_path: Path) -> None:
    """Another program reads the answers, and calculates the formulas as before."""
    lines = by_office(marked(rich_book(tmp_path / "list.xlsx"), four("=1+1"), "Pay"), tmp_path)

    assert lines[2][4:8] == ["Twice", *ANSWER_TITLES]
    assert [line[5] for line in lines[3:7]] == list(STATES)
    assert lines[3][7] == "=1+1"
    assert lines[3][4].startswith("2,469.00")


def test_columns_that_were_hidden_to_the_right_are_seen(tmp_path: Path) -> None:
    """People hide all columns behind the last one; the answers are visible there, the rest stays hidden."""
    page = load_workbook(marked(rich_book(tmp_path / "list.xlsx"), four(), "Pay"))["Pay"]
    width = page.column_dimensions

    assert not any(width[letter].hidden for letter in "FGH")
    assert (width["C"].width > 31, width["H"].width, width["I"].hidden, width["I"].max) == (
        True,
        60,
        True,
        16384,
    )


def test_an_earlier_copy_gets_no_further_columns(tmp_path: Path) -> None:
    """Its answers are replaced, also where there are none now; the person's own columns behind them stay."""
    first = marked(rich_book(tmp_path / "list.xlsx"), four(), "Pay", "first.xlsx")
    book = load_workbook(first)
    book["Pay"]["I3"], book["Pay"]["I4"] = "Remark", "mine"
    book.save(first)
    page = load_workbook(marked(first, [Mark(5, "sent", "", "now")], "Pay", start="A3"))["Pay"]

    assert [cell.value for cell in page[3]][5:] == [*ANSWER_TITLES, "Remark"]
    assert [cell.value for cell in page[4]][5:] == [None, None, None, "mine"]
    assert [cell.value for cell in page[5]][5:8] == ["sent", None, "now"]


@pytest.mark.parametrize(
    "reply", ["=1+1", "+1", "-1", "@x", "\t=1", '<c> & "x" ]]>', "_x0041_", " blank ", "a\x1bb\ufffec"]
)
def test_L01_a_reply_is_text_and_nothing_else(tmp_path: Path, reply: str) -> None:
    """No reply becomes a formula, markup or an escape, and none breaks the file."""
    path = plain_book(tmp_path / "list.xlsx", sheet_xml(text_rows([["email"], ["a@example.org"]])))
    copy = marked(path, [Mark(2, "failed", "", reply)])

    assert load_workbook(copy).worksheets[0]["D2"].data_type != "f"
    told = reply.replace("\t", "\\t").replace("\x1b", "\\x1b").replace("\ufffe", "\ufffd")
    with opened(copy) as source:
        assert [column.title for column in source.columns][3] == ANSWER_TITLES[2]
        # The source itself refuses what stands for bytes that were no character.
        assert next(source.rows()).cells[3] == told


def test_sheets_of_other_writers(tmp_path: Path) -> None:
    """Prefixes, rows and cells without references, white space, empty rows, attributes in single quotes."""
    rows = (
        "\n <x:row>\n<x:c t='inlineStr'><x:is><x:t>email</x:t></x:is></x:c></x:row>"
        "<x:row r='3' spans='1:1'><x:c t='inlineStr'><x:is><x:t>a@example.org</x:t></x:is></x:c><x:c/><x:c s='0'/></x:row> <x:row r='9'/>"
    )
    sheet = (
        "<?xml version='1.0'?><x:worksheet xmlns:x='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>"
        f"<x:dimension ref='A1'/><x:sheetData>{rows}</x:sheetData></x:worksheet>"
    )
    copy = marked(write_package(tmp_path / "list.xlsx", sheet), [Mark(3, "sent", "t", "r")])
    with open_source(copy) as source:
        assert [column.title for column in source.columns] == ["email", *ANSWER_TITLES]
        assert [row.cells for row in source.rows()] == [("a@example.org", "sent", "t", "r")]
    assert b"ref='A1:D9'" in parts(copy)["xl/worksheets/sheet1.xml"]


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ('<c r="A2" t="inlineStr"><is><t><![CDATA[a@example.org</row>]]></t></is></c>', "CDATA"),
        ('<!-- <row r="2"> --><c r="A2" t="inlineStr"><is><t>a@example.org</t></is></c>', "comments"),
    ],
)
def test_what_could_deceive_is_not_copied(tmp_path: Path, inside: str, why: str) -> None:
    """A sheet in which text looks like markup is left alone, with a reason."""
    rows = text_rows([["email"]]) + f'<row r="2">{inside}</row>'
    path = write_package(tmp_path / "list.xlsx", sheet_xml(rows))

    with pytest.raises(NoCopy, match=why):
        marked(path, [])


def test_macros_and_names_agree(tmp_path: Path) -> None:
    """Excel opens no .xlsx with macros in it, so such a copy is not made."""
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>'
    )
    sheet = sheet_xml(text_rows([["email"], ["a@example.org"]]))
    path = write_package(tmp_path / "list.xlsx", sheet, {"[Content_Types].xml": types})

    with pytest.raises(NoCopy, match=r"\.xlsm"):
        marked(path, [])
    write_marked(BytesIO(), opened(path), [], macros=True)


def test_a_sheet_without_room_is_not_copied(tmp_path: Path) -> None:
    """A value in the last column of all leaves no place."""
    rows = text_rows([["email"], ["a@example.org"]]).replace("</row>", '<c r="XFD1"><v>1</v></c></row>', 1)
    path = write_package(tmp_path / "list.xlsx", sheet_xml(rows))

    with pytest.raises((NoCopy, Refused), match="column"):
        marked(path, [])


def test_a_mark_without_a_row_is_refused(tmp_path: Path) -> None:
    """The sheet has not the row: somebody changed it meanwhile."""
    path = plain_book(tmp_path / "list.xlsx", sheet_xml(text_rows([["email"], ["a@example.org"]])))

    with pytest.raises(Refused, match="row 7"):
        marked(path, [Mark(7, "sent", "", "")])


cells = st.sampled_from(["", "text", "styled", "number"])


@pytest.mark.parametrize("choices", [{"table": "Pay"}, {"header_rows": 2}])
def test_an_earlier_copy_is_known_wherever_the_list_ends(tmp_path: Path, choices: dict[str, Any]) -> None:
    """Beside an Excel table the answers are no columns of the list; below a group's title that nobody merged they have another name."""
    book = Workbook()
    sheet = book.worksheets[0]
    for row in [("E-mail", "Gross", None), (None, "base", "net"), ("a@example.org", 1, 2)]:
        sheet.append(row)
    if "table" in choices:
        sheet.delete_rows(1)
        sheet["A1"] = "E-mail"
        sheet.add_table(Table(displayName="Pay", ref="A1:C2"))
    path, last = tmp_path / "list.xlsx", sheet.max_row
    book.save(path)
    for name, state in (("once.xlsx", "failed"), ("twice.xlsx", "sent")):
        with open_source(path, **choices) as source, (tmp_path / name).open("wb") as out:
            assert isinstance(source, WorkbookSource)
            write_marked(out, source, [Mark(last, state, "", "")])
        path = tmp_path / name
    rows = list(load_workbook(path).worksheets[0].iter_rows(min_row=last - 1, values_only=True))
    assert [row[3:] for row in rows] == [ANSWER_TITLES, ("sent", None, None)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(cells, max_size=6), min_size=1, max_size=8), st.data())
def test_no_cell_is_lost_or_moved(
    tmp_path_factory: pytest.TempPathFactory, grid: list[list[str]], data: st.DataObject
) -> None:
    """Whatever stands in a sheet stands there afterwards, and each answer beside its row."""
    made = {
        "text": '<c r="{}" t="inlineStr"><is><t>t</t></is></c>', "styled": '<c r="{}" s="0"/>',
        "number": '<c r="{}"><v>5</v></c>',
    }  # fmt: skip
    xml = text_rows([["email", "b"]])
    for number, row in enumerate(grid, 2):
        inner = "".join(made[cell].format(f"{'ABCDEFGH'[at]}{number}") for at, cell in enumerate(row) if cell)
        xml += f'<row r="{number}">{inner}</row>'
    path = plain_book(tmp_path_factory.mktemp("grid") / "list.xlsx", sheet_xml(xml))
    chosen = sorted(data.draw(st.sets(st.integers(2, len(grid) + 1))))
    copy = marked(path, [Mark(row, f"s{row}", "", "") for row in chosen])
    old, new = load_workbook(path).worksheets[0], load_workbook(copy).worksheets[0]
    titles = [cell.value for cell in new[1]]
    place = titles.index(ANSWER_TITLES[0])

    assert all(
        new[cell.coordinate].value == cell.value
        for row in old.iter_rows()
        for cell in row
        if cell.value is not None
    )
    assert [new.cell(row, place + 1).value for row in range(2, len(grid) + 2)] == [
        f"s{row}" if row in chosen else None for row in range(2, len(grid) + 2)
    ]
