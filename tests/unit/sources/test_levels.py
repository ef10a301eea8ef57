"""Which rows hold the titles: headings, several rows, merged or not, and what is refused because it is not clear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source
from support.tables import write_workbook

PEOPLE = [
    ("王伟", "wang@example.com", 8000, 500, 8500),
    ("李娜", "li@example.com", 9000, 700, 9700),
    ("张强", "zhang@example.com", 7000, 300, 7300),
]
TWO = [("姓名", "邮箱", "应发工资", None, "实发工资"), (None, None, "基本工资", "奖金", None)]
FULL = ["姓名", "邮箱", "应发工资 / 基本工资", "应发工资 / 奖金", "实发工资"]


def book(tmp_path: Path, table: Sequence[Sequence[Any]], *merged: str) -> Path:
    """A workbook of that table with those merged ranges."""
    path = tmp_path / "book.xlsx"
    found, sheet = write_workbook(path, table)
    for each in merged:
        sheet.merge_cells(each)
    found.save(path)
    return path


def titles(path: Path, **choices: Any) -> list[str]:
    """The titles; all people are still rows."""
    with open_source(path, **choices) as source:
        rows = list(source.rows())
        assert [row.cells[1] for row in rows] == [person[1] for person in PEOPLE]
        assert not any(row.problems for row in rows)
        return [column.title for column in source.columns]


def notes(path: Path, **choices: Any) -> tuple[str, ...]:
    """What a person is told."""
    with open_source(path, **choices) as source:
        return source.notes


def test_two_rows_with_merged_groups(tmp_path):
    """Group titles are merged to the right, the others downwards: full titles, aliases, Excel's row numbers."""
    path = book(tmp_path, [*TWO, *PEOPLE], "A1:A2", "B1:B2", "C1:D1", "E1:E2")
    assert titles(path) == FULL
    with open_source(path) as source:
        assert [column.name for column in source.columns] == [
            "姓名", "邮箱", "应发工资_基本工资", "应发工资_奖金", "实发工资",
        ]  # fmt: skip
        assert [column.aliases for column in source.columns] == [(), (), ("基本工资",), ("奖金",), ()]
        assert [row.number for row in source.rows()] == [3, 4, 5]
        assert source.notes == ("header: rows 1–2; data from row 3",)


def test_two_rows_with_groups_merged_alone(tmp_path):
    """Nobody merged the others downwards; it is as plain."""
    assert titles(book(tmp_path, [*TWO, *PEOPLE], "C1:D1")) == FULL


def test_single_titles_in_the_lower_row(tmp_path):
    """Titles without a group may stand in the lower row."""
    table = [(None, None, "应发工资", None, None), ("姓名", "邮箱", "基本工资", "奖金", "实发工资"), *PEOPLE]
    assert titles(book(tmp_path, table, "C1:D1")) == FULL


def test_heading_and_two_rows(tmp_path):
    """A heading over the whole width and a blank row stand above them."""
    path = book(
        tmp_path, [("2026年11月工资表",), (), *TWO, *PEOPLE], "A1:E1", "A3:A4", "B3:B4", "C3:D3", "E3:E4"
    )
    assert titles(path) == FULL
    assert notes(path) == ("header: rows 3–4; data from row 5; row 1 is a heading",)


@pytest.mark.parametrize(
    ("above", "merged"),
    [
        ([("2026年11月工资表",)], ()),
        ([(None, None, "November payroll")], ()),
        ([("November payroll",)], ("A1:D1",)),
        ([("November payroll",)], ("A1:E1",)),
        ([("November payroll",), ("单位：元", None, None, None, "日期：2026-11-30")], ("A1:E1",)),
        ([("November payroll",), (), ("Unit: CNY",)], ("A1:H1",)),
    ],
)
def test_headings(tmp_path, above, merged):
    """Headings are passed over, and told."""
    table = [*above, ("姓名", "邮箱", "基本工资", "奖金", "实发工资"), *PEOPLE]
    path = book(tmp_path, table, *merged)
    assert titles(path) == ["姓名", "邮箱", "基本工资", "奖金", "实发工资"]
    assert "heading" in notes(path)[0]


