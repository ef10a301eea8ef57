"""Rows of totals at a list's end: told, not sent; and nobody is ever taken for one."""

from __future__ import annotations

import pytest

from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.totals import adds_up
from support.tables import write_workbook

TITLES = ("Staff no.", "Name", "email", "net", "bonus")
ANN, BOB = ("001", "Ann", "ann@example.com", 10, 1), ("002", "Bob", "bob@example.com", 20, 2)


def left(tmp_path, *rows, titles=TITLES, merged=(), **choices) -> tuple[list[int], list[str]]:
    """Numbers of the rows that are left, and what is told of totals."""
    path = tmp_path / "book.xlsx"
    book, sheet = write_workbook(path, [titles, *rows])
    for each in merged:
        sheet.merge_cells(each)
    book.save(path)
    with open_source(path, **choices) as source:
        numbers = [row.number for row in source.rows()]
        assert numbers == [row.number for row in source.rows()]
        return numbers, [note for note in source.notes if "totals" in note]


@pytest.mark.parametrize(
    "row",
    [
        ("合计", None, None, 30, 3),
        ("合 计：", None, None, 30, 3),
        (None, "总计", None, 30, 3),
        (None, None, "Total", 30, 3),
        ("Grand total", None, None, 30, None),
        ("Summe", "", "", "30,00 €", "-"),
        ("Total:", None, None, "=SUM(D2:D3)", "=SUM(E2:E3)"),
        (None, None, None, "=SUM(D2:D3)", "=SUBTOTAL(109,E2:E3)"),
        (None, None, None, "=SUM(D2:D3)", 3),
        (None, "Sum", None, "=SUM(D2:D3)", None),
    ],
)
def test_totals_are_told(tmp_path, row):
    """A word for totals beside numbers alone, or numbers that formulas add up from other rows."""
    numbers, notes = left(tmp_path, ANN, BOB, row)
    assert numbers == [2, 3]
    assert len(notes) == 1
    assert notes[0].startswith("row 4 looks like totals (")
    assert notes[0].endswith("): not sent")


@pytest.mark.parametrize(
    "row",
    [
        ("003", "Total", None, 30, 3),  # a staff number
        (3, "合计", None, 30, 3),
        (None, "Sum", None, 30, 3),  # some people are called so
        (None, "Anna Total", None, 30, 3),
        ("合计", "Ann", None, 30, 3),
        ("Total", None, "ann@example.com", 30, 3),
        ("Total", None, None, None, None),
        ("Total", None, None, "by hand", 3),
        (None, None, None, 30, 3),
        ("003", None, None, "=SUM(D2:D3)", 3),
        (None, "Cle", None, "=SUM(D2:D3)", 3),
        (None, None, None, "=SUM(E4:E4)", 3),  # of its own row
        (None, None, None, "=D2*2", 3),
    ],
)
def test_less_clear_rows_stay(tmp_path, row):
    """Anything that could be somebody's stays a row, and so a refusal."""
    assert left(tmp_path, ANN, BOB, row) == ([2, 3, 4], [])


def test_totals_are_at_the_end_alone(tmp_path):
    """A row of totals with people below it is not the end."""
    total = ("合计", None, None, 30, 3)
    assert left(tmp_path, ANN, total, BOB) == ([2, 3, 4], [])
    numbers, notes = left(tmp_path, ANN, total, BOB, ("小计", None, None, 1, 1), (), total)
    assert numbers == [2, 3, 4]
    assert [note.split()[1] for note in notes] == ["5", "7"]


def test_merged_totals(tmp_path):
    """The word is often merged over several cells."""
    assert left(tmp_path, ANN, BOB, ("合计", None, None, 30, 3), merged=["A4:C4"])[0] == [2, 3]


def test_the_persons_own_key_column_counts(tmp_path):
    """A column that the person named as key names somebody, whatever its title."""
    titles = ("Desk", "Name", "email", "net", "bonus")
    row = (7, "Total", None, 30, 3)
    assert left(tmp_path, ANN, row, titles=titles)[0] == [2]
    assert left(tmp_path, ANN, row, titles=titles, persons=("", "desk"))[0] == [2, 3]


def test_totals_of_a_text_file(tmp_path):
    """In a text file numbers are texts."""
    path = tmp_path / "list.csv"
    path.write_text("name,email,net\nAnn,ann@example.com,10.50\nTotal,,10.50\n", encoding="utf-8")
    with open_source(path) as source:
        assert [row.number for row in source.rows()] == [2]
        assert source.notes == ("row 3 looks like totals (Total): not sent",)


def test_addresses_in_changing_columns(tmp_path):
    """The address may stand elsewhere in each row (own To)."""
    rows = [
        ("1", "a@example.com", None, 1, 1),
        ("2", None, "b@example.com", 1, 1),
        ("3", None, "Total", 1, 1),
    ]
    assert left(tmp_path, *rows) == ([2, 3, 4], [])


@pytest.mark.parametrize("row", [(103, None, "=SUM(B$2:B3)"), ("sum", 2, 5), ("Soma", 2, "=SUM(C2:C3)")])
def test_nobody_is_totals_where_a_template_makes_the_addresses(tmp_path, row):
    """No row has an address in such a list, so a running sum and a login that is a word for sums are somebody's."""
    rows = [(101, 1, 1), (102, 2, 3), row]
    assert left(tmp_path, *rows, titles=("Login", "Net", "So far")) == ([2, 3, 4], [])
    numbers, notes = left(tmp_path, *rows, ("合计", 3, 4), titles=("Login", "Net", "So far"))
    assert (numbers, len(notes)) == ([2, 3, 4], 1)


def test_a_list_of_totals_alone(tmp_path):
    """Not more than a few rows are held back."""
    numbers, notes = left(tmp_path, *[("Total", None, None, 1, 1)] * 25)
    assert len(numbers) + len(notes) == 25
    assert len(notes) <= 10


@pytest.mark.parametrize(
    ("formula", "row", "sums"),
    [
        ("SUM(C4:C301)", 302, True),
        ("SUBTOTAL(109,C4:C301)", 302, True),
        ("SUBTOTAL(109,[Net])", 302, True),
        ("SUM(Payroll[Net])", 302, True),
        ("SUM(Payroll[@[Net]:[Tax]])", 302, False),
        ("SUM(Payroll[[#This Row],[Net]:[Tax]])", 302, False),
        ("SUM($C$4:C301)", 301, False),
        ("SUM(C5:F5)", 5, False),
        ("SUM(C50:C60)", 5, False),
        ("SUMIF(A:A,A5,C:C)", 5, False),
        ("SUM(C:C)", 5, False),
        ("C4+C5", 6, False),
        ("SUM(Q1!C4:C9)", 10, True),
        ("", 1, False),
    ],
)
def test_formulas_that_add_up(formula, row, sums):
    """Other rows above, not cells of the same row, however it is written."""
    assert adds_up(formula, row) is sums
