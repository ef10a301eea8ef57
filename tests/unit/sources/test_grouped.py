"""Lines with the same value become one row; cells that differ are not guessed; nothing is lost on the way."""

from __future__ import annotations

import pickle
from datetime import datetime
from pathlib import Path

import pytest

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.cell import Cell, CellFault, FaultCell, LinesCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.grouped import GroupedSource, Grouping
from support.letters import columns_of
from support.tables import RowsAtHand

ORDER, EMAIL, ITEM, PRICE = COLUMNS = columns_of(("Order no.", "email", "item", "price"))


def line(number: int, *cells: Cell, problems: tuple[Problem, ...] = ()) -> Row:
    return Row(number, cells, problems)


def group(*lines: Row, by: Column = ORDER, **more: object) -> list[Row]:
    """The rows of a table that is grouped."""
    return list(GroupedSource(RowsAtHand(lines, COLUMNS), Grouping(by, EMAIL, **more)).rows())  # type: ignore[arg-type]


def members(row: Row) -> list[int]:
    return [each.number for each in row.lines]


LAMP = line(2, "1", "ann@example.org", "Lamp", RealCell(40.0, "0.00"))
CHAIR = line(3, "2", "ben@example.org", "Chair", RealCell(79.5, "0.00"))
VASE = line(4, "1", "ann@example.org", "Vase", RealCell(40.0, "0.00"))


def test_lines_of_one_value_are_one_row_in_the_order_of_first_lines() -> None:
    """A group has the number of its first line and holds all of its lines; they need not stand together."""
    rows = group(LAMP, CHAIR, VASE)

    assert [(row.number, members(row)) for row in rows] == [(2, [2, 4]), (3, [3])]
    assert [each.cells for each in rows[0].lines] == [LAMP.cells, VASE.cells]
    assert all(len(row.cells) == len(COLUMNS) + 1 for row in rows)


def test_the_lines_have_a_column_of_their_own() -> None:
    """It is the last one, so that every other column stays where it is."""
    source = GroupedSource(RowsAtHand([LAMP], COLUMNS), Grouping(ORDER))

    assert source.columns[:-1] == COLUMNS
    assert (source.columns[-1].name, source.columns[-1].holds_lines) == ("rows", True)


def test_cells_that_agree_stand_for_all() -> None:
    """Equal look and equal value; the first line's cell is taken."""
    [row] = group(LAMP, VASE)

    assert row.cells[:2] == ("1", "ann@example.org")
    assert row.cells[3] is LAMP.cells[3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lamp", "Vase"),
        ("1", WholeCell(1, "0")),
        (RealCell(1.0, "0.00"), RealCell(1.0, "0.0")),
        (RealCell(1.004, "0.00"), RealCell(1.0, "0.00")),
        (MomentCell(datetime(2026, 1, 1), "yyyy"), MomentCell(datetime(2026, 5, 1), "yyyy")),
        ("", "Lamp"),
    ],
)
def test_a_cell_that_differs_cannot_be_used(one: Cell, other: Cell) -> None:
    """Whoever uses it is told the lines and what to write instead."""
    [row] = group(line(2, "1", "a@example.org", one, ""), line(9, "1", "a@example.org", other, ""))

    assert row.problems == ()
    with pytest.raises(CellFault, match=r"differs in the 2 lines of this mail \(2, 9\).*line\.item"):
        str(row.cells[2])


def test_texts_agree_without_the_blanks_around_them_and_however_they_are_composed() -> None:
    """What nobody can see makes no difference."""
    [row] = group(
        line(2, "1", "a@x.example.org", "Zoë", ""), line(3, "1", "a@x.example.org", " Zoe\u0308 ", "")
    )

    assert row.cells[2] == "Zoë"


def test_only_a_few_lines_are_named() -> None:
    """Of a thousand lines a message names five."""
    [row] = group(*(line(n, "1", "a@example.org", str(n), "") for n in range(2, 1002)))

    with pytest.raises(CellFault, match=r"the 1000 lines of this mail \(2, 3, 4, 5, 6, …\)"):
        str(row.cells[2])


