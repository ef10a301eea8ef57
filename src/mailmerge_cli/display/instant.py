"""A point of a sheet's calendar, with what the calendar of 1900 knows and no other does: day 0 and 29 February 1900."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

_DAY = 86_400
_LAST = 2_958_466  # 10000-01-01
_EPOCH_1904 = 1462
_MILLISECOND = Decimal("0.001")
_UNIX = date(1899, 12, 30).toordinal()


@dataclass(frozen=True, slots=True)
class Instant:
    """The parts of a moment that a format code can ask for.

    Attributes:
        weekday: from Sunday 0.
        ticks: parts of a second, `10 ** digits` of which make one.
        seconds: since day 0, for `[h]`; negative for a span below zero.
        negative: a span below zero; the other parts are those of its size.
    """

    year: int
    month: int
    day: int
    weekday: int
    hour: int
    minute: int
    second: int
    ticks: int
    seconds: int
    negative: bool = False


def instant_of_serial(serial: float, digits: int, *, epoch1904: bool, timed: bool, span: bool) -> Instant:
    """The moment that a number of days is.

    Args:
        serial: days since the workbook's epoch.
        digits: how many decimals of a second are shown; the rest is rounded, all parts carrying over.
        epoch1904: day 0 is 1904-01-01.
        timed: a time of day is shown, so seconds are rounded; a bare date is cut off.
        span: only elapsed time is shown, which may be negative and of any length.

    Raises:
        ValueError: the calendar of sheets has no such day (below 0, or after the year 9999).
    """
    days = Decimal(f"{serial:.15g}")
    negative = days < 0
    if not span:
        days += _EPOCH_1904 if epoch1904 else 0
        if negative or days >= _LAST:
            raise ValueError("no day of the sheet's calendar")
    if not timed:
        # A hair before midnight is midnight: sums of fractions of a day end there.
        digits = 3
    # Excel keeps milliseconds. Rounded to them first, a half second that fifteen figures could not hold is a half again.
    size = abs(days) * _DAY if digits > 3 else (abs(days) * _DAY).quantize(_MILLISECOND, ROUND_HALF_UP)
    ticks = int((size * 10**digits).to_integral_value(ROUND_HALF_UP))
    whole, part = divmod(ticks, 10**digits)
    day, rest = divmod(whole, _DAY)
    if span:
        return Instant(1900, 1, 0, 6, *_clock(rest), part, whole, negative and ticks > 0)
    if day >= _LAST:
        raise ValueError("no day of the sheet's calendar")
    elapsed = whole - (_EPOCH_1904 * _DAY if epoch1904 else 0)
    return Instant(*_calendar(day), (day + 6) % 7, *_clock(rest), part, elapsed)


def instant_of_moment(
    moment: datetime | date | time, digits: int, *, epoch1904: bool, timed: bool
) -> Instant:
    """The same for a moment that Python knows already; dates before 1900 are fine here."""
    if isinstance(moment, time):
        moment = datetime.combine(date(1899, 12, 31), moment.replace(tzinfo=None))
    elif not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  a sheet has no zones
    if timed and moment.microsecond:
        grain = 10 ** (6 - min(digits, 6))
        moment = moment.replace(microsecond=0) + timedelta(
            microseconds=(moment.microsecond + grain // 2) // grain * grain
        )
    ordinal = moment.toordinal()
    day = ordinal - _UNIX
    if day <= 60:
        day -= 1
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    elapsed = (day - (_EPOCH_1904 if epoch1904 else 0)) * _DAY + seconds
    return Instant(
        moment.year, moment.month, moment.day, ordinal % 7,
        moment.hour, moment.minute, moment.second,
        moment.microsecond * 10**digits // 1_000_000, elapsed,
    )  # fmt: skip


def serial_of(moment: datetime | date | time, *, epoch1904: bool = False) -> float:
    """The number of days that a sheet keeps for a moment."""
    instant = instant_of_moment(moment, 6, epoch1904=epoch1904, timed=False)
    return (instant.seconds + instant.ticks / 1_000_000) / _DAY


def _clock(seconds: int) -> tuple[int, int, int]:
    return seconds // 3600, seconds // 60 % 60, seconds % 60


def _calendar(day: int) -> tuple[int, int, int]:
    if day == 0:
        return 1900, 1, 0
    if day == 60:
        return 1900, 2, 29
    found = date.fromordinal(_UNIX + day + (day < 60))
    return found.year, found.month, found.day
