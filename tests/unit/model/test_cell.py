"""A cell prints as the sheet shows it, and compares, computes and tests as its value."""

from __future__ import annotations

import copy
import operator
import pickle
from datetime import date, datetime, timedelta

import jinja2
import markupsafe
import pytest
from jinja2.sandbox import SandboxedEnvironment

from mailmerge_cli.model.cell import CellFault, FaultCell, MomentCell, RealCell, WholeCell

NET = RealCell(1234.5, '"<"#,##0.00')
STAFF = WholeCell(12, "00000")
PAID = WholeCell(1, "BOOLEAN")
UNPAID = WholeCell(0, "BOOLEAN")
DAY = MomentCell(datetime(2026, 11, 5, 8, 30), 'yyyy"年"m"月"d"日"')
BIRTH = MomentCell(datetime(1990, 2, 3), "d.m.yyyy")

PLAIN = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
ESCAPING = SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=True)


@pytest.mark.parametrize(
    ("cell", "look"),
    [
        (NET, "<1,234.50"),
        (STAFF, "00012"),
        (PAID, "TRUE"),
        (UNPAID, "FALSE"),
        (DAY, "2026年11月5日"),
        (BIRTH, "3.2.1990"),
    ],
)
def test_every_way_to_a_text_gives_the_look(cell, look):
    """str, f-strings, %s, Jinja's output, its ~, join and string filters, and markupsafe give the look."""
    assert str(cell) == look
    assert f"{cell}" == look
    assert f"{cell:>12}" == look.rjust(12)
    assert "%s" % cell == look  # noqa: UP031
    template = "{{ x }}|{{ 'a' ~ x }}|{{ [x, x] | join(' ') }}|{{ x | string }}|{{ '%s' | format(x) }}"
    assert PLAIN.from_string(template).render(x=cell) == f"{look}|a{look}|{look} {look}|{look}|{look}"
    escaped = str(markupsafe.escape(look))
    assert str(markupsafe.escape(cell)) == escaped
    assert (
        ESCAPING.from_string("{{ x }}|{{ 'a' ~ x }}|{{ x | e }}").render(x=cell)
        == f"{escaped}|a{escaped}|{escaped}"
    )


def test_numbers_compute_as_numbers():
    """Arithmetic is with the value, and gives plain numbers."""
    assert NET * 2 == 2469.0
    assert str(NET * 2) == "2469.0"
    assert STAFF + 1 == 13
    assert sum([STAFF, STAFF]) == 24
    assert max(STAFF, WholeCell(3)) == 12
    assert STAFF == 12
    assert hash(STAFF) == hash(12)
    assert NET > 1000
    assert sorted([WholeCell(10), WholeCell(9)]) == [9, 10]


def test_a_number_can_be_formatted_as_one():
    """A format that only numbers have formats the value, not the look."""
    assert f"{NET:.1f}" == "1234.5"
    assert f"{STAFF:d}" == "12"
    assert PLAIN.from_string("{{ '%.3f' | format(x) }} {{ x | round(0) }}").render(x=NET) == "1234.500 1234.0"


@pytest.mark.parametrize(
    ("test", "result"),
    [
        ("net > 1000", True),
        ("staff == 12", True),
        ("paid", True),
        ("unpaid", False),
        ("not unpaid", True),
        ("net", True),
    ],
)
def test_jinja_tests_the_value(test, result):
    """`{% if %}` and comparisons see the value."""
    values = {"net": NET, "staff": STAFF, "paid": PAID, "unpaid": UNPAID}
    assert PLAIN.from_string("{% if " + test + " %}y{% else %}n{% endif %}").render(values) == (
        "y" if result else "n"
    )


@pytest.mark.parametrize("cell", [NET, STAFF, PAID, DAY, BIRTH])
@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))])
def test_cells_travel(cell, travel):
    """A cell that was copied or sent to another process is the same cell, value and look."""
    there = travel(cell)
    assert type(there) is type(cell)
    assert (there, str(there), there.epoch1904) == (cell, str(cell), cell.epoch1904)


def test_fault_cell_travels():
    """So is a cell that must not be used."""
    assert pickle.loads(pickle.dumps(FaultCell("cell B7 …"))).reason == "cell B7 …"


def test_moments_compare_with_dates_and_moments():
    """A day is compared with a date as its midnight, from either side."""
    assert operator.eq(BIRTH, date(1990, 2, 3))
    assert operator.eq(date(1990, 2, 3), BIRTH)
    assert datetime(1990, 2, 3) == BIRTH
    assert date(2026, 11, 5) != DAY
    assert date(2026, 11, 1) < DAY < date(2026, 11, 6)
    assert DAY <= DAY
    assert date(2026, 11, 6) >= DAY
    assert DAY > BIRTH


def test_moments_move():
    """A moved moment keeps its look; the distance of two is a span of time."""
    assert str(DAY + timedelta(days=1)) == "2026年11月6日"
    assert str(timedelta(days=1) + DAY) == "2026年11月6日"
    assert str(DAY - timedelta(days=5)) == "2026年10月31日"
    assert str(DAY.replace(day=1)) == "2026年11月1日"
    assert BIRTH - date(1990, 2, 1) == timedelta(days=2)
    assert date(1990, 2, 5) - BIRTH == timedelta(days=2)
    assert DAY - datetime(2026, 11, 5, 8, 0) == timedelta(minutes=30)
    assert timedelta() == DAY - DAY
    assert DAY.astimezone().replace(tzinfo=None) == DAY


def test_moments_have_parts_and_python_formats():
    """A template may take a moment apart, or format it as Python does."""
    template = "{{ x.year }} {{ x.strftime('%m/%Y') }} {{ x.isoformat() }} {{ x.date().isoformat() }}"
    assert PLAIN.from_string(template).render(x=DAY) == "2026 11/2026 2026-11-05T08:30:00 2026-11-05"
    assert f"{DAY:%Y-%m}" == "2026-11"


def test_F14_cells_know_their_epoch():
    """The same number is another day in a workbook of 1904."""
    assert str(RealCell(60.0, "yyyy-mm-dd")) == "1900-02-29"
    assert str(RealCell(60.0, "yyyy-mm-dd", epoch1904=True)) == "1904-03-01"


@pytest.mark.parametrize(
    "use",
    [
        str, bool, float, int, len, list, abs, "{}".format, lambda x: x == 1, lambda x: x != 1, lambda x: x < 1, lambda x: x + 1,
        lambda x: 1 - x, lambda x: x // 2, lambda x: x % 2, lambda x: 2**x, lambda x: -x, lambda x: x[0], lambda x: 1 in x,
        markupsafe.escape, lambda x: PLAIN.from_string("{{ x }}").render(x=x),
        lambda x: PLAIN.from_string("{% if x %}y{% endif %}").render(x=x),
        lambda x: ESCAPING.from_string("{{ x }}").render(x=x), lambda x: PLAIN.from_string("{{ 'a' ~ x }}").render(x=x),
    ],
)  # fmt: skip
def test_F12_a_fault_cannot_be_used(use):
    """Whatever touches a cell with an error is told where it is."""
    with pytest.raises(CellFault, match="cell B7"):
        use(FaultCell("cell B7 holds the error #N/A"))


def test_F12_a_fault_that_is_not_used_hurts_nobody():
    """An error in a column that no template uses changes nothing."""
    assert PLAIN.from_string("{{ net }}").render(net=NET, other=FaultCell("cell B7")) == "<1,234.50"
    assert repr(FaultCell("cell B7")) == "FaultCell('cell B7')"
