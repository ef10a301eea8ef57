"""Conditions and phrases: the same names and filters as templates, checked before any row."""

from __future__ import annotations

import pickle
from datetime import date, datetime

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.cell import FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.model.table import Row
from mailmerge_cli.render import Expression, Phrase, RowFault
from support.letters import columns_of

COLUMNS = columns_of(("net", "dept", "Start date", "text"))
ROW = Row(7, (RealCell(1234.5, "0.00"), "IT", MomentCell(datetime(2026, 11, 1), "yyyy-mm-dd"), "1,200.50"))
CONSTANTS = {"today": date(2026, 11, 21), "limit": 1000, "last_month": "2026-10"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("net > 0", True),
        ("net > limit and dept == 'IT'", True),
        ("dept != 'IT'", False),
        ("start_date <= today", True),
        ("row['Start date'] > today", False),
        ("text | number > 1200", True),
        ("dept in ['HR', 'IT']", True),
        ("not dept", False),
        ("net * 2", 2469.0),
        ("dept", "IT"),
        ("net > 0\nand dept", "IT"),
        ("dept if net > 0 else 0", "IT"),
    ],
)
def test_conditions(text: str, value: object) -> None:
    """Cells compare and compute as their values."""
    assert Expression(text, COLUMNS, CONSTANTS)(ROW) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nett > 0", "did you mean 'net'"),
        ("net >", "where"),
        ("net > 0) or (1", "where"),
        ("net) %}{% set x = (1", "where"),
        ("", "where"),
        ("net.__class__", "not open"),
        ("row['Depp'] == 1", "did you mean 'dept'"),
        ("net = 0", "use =="),
    ],
)
def test_T01_conditions_that_cannot_be_are_refused_before_any_row(text: str, told: str) -> None:
    """Unknown names, syntax, more than one expression."""
    with pytest.raises(Refused) as refused:
        Expression(text, COLUMNS, CONSTANTS)
    assert refused.value.problems[0].column == "where"
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "text", ["net > dept", "dept | number", "net / 0 > 1", "row[dept]", "'a' * 10 ** 10"]
)
def test_T04_a_condition_that_fails_for_a_row_names_it(text: str) -> None:
    """A RowFault, not a traceback, and no cell's value."""
    with pytest.raises(RowFault) as fault:
        Expression(text, COLUMNS, CONSTANTS)(ROW)
    assert fault.value.problems[0].row == 7
    assert "1234" not in str(fault.value)


def test_a_cell_with_an_error_stops_a_condition() -> None:
    """#N/A is neither true nor false."""
    row = Row(7, (FaultCell("holds the error #N/A"), *ROW.cells[1:]))
    with pytest.raises(RowFault, match="#N/A"):
        Expression("net > 0", COLUMNS, CONSTANTS)(row)
    assert Expression("dept == 'IT'", COLUMNS, CONSTANTS)(row) is True


def test_conditions_tell_their_columns_and_travel() -> None:
    """For the plan, and to other processes."""
    condition = pickle.loads(pickle.dumps(Expression("net > 0 and row['dept']", COLUMNS, CONSTANTS)))
    assert condition.used == {0, 1}
    assert condition(ROW) == "IT"


def test_phrases_of_values_alone() -> None:
    """File, sheet and run are made of values."""
    phrase = Phrase("payroll-{{ last_month }}.xlsx", constants=CONSTANTS, what="[recipients] file")
    assert (phrase(), phrase.varies) == ("payroll-2026-10.xlsx", False)
    assert Phrase("{{ today | date('yyyy\"-W\"') }} ", constants=CONSTANTS)() == "2026-W"
    assert pickle.loads(pickle.dumps(phrase))() == "payroll-2026-10.xlsx"


@pytest.mark.parametrize(
    "text",
    [
        "{{ net }}",
        "{{ lastmonth }}",
        "{% if %}",
        "{{ 1 / 0 }}",
        "a{{ '\n' }}b",
        "{{ none }}",
        "{% include 'x' %}",
    ],
)
def test_phrases_that_cannot_be_are_refused(text: str) -> None:
    """With what the person calls them."""
    with pytest.raises(Refused, match="run"):
        Phrase(text, constants=CONSTANTS, what="run")()


def test_phrases_with_cells() -> None:
    """A phrase over columns is filled in for a row; as a path it takes no separators."""
    assert Phrase("{{ dept }}/{{ net }}", COLUMNS, CONSTANTS, path=True)(ROW) == "IT/1234.50"
    row = Row(7, (ROW.cells[0], "a/b", *ROW.cells[2:]))
    assert Phrase("{{ dept }}", COLUMNS, CONSTANTS)(row) == "a/b"
    with pytest.raises(RowFault, match="dept"):
        Phrase("{{ dept }}", COLUMNS, CONSTANTS, path=True)(row)
    assert pickle.loads(pickle.dumps(Phrase("{{ dept }}", COLUMNS, CONSTANTS, path=True)))(ROW) == "IT"


