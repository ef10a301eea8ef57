"""Laws of the formatter over many values and codes."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailmerge_cli.display import Measure, measures, show

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e9, 1e9),
    st.integers(-(10**18), 10**18),
    st.decimals(-(10**6), 10**6, places=3).map(float),
)
PIECES = st.sampled_from([
    "0", "#", "?", ".", ",", "%", "/", "@", ";", "E+", "E-", "General", "yyyy", "m", "mm", "mmm", "d", "h", "s", "ss", ".0", "AM/PM", "上午/下午",
    "[h]", "[mm]", "[Red]", "[>=5]", "[<0]", "[$¥-804]", "[$-411]", "[DBNum1]", "[DBNum2]", "[DBNum3]", "ggg", "e", "aaa", "_(", "* ", '"x"',
    "\\", '"', "[", "]", " ", "-", "(", ")", "1", "8", "年", "k", "b", "_", "*", "[$", "r",
])  # fmt: skip
CODES = st.lists(PIECES, max_size=9).map("".join)
MOMENTS = st.datetimes(datetime(1900, 3, 1), datetime(9999, 12, 30))


@given(
    code=st.one_of(CODES, st.text(max_size=15)),
    value=st.one_of(NUMBERS, st.text(max_size=5), MOMENTS, st.booleans()),
)
@example("0.00", float("inf"))
@example("0" * 5000 + "." + "0" * 5000, 1.5)
@example("?/" + "?" * 400, 0.1)
@settings(deadline=None, max_examples=600)
def test_never_raises(code, value):
    """Whatever stands in a sheet, there is a text for it."""
    assert isinstance(show(value, code), str)
    assert measures(code) in Measure


def rounded(value: float, places: int) -> Decimal:
    with localcontext() as context:
        context.prec = 400
        return Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@given(value=NUMBERS, places=st.integers(0, 6))
@settings(deadline=None, max_examples=300)
def test_F13_decimals_are_rounded_as_excel_rounds(value, places):
    """Fifteen figures, half up; thousands are grouped; a zero has no sign."""
    expected = rounded(value, places)
    code = "#,##0" + ("." + "0" * places if places else "")
    assert show(value, code) == f"{expected or abs(expected):,f}"
    assert show(value, code.replace("#,##", "")) == f"{expected or abs(expected):f}"


@given(value=st.floats(-1e10, 1e10))
@settings(deadline=None)
def test_general_is_near_and_short(value):
    """General takes eleven places at most (one more for E-100), and is off by half of its last figure at most."""
    text = show(value, "General")
    assert len(text.lstrip("-")) <= (11 if abs(value) > 1e-99 else 12)
    assert abs(Decimal(text) - Decimal(f"{value:.15g}")) <= Decimal("5.1e-6") * abs(
        Decimal(f"{value:.15g}")
    ) + Decimal("5.1e-10")


@given(value=st.integers(0, 10**11 - 1))
def test_general_of_whole_numbers(value):
    """A whole number of up to eleven figures is itself."""
    assert show(value, "General") == str(value)
    assert show(float(value), "General") == str(value)


@given(moment=MOMENTS)
@settings(deadline=None)
def test_F14_dates_are_those_of_the_calendar(moment):
    """A serial number and the moment that it is show alike, and as the calendar says."""
    moment = moment.replace(microsecond=0)
    serial = (moment - datetime(1899, 12, 30)) / timedelta(days=1)
    expected = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d} {moment:%H:%M:%S}"
    assert show(moment, "yyyy-mm-dd hh:mm:ss") == expected
    assert show(serial, "yyyy-mm-dd hh:mm:ss") == expected
    assert show(serial - 1462, "yyyy-mm-dd hh:mm:ss", epoch1904=True) == expected or serial < 1462
    assert show(moment, "dddd") == moment.strftime("%A")
    assert show(serial, "dddd") == moment.strftime("%A")


@given(seconds=st.integers(0, 10**7))
def test_elapsed_time_adds_up(seconds):
    """Hours, minutes and seconds of a span are the span."""
    hours, minutes, rest = map(int, show(seconds / 86400, "[h]:mm:ss").split(":"))
    assert hours * 3600 + minutes * 60 + rest == seconds
    assert show(seconds / 86400, "[s]") == str(seconds)


@given(value=st.floats(0.0001, 1000), places=st.integers(1, 3))
@settings(deadline=None)
def test_fractions_are_near(value, places):
    """A fraction is off by less than one part of its largest denominator."""
    text = show(value, "# " + "?" * places + "/" + "?" * places)
    total = sum(_part(part) for part in text.split())
    assert abs(total - value) <= 1 / (10**places - 1)


def _part(text: str) -> float:
    above, _, below = text.partition("/")
    return int(above) / int(below or 1)