def test_F12_an_error_in_one_line_is_told_as_it_is() -> None:
    """The reason of the cell itself helps more than that lines differ."""
    [row] = group(LAMP, line(4, "1", "ann@example.org", "Vase", FaultCell("cell D4 holds #N/A")))

    with pytest.raises(CellFault, match="D4"):
        str(row.cells[3])


def test_addresses_are_compared_as_addresses() -> None:
    """Without case, and the domain by its A-label; the first line's way to write it is kept."""
    rows = group(
        line(2, "1", "Ann@Bücher.example.org", "a", ""),
        line(3, "2", " ann@XN--bcher-kva.example.org", "b", ""),
        by=EMAIL,
    )

    assert [members(row) for row in rows] == [[2, 3]]
    assert rows[0].cells[1] == "Ann@Bücher.example.org"


def test_values_are_compared_as_displayed() -> None:
    """A number and the text that looks like it are one group, as they are one key."""
    assert [
        members(row) for row in group(line(2, "7", "a", "", ""), line(3, WholeCell(7, "0"), "a", "", ""))
    ] == [[2, 3]]


def test_a_blank_value_groups_nothing() -> None:
    """Each such line is a row of its own, and it is bad: nobody knows which mail it belongs to."""
    rows = group(line(2, " ", "a@example.org", "", ""), line(3, "", "a@example.org", "", ""))

    assert [members(row) for row in rows] == [[2], [3]]
    assert [(row.problems[0].row, row.problems[0].column) for row in rows] == [
        (2, "Order no."),
        (3, "Order no."),
    ]


def test_a_blank_address_is_left_to_whoever_looks_for_addresses() -> None:
    """`no_address` decides about it, so it is no problem here."""
    rows = group(line(2, "1", "", "", ""), line(3, "2", "", "", ""), by=EMAIL)

    assert [(members(row), row.problems) for row in rows] == [([2], ()), ([3], ())]


def test_a_bad_line_makes_its_group_bad() -> None:
    """The problem keeps the number of its own line."""
    bad = line(4, "1", "ann@example.org", "Vase", "", problems=(Problem(4, "item", "control", "no"),))
    rows = group(LAMP, CHAIR, bad)

    assert [row.problems for row in rows] == [bad.problems, ()]


def test_a_bad_line_may_be_too_short() -> None:
    """Its missing cells are blank, and the lines stay the last cell."""
    short = line(5, "9", problems=(Problem(5, None, "fields", "too few"),))

    for rows in (group(short), group(short, line(6, "9", "a@example.org", "x", "y"))):
        assert len(rows[0].cells) == len(COLUMNS) + 1
        assert isinstance(rows[0].cells[-1], LinesCell)
        assert rows[0].problems[0] == short.problems[0]


def test_who_gets_the_mail_must_not_differ() -> None:
    """Two addresses in one group are a problem, not a choice."""
    [row] = group(LAMP, line(4, "1", "eve@example.org", "Vase", ""), agree=(EMAIL,))

    assert [(problem.row, problem.column) for problem in row.problems] == [(2, "email")]
    assert "eve" not in row.problems[0].message


def test_the_same_address_in_another_way_does_not_differ() -> None:
    """Case is no difference between addresses."""
    [row] = group(LAMP, line(4, "1", "ANN@example.org", "Vase", ""), agree=(EMAIL,))

    assert row.problems == ()


def test_where_chooses_lines_before_they_are_put_together() -> None:
    """A line that is not chosen comes alone, without lines, in its place; its group goes on without it."""
    rows = group(LAMP, CHAIR, VASE, where=lambda row: row.cells[2] != "Lamp")

    assert [(row.number, members(row)) for row in rows] == [(2, []), (3, [3]), (4, [4])]


def test_what_hinders_where_is_a_problem_of_the_group() -> None:
    """A condition that cannot be computed for one line leaves nothing out in silence."""

    def where(row: Row) -> bool:
        if row.number == 4:
            raise Refused("no", problems=(Problem(4, "price", "where", "is not a number"),))
        return True

    assert [row.problems[:1] for row in group(LAMP, CHAIR, VASE, where=where)] == [
        (Problem(4, "price", "where", "is not a number"),),
        (),
    ]