def fill(text: str, value: object) -> str:
    """A template over one cell."""
    columns = columns_of(("x",))
    return Phrase(text, columns)(Row(2, (value,)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "options", "value"),
    [
        ("1234.5", "", 1234.5),
        ("1,234.50", "", 1234.5),
        ("1,234,567", "", 1234567),
        ("-12", "", -12),
        ("+12", "", 12),
        ("−12", "", -12),
        ("1 234.50", "", 1234.5),
        ("1\u00a0234", "", 1234),
        ("1'234", "", 1234),
        ("1.234,50", "decimal=','", 1234.5),
        ("1 234,5", "decimal=','", 1234.5),
        ("0,5", "','", 0.5),
        (" 7 ", "", 7),
        ("007", "", 7),
    ],
)
def test_number_reads_texts(text: str, options: str, value: float) -> None:
    """Thousands in threes, one decimal mark; the result computes."""
    assert Expression(f"x | number({options})", columns_of(("x",)))(Row(2, (text,))) == value


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", ""),
        ("abc", ""),
        ("1,23", ""),
        ("12,34,567", ""),
        ("1,234 567", ""),
        ("1.234.567", ""),
        ("1,5", ""),
        ("1.5", "decimal=','"),
        ("1e5", ""),
        ("0x10", ""),
        ("12 EUR", ""),
        ("1", "decimal='x'"),
        ("١", ""),
        ("--1", ""),
        ("nan", ""),
    ],
)
def test_number_refuses_what_is_not_plain(text: str, options: str) -> None:
    """Nothing is guessed: `1,5` is not one and a half unless the template says so."""
    with pytest.raises(RowFault) as fault:
        fill(f"{{{{ x | number({options}) }}}}", text)
    assert fault.value.problems[0].column == "x"


def test_number_leaves_numbers_alone() -> None:
    """A number cell keeps its look."""
    assert fill("{{ x | number }}", WholeCell(1200, "#,##0")) == "1,200"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-05",
        "2026/11/05",
        "2026.11.5",
        "20261105",
        "2026年11月5日",
        "5.11.2026",
        "2026-11-05T09:30",
        "2026-11-05 09:30:15",
        "5.11.2026 9:30",
    ],
)
def test_date_reads_texts(text: str) -> None:
    """Year first, or day first with dots; a time may follow."""
    assert fill("{{ x | date('yyyy-mm-dd') }}", text) == "2026-11-05"
    assert fill("{{ x | date }}", text)[:10] == "2026-11-05"


def test_date_with_an_order() -> None:
    """3/4/2026 is two dates; the template says which."""
    assert fill("{{ x | date('yyyy-mm-dd', order='dmy') }}", "3/4/2026") == "2026-04-03"
    assert fill("{{ x | date('yyyy-mm-dd', 'mdy') }}", "3/4/2026") == "2026-03-04"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3/4/2026",
        "2026-13-01",
        "2026-02-30",
        "tomorrow",
        "2026-11-05 25:00",
        "2026-11/05",
        "2026-11-05 x",
    ],
)
def test_date_refuses_what_is_not_plain(text: str) -> None:
    """Nothing is guessed, and no date is bent into being."""
    with pytest.raises(RowFault) as fault:
        fill("{{ x | date('yyyy-mm') }}", text)
    assert fault.value.problems[0].column == "x"


def test_dates_of_cells_and_values() -> None:
    """Date cells, `today`, `now`, and a sheet's day numbers."""
    moment = MomentCell(datetime(2026, 11, 5, 9, 30), "d/m/yyyy")
    assert fill("{{ x }} {{ x | date('yyyy-mm') }} {{ x | date }}", moment) == "5/11/2026 2026-11 5/11/2026"
    assert fill("{{ x | date('yyyy-mm-dd') }}", WholeCell(46331)) == "2026-11-05"
    now = datetime.fromisoformat("2026-11-21T09:30:15+08:00")
    constants = {**CONSTANTS, "now": now}
    assert (
        Phrase(
            "{{ today }} {{ now }} {{ now | date('hh:mm') }} {{ today | format('d.m.yy') }}",
            constants=constants,
        )()
        == "2026-11-21 2026-11-21 09:30 09:30 21.11.26"
    )


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (RealCell(1234.5), "#,##0.00", "1,234.50"),
        ("1234.5", "#,##0.00", "1,234.50"),
        ("1,234.5", "0", "1235"),
        ("2026-11-05", "yyyy/mm", "2026/11"),
        ("x", '@"!"', "x!"),
        (MomentCell(datetime(2026, 11, 5), "General"), "yyyy-mm-dd", "2026-11-05"),
    ],
)
def test_format_takes_excels_codes(value: object, code: str, shown: str) -> None:
    """Numbers, dates, and texts that plainly are such (all cells of a CSV are texts)."""
    assert fill("{{ x | format(" + repr(code) + ") }}", value) == shown


@pytest.mark.parametrize(
    ("value", "filter_"),
    [
        ("abc", "format('0.00')"),
        ("", "format('0.00')"),
        ("abc", "format('yyyy')"),
        ("1", "format"),
        ("%d", "format(3)"),
        ("1", "format('0', 1)"),
    ],
)
def test_format_refuses_what_it_cannot_show(value: str, filter_: str) -> None:
    """An unformatted salary is worse than none."""
    with pytest.raises(RowFault) as fault:
        fill("{{ x | " + filter_ + " }}", value)
    assert fault.value.problems[0].column == "x"


@pytest.mark.parametrize("filter_", ["number", "date", "format('0')", "date('yyyy')"])
def test_filters_of_cells_that_must_not_be_used(filter_: str) -> None:
    """#N/A stays #N/A."""
    with pytest.raises(RowFault, match="#N/A"):
        fill("{{ x | " + filter_ + " }}", FaultCell("holds the error #N/A"))


@pytest.mark.parametrize("code", ["%.2f", "%d", "%05.1f", "%s EUR", "%+d"])
def test_format_of_jinja_is_answered_with_ours(code: str) -> None:
    """The older mailmerge's `"%.2f"|format(x)`: refused, with what to write instead; an address is no Excel code either."""
    for value in ("12.5", "anna@example.org"):
        with pytest.raises(RowFault, match=r"the other way round.*x . format.*0\.00"):
            fill('{{ "' + code + '" | format(x) }}', value)


def test_a_percent_sign_in_a_cell_is_no_code() -> None:
    """Texts of people are shown as they are."""
    for text in ("50% discount", "100%", "5%sugar"):
        assert fill("{{ x | format('@') }}", text) == text