def test_three_rows(tmp_path):
    """Three levels; the lowest title is an alias where it is the only one."""
    table = [
        ("姓名", "邮箱", "收入", None, None),
        (None, None, "固定", None, "浮动"),
        (None, None, "基本", "津贴", "合计"),
        *PEOPLE,
    ]
    path = book(tmp_path, table, "A1:A3", "B1:B3", "C1:E1", "C2:D2")
    assert titles(path) == ["姓名", "邮箱", "收入 / 固定 / 基本", "收入 / 固定 / 津贴", "收入 / 浮动 / 合计"]


def test_lower_titles_that_stand_twice_are_no_aliases(tmp_path):
    """Nor is one that is another column's whole title."""
    table = [
        ("姓名", "邮箱", "应发", None, "扣款", None, "奖金"),
        (None, None, "小计", "奖金", "小计", "社保", None),
        *((*person, 1, 2) for person in PEOPLE),
    ]
    path = book(tmp_path, table, "A1:A2", "B1:B2", "C1:D1", "E1:F1", "G1:G2")
    with open_source(path) as source:
        assert [column.aliases for column in source.columns] == [(), (), (), (), (), ("社保",), ()]
        assert [column.title for column in source.columns][2:] == [
            "应发 / 小计", "应发 / 奖金", "扣款 / 小计", "扣款 / 社保", "奖金",
        ]  # fmt: skip


def test_full_titles_that_stand_twice_are_refused(tmp_path):
    """F06 holds for full titles."""
    table = [("姓名", "邮箱", "应发", None, "x"), (None, None, "奖金", "奖金", None), *PEOPLE]
    with pytest.raises(Refused, match="columns C and D have the same title"):
        open_source(book(tmp_path, table, "A1:A2", "B1:B2", "C1:D1", "E1:E2"))


def test_titles_of_one_tall_row(tmp_path):
    """Every title is merged over two rows: one level."""
    table = [("姓名", "邮箱", "基本工资", "奖金", "实发工资"), (), *PEOPLE]
    path = book(tmp_path, table, *(f"{letter}1:{letter}2" for letter in "ABCDE"))
    assert titles(path) == ["姓名", "邮箱", "基本工资", "奖金", "实发工资"]


def test_numbers_below_a_merged_title(tmp_path):
    """Years are titles where a cell that is merged downwards says so."""
    table = [("姓名", "邮箱", "Bonus", None, "Net"), (None, None, 2025, 2026, None), *PEOPLE]
    path = book(tmp_path, table, "A1:A2", "B1:B2", "C1:D1", "E1:E2")
    assert titles(path) == ["姓名", "邮箱", "Bonus / 2025", "Bonus / 2026", "Net"]


def test_a_title_over_two_columns_of_data_is_refused(tmp_path):
    """One title for two columns: which is which is not guessed, and no person is taken for titles."""
    table = [("姓名", "邮箱", "应发工资", None, "实发工资"), *PEOPLE]
    with pytest.raises(Refused, match=r"the title in C1:D1 stands over several columns") as caught:
        open_source(book(tmp_path, table, "C1:D1"))
    assert "header_rows = 1" in caught.value.hint
    assert "header_rows = 2" in caught.value.hint


def test_people_without_numbers_are_never_titles(tmp_path):
    """A person of words alone under a merged title is no second row of titles."""
    table = [
        ("姓名", "部门", "contact", None),
        ("王伟", "销售", "微信", "x"),
        ("李娜", "研发", "w@example.com", "y"),
    ]
    with pytest.raises(Refused, match="not clear"):
        open_source(book(tmp_path, table, "C1:D1"))


