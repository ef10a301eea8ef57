"""Values whose format is not known, as cells: a number prints all its figures, a moment as ISO 8601 has it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from mailmerge_cli.model.cell import Cell, MomentCell, RealCell, WholeCell

_DAY = 86_400.0
_EXACT = 10**15  # from here on a sheet's numbers have lost figures
_SMALL = 1e-5
_REAL = "0." + "#" * 15
_DATE, _TIME, _ELAPSED = "yyyy-mm-dd", "hh:mm:ss", "[h]:mm:ss"


def plain_cell(value: object) -> Cell:
    """The cell of a value.

    `1500.0` prints as 1500, `16010.1` as 16010.1; a date as 2026-10-30, with a time of day as 2026-10-30 17:05:00; a time
    of day as 08:30:00 and a duration as 37:30:00, and both compute as fractions of a day, as sheets keep them.
    """
    match value:
        case bool():
            return WholeCell(value, "BOOLEAN")
        case int() | float():
            return plain_number(value)
        case datetime():
            bare = value.time() == time()
            return MomentCell(value, _DATE if bare else f"{_DATE} {_TIME}")
        case date():
            return MomentCell(datetime.combine(value, time()), _DATE)
        case time():
            seconds = value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6
            return RealCell(seconds / _DAY, _TIME)
        case timedelta():
            return RealCell(value.total_seconds() / _DAY, _ELAPSED)
        case _:
            return str(value)


def plain_number(value: float) -> WholeCell | RealCell:
    """The cell of a number."""
    if value == int(value) and abs(value) < _EXACT * 1000:
        return WholeCell(int(value), "0" if abs(value) < _EXACT else "General")
    return RealCell(value, _REAL if _SMALL <= abs(value) < _EXACT else "General")
