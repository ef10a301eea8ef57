"""Columns, widths, times and spans as plain text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.cli.layout import cell_text, cells, clock_time, column_lines, cut, record_lines, span
from mailmerge_cli.cli.pace import Pace, left_text, rate_text

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
VALUES = st.text(st.characters(), max_size=12) | st.integers(0, 10**6) | st.none()
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width), max_size=5))


@given(TABLES)
def test_every_row_is_one_line_and_every_value_is_in_it(rows: list[tuple[object, ...]]) -> None:
    """Whatever the cells hold: a line a row, and the columns of all lines begin at the same cell."""
    columns = tuple("abcd"[: len(rows[0]) if rows else 2])
    lines = column_lines(columns, rows)

    assert len(lines) == len(rows) + 1
    for line, row in zip(lines[1:], rows, strict=True):
        for value in row:
            assert cell_text(value).strip() in line


def test_columns_begin_at_the_same_cell() -> None:
    """Wide characters take two cells, combining marks none; numbers stand to the right."""
    assert column_lines(("姓名", "n", "x"), [("王小明", 5, "a"), ("e\u0301", 120, "b")]) == [
        "姓名      n  x",
        "王小明    5  a",
        "e\u0301       120  b",
    ]


@given(st.text(), st.integers(1, 20))
def test_a_cut_text_fits(text: str, width: int) -> None:
    """Never wider than asked, one line, and an ellipsis where something is missing."""
    short = cut(text, width)

    assert cells(short) <= width
    assert "\n" not in short
    assert short.endswith("…") or cells(short) == cells(cut(text, 10**6))


def test_records_leave_out_what_is_empty() -> None:
    """A narrow terminal gets a block for each row."""
    assert record_lines(("key", "code", "reply"), [("1", None, "a long reply"), ("2", 250, "")]) == [
        "key: 1", "reply: a long reply", "", "key: 2", "code: 250",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (timedelta(seconds=5), "10:00:05"),
        (timedelta(minutes=32), "10:32"),
        (timedelta(hours=14), "tomorrow 00:00"),
        (timedelta(days=2, minutes=5), "2026-11-23 10:05"),
    ],
)
def test_a_time_is_told_as_people_need_it(later: timedelta, told: str) -> None:
    """The day only where it is another one, seconds only where they count; in the run's zone, not the machine's."""
    assert clock_time((NOW + later).astimezone(UTC), NOW) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, "0 s"), (8, "8 s"), (99, "99 s"), (100, "2 min"), (720, "12 min"), (3600, "1 h"), (3900, "1 h 5 min"),
        (86400 * 2, "2 d"), (86400 * 2 + 3600 * 3, "2 d 3 h"), (3599, "1 h"),
    ],
)  # fmt: skip
def test_a_span_has_two_units_at_most(seconds: float, told: str) -> None:
    """Nobody needs the seconds of an hour."""
    assert span(seconds) == told


def test_the_pace_is_of_the_last_ten_seconds() -> None:
    """A run that was fast and has become slow is told as slow soon after."""
    pace = Pace()
    ended = 0
    for second in range(60):
        pace.note(float(second), ended)
        ended += 100 if second < 30 else 10

    assert 9 <= pace.rate(60.0, ended) <= 11


def test_the_pace_of_a_slow_run_does_not_jump() -> None:
    """With one mail in six seconds the window grows until it holds enough of them: always about 10/min."""
    pace = Pace()
    for second in range(300):
        pace.note(float(second), second // 6)
        if second >= 120:
            assert rate_text(pace.rate(float(second), second // 6)) in ("9/min", "10/min", "11/min")


@pytest.mark.parametrize(
    ("rate", "told"), [(3120.4, "3120/s"), (9.84, "9.8/s"), (0.2, "12/min"), (0.01, "36/h")]
)
def test_a_rate_has_a_unit_that_people_can_picture(rate: float, told: str) -> None:
    """Per second, minute or hour."""
    assert rate_text(rate) == told


def test_what_is_not_known_is_not_told() -> None:
    """No rate, no time left; and nothing is left at the end."""
    assert Pace().rate(1.0, 5) == 0.0
    assert left_text(100, 0.0) == ""
    assert left_text(0, 5.0) == ""
    assert left_text(300, 0.5) == "about 10 min left"