def test_titles_merged_down_into_the_data_are_refused(tmp_path):
    """A range that reaches beyond any row of titles."""
    table = [("姓名", "邮箱", "a", "b", "备注"), *PEOPLE, *PEOPLE]
    with pytest.raises(Refused, match=r"the merged cells E1:E7 reach down to row 7"):
        open_source(book(tmp_path, table, "E1:E7"))


def test_titles_merged_down_over_a_person_are_refused(tmp_path):
    """An address never stands in a row of titles."""
    path = book(tmp_path, [("姓名", "邮箱", "a", "b", "备注"), *PEOPLE], "E1:E2")
    with pytest.raises(Refused, match=r"row 2 should hold the titles .* an address") as caught:
        open_source(path)
    assert "unmerge" in caught.value.hint
    with pytest.raises(Refused, match=r"row 2 should hold the titles .* an address") as caught:
        open_source(path, header_rows=2)
    assert "header_rows must count" in caught.value.hint


def test_an_error_value_below_a_single_title_is_a_cell_like_any_other(tmp_path):
    """Whether a heading stands above is asked of rows with errors too; their own row tells them, nothing breaks."""
    path = book(tmp_path, [("邮箱",), ("a@example.org", "#N/A"), ("b@example.org",)])
    with open_source(path) as source:
        assert [column.title for column in source.columns] == ["邮箱"]
    path = book(tmp_path, [("x",), ("#N/A", "邮箱"), ("1", "b@example.org")])
    with open_source(path) as source:
        assert [column.title for column in source.columns] == ["x"]


def test_people_in_merged_cells_are_no_heading(tmp_path):
    """A list of one wide column, made by merging two, with somebody's figures below: nobody above them is passed over."""
    table = [("邮箱",), ("a@example.org",), ("b@example.org",), (1, 2)]
    with pytest.raises(Refused, match=r"row 2 should hold the titles .* an address"):
        open_source(book(tmp_path, table, "A1:B1", "A2:B2", "A3:B3"))
    table = [("Questions: hr@example.org",), ("姓名", "邮箱"), ("王伟", "a@example.org")]
    with open_source(book(tmp_path, table, "A1:B1")) as source:
        assert [column.title for column in source.columns] == ["姓名", "邮箱"]


def test_groups_that_nobody_merged_are_refused(tmp_path):
    """Without merged cells the second row may be a person without an address; the sentence says how to tell."""
    with pytest.raises(Refused, match="row 2 may hold titles too") as caught:
        open_source(book(tmp_path, [*TWO, *PEOPLE]))
    assert "header_rows = 2" in caught.value.hint
    assert caught.value.problems[0].kind == "header"


def test_header_rows_settles_it(tmp_path):
    """Said by the person: groups reach to the right as far as there are lower titles."""
    path = book(tmp_path, [*TWO, *PEOPLE])
    assert titles(path, header_rows=2) == FULL
    assert notes(path, header_rows=2) == ("header: rows 1–2; data from row 3",)
    with open_source(path, header_rows=1) as source:
        assert [row.number for row in source.rows()] == [2, 3, 4, 5]


def test_header_rows_passes_over_a_plain_heading(tmp_path):
    """The rows are counted from the titles, not from the sheet's top."""
    assert titles(book(tmp_path, [("工资表",), *TWO, *PEOPLE], "A1:E1"), header_rows=2) == FULL


def test_header_rows_that_count_a_person_are_refused(tmp_path):
    """Nobody is lost by a wrong number."""
    with pytest.raises(Refused, match="row 3 should hold the titles of the columns, and an address"):
        open_source(book(tmp_path, [*TWO, *PEOPLE], "C1:D1"), header_rows=3)


def test_a_list_without_titles_is_refused(tmp_path):
    """Its first person would be taken for titles."""
    with pytest.raises(Refused, match="row 1 should hold the titles") as caught:
        open_source(book(tmp_path, PEOPLE))
    assert "write a row of titles" in caught.value.hint