def test_numbers_rise_whatever_is_chosen() -> None:
    """Whoever looks for a row by its number may stop at a higher one."""
    lines = [line(n, str(n % 3), "a@example.org", str(n), "") for n in range(2, 30)]
    numbers = [row.number for row in group(*lines, where=lambda row: row.number % 5 != 2)]

    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("title", ["rows", "Rows"])
def test_a_column_called_rows_is_a_clash(title: str) -> None:
    """65, and it says why; another case is another name."""
    columns = columns_of((*(column.title for column in COLUMNS), title))
    table = RowsAtHand([], columns)
    if title != "rows":
        GroupedSource(table, Grouping(ORDER))
        return
    with pytest.raises(Refused, match="group_by") as refused:
        GroupedSource(table, Grouping(ORDER))
    assert refused.value.problems[0].column == "rows"


def test_the_fingerprint_knows_the_grouping() -> None:
    """The same list grouped otherwise is another list."""
    table = RowsAtHand([LAMP], COLUMNS)
    prints = {GroupedSource(table, Grouping(column, EMAIL)).fingerprint for column in (ORDER, EMAIL)}
    prints |= {table.fingerprint, GroupedSource(table, Grouping(ORDER, EMAIL, (EMAIL,))).fingerprint}

    assert len(prints) == 4
    assert (
        GroupedSource(table, Grouping(ORDER)).fingerprint == GroupedSource(table, Grouping(ORDER)).fingerprint
    )


def test_a_note_tells_how_many_groups_there_are() -> None:
    """A wrong column is seen at once."""
    assert (
        GroupedSource(RowsAtHand([LAMP, CHAIR, VASE], COLUMNS), Grouping(ORDER)).notes[0]
        == "group_by: 3 rows in 2 groups by “Order no.”"
    )


def test_lines_that_stand_together_are_read_once_a_pass_and_as_they_come() -> None:
    """A sorted list needs no second reading and no memory."""
    table = RowsAtHand([line(n, str(n // 3), "a@example.org", str(n), "") for n in range(3, 300)], COLUMNS)
    source = GroupedSource(table, Grouping(ORDER))
    before = table.passes
    rows = source.rows()

    assert members(next(rows)) == [3, 4, 5]
    assert len(list(rows)) == 98
    assert table.passes == before + 1


def test_passes_are_equal_and_it_travels(tmp_path: Path) -> None:
    """A second pass, and one in another process, give the same rows."""
    path = tmp_path / "orders.csv"
    path.write_text(
        "no,email,item\n1,a@example.org,x\n2,b@example.org,y\n1,a@example.org,z\n", encoding="utf-8"
    )
    with open_source(path) as table:
        source = GroupedSource(table, Grouping(table.columns[0], table.columns[1]))
        once = [(row.number, row.lines, row.cells[1]) for row in source.rows()]
        again = [(row.number, row.lines, row.cells[1]) for row in source.rows()]
        there = pickle.loads(pickle.dumps(source))
        travelled = [(row.number, row.lines, row.cells[1]) for row in there.rows()]

    assert [number for number, *_ in once] == [2, 3]
    assert once == again == travelled
    assert there.fingerprint == source.fingerprint


def test_a_cell_that_differs_travels() -> None:
    """Its reason is made where it is asked for."""
    [row] = group(LAMP, VASE)
    there = pickle.loads(pickle.dumps(row))

    with pytest.raises(CellFault, match="differs in the 2 lines"):
        str(there.cells[2])


def test_F26_a_list_that_changes_is_refused(tmp_path: Path) -> None:
    """As with any other source."""
    path = tmp_path / "orders.csv"
    path.write_text("no,email\n1,a@example.org\n", encoding="utf-8")
    with open_source(path) as table:
        source = GroupedSource(table, Grouping(table.columns[0]))
        path.write_text("no,email\n1,a@example.org\n2,b@example.org\n", encoding="utf-8")
        with pytest.raises(Refused):
            list(source.rows())