@pytest.mark.parametrize("above", ["ann@example.com", "Questions: hr@example.com"])
def test_an_address_above_the_titles_is_no_heading(tmp_path, above):
    """It could be somebody's; the sentence says how to tell."""
    path = book(tmp_path, [(above,), ("姓名", "邮箱", "a", "b", "c"), *PEOPLE])
    with pytest.raises(Refused, match="row 1 should hold the titles") as caught:
        open_source(path)
    assert 'start = "A2"' in caught.value.hint
    assert len(titles(path, start="A2")) == 5


def test_a_heading_of_several_cells_is_refused(tmp_path):
    """It could be a row of titles with gaps."""
    table = [("工资表", None, None, None, "2026年11月"), ("姓名", "邮箱", "a", "b", "c"), *PEOPLE]
    path = book(tmp_path, table)
    with pytest.raises(Refused, match="not clear") as caught:
        open_source(path)
    assert 'start = "A2"' in caught.value.hint
    assert titles(path, start="A2") == ["姓名", "邮箱", "a", "b", "c"]


@pytest.mark.parametrize(
    "table",
    [
        [("E-mail",), ("a@example.com",), ("b@example.com", "remark")],
        [("Kontakt",), ("a@example.com",), ("b@example.com", "remark")],
        [("Name",), ("Ann", "remark"), ("Bob", "remark")],
        [("email", "n"), ("", "x"), ("b@example.com", "y")],
        [("email", "", "n"), ("a@example.com", "x", "1"), ("b@example.com", "", "2")],
    ],
)
def test_one_row_of_titles_stays_one(tmp_path, table):
    """Odd lists are read as before: the first row that is not blank."""
    with open_source(book(tmp_path, table)) as source:
        assert source.columns[0].title == table[0][0]
        assert [row.number for row in source.rows()] == [2, 3]


def test_csv_with_two_rows_said(tmp_path):
    """A text file has no merged cells; the person says how many rows there are."""
    path = tmp_path / "list.csv"
    path.write_text(
        "工资表,,,,\n姓名,邮箱,应发工资,,实发工资\n,,基本工资,奖金,\n"
        + "".join(",".join(map(str, person)) + "\n" for person in PEOPLE),
        encoding="utf-8",
    )
    with pytest.raises(Refused, match="row 3 may hold titles too"):
        open_source(path)
    assert titles(path, header_rows=2) == FULL
    with open_source(path, header_rows=2) as source:
        assert [row.number for row in source.rows()] == [4, 5, 6]
        assert [column.letter for column in source.columns] == ["1", "2", "3", "4", "5"]
        assert "header: rows 2–3; data from row 4; row 1 is a heading" in source.notes


def test_csv_with_a_start(tmp_path):
    """Lines above and fields left of the start are not read; lines keep their numbers."""
    path = tmp_path / "list.csv"
    path.write_text('remark,"of two\nlines"\n\nx,name,email\ny,Ann,ann@example.com\n', encoding="utf-8")
    with open_source(path, start="B4") as source:
        assert [(column.title, column.letter) for column in source.columns] == [("name", "2"), ("email", "3")]
        assert [(row.number, row.cells) for row in source.rows()] == [(5, ("Ann", "ann@example.com"))]
    with pytest.raises(Refused, match="line 3, where the titles should begin, is blank"):
        open_source(path, start="A3")


@pytest.mark.parametrize("choices", [{"table": "Pay"}, {"start": "B2"}, {"header_rows": 2}])
def test_json_lines_have_none_of_it(tmp_path, choices):
    """What says nothing about a file is refused rather than left unsaid."""
    path = tmp_path / "list.jsonl"
    path.write_text('{"email": "a@example.com"}\n', encoding="utf-8")
    with pytest.raises(Refused, match="says nothing about it"):
        open_source(path, **choices)


def test_choices_belong_to_the_fingerprint(tmp_path):
    """Other titles are another list."""
    path = book(tmp_path, [*TWO, *PEOPLE])
    seen = {
        open_source(path, **choices).fingerprint
        for choices in ({"header_rows": 1}, {"header_rows": 2}, {"start": "A1", "header_rows": 2})
    }
    assert len(seen) == 3
