"""The filters of templates: `number`, `date` and `format` (Excel's codes), and the guard of links."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any

from mailmerge_cli.display import show
from mailmerge_cli.model.cell import FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.render.fault import Misuse

_SPACES = " \u00a0\u2009\u202f"
_GROUPED = {
    ".": re.compile(rf"([+-]?)(\d{{1,3}}(?:([,{_SPACES}'])\d{{3}})(?:\3\d{{3}})*|\d+)(?:\.(\d+))?", re.ASCII),
    ",": re.compile(rf"([+-]?)(\d{{1,3}}(?:([.{_SPACES}'’])\d{{3}})(?:\3\d{{3}})*|\d+)(?:,(\d+))?", re.ASCII),
}
_YEAR_FIRST = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d{2})(\d{2}))(?:[T ]+(.+))?", re.ASCII
)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[T ]+(.+))?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?", re.ASCII)
_PRINTF = re.compile(r"%[-+#0]?\d*(?:\.\d+)?[sdifeEgGrxX]\b")
_SAFE_LINK = re.compile(r"(?:https?|mailto|tel|cid|sms):|[#/?]|[^:/?#]*(?:[/?#]|$)", re.IGNORECASE)


def number(value: Any, decimal: str = ".") -> Any:
    """A text such as `1,234.50` as a number that computes; a number as it is.

    Args:
        value: a cell. Thousands may be marked by comma, space or apostrophe, in threes; a blank is no number.
        decimal: the decimal mark, `.` or `,` (then thousands may be marked by a dot).
    """
    if isinstance(value, FaultCell):
        return +float(value)  # raises with the cell's reason
    if isinstance(value, (int, float)):
        return value
    pattern = _GROUPED.get(decimal)
    if pattern is None:
        raise Misuse(f"cannot be read: | number takes decimal='.' or ',', not {decimal!r}")
    text = str(value).strip(" \t\r\n" + _SPACES)
    match = pattern.fullmatch(text.replace("−", "-"))
    if match is None or not isinstance(value, str):
        raise Misuse("is blank, not a number" if not text else "is not a number", value)
    sign, whole, mark, fraction = match.groups()
    digits = sign + (whole.replace(mark, "") if mark else whole)
    return WholeCell(int(digits)) if fraction is None else RealCell(float(f"{digits}.{fraction}"))


def as_date(value: Any, code: str = "", order: str = "") -> Any:
    """A date cell, a text or a date as a date; with a format code as the text that Excel shows.

    Args:
        value: texts are read as `2026-11-30`, `2026/11/30`, `20261130`, `2026年11月30日` or `30.11.2026`, with or without a time.
        code: an Excel format code such as `yyyy-mm`; empty for a date that computes and prints as `yyyy-mm-dd`.
        order: `dmy` or `mdy`, for texts like `3/4/2026`.
    """
    if isinstance(value, FaultCell):
        float(value)
    moment = _moment(value, order)
    if code:
        return show(moment, code, epoch1904=getattr(value, "epoch1904", False))
    if not isinstance(moment, datetime) or isinstance(moment, MomentCell):
        return moment
    return MomentCell(moment, "yyyy-mm-dd" if moment.time() == time() else "yyyy-mm-dd hh:mm")


def as_format(value: Any, code: object = "", *others: object) -> str:
    """The text that Excel shows for a number, date or text under a format code such as `#,##0.00`."""
    if isinstance(value, str) and _PRINTF.search(value):
        raise Misuse(
            "is formatted the other way round: here the value stands first, and the code is Excel's: "
            '{{ x | format("0.00") }}, not {{ "%.2f" | format(x) }}',
            value,
        )
    if not isinstance(code, str) or not code or others:
        raise Misuse(
            'is formatted wrongly: | format takes one Excel code, such as | format("#,##0.00")', value
        )
    if isinstance(value, FaultCell):
        float(value)
    if isinstance(value, str) and "@" not in code:
        value = _computable(value, code)
    elif isinstance(value, date):
        value = _moment(value, "")
    return show(value, code, epoch1904=getattr(value, "epoch1904", False))


def _computable(text: str, code: str) -> Any:
    """A text cell (all cells of a CSV are such) as the number or date that the code is for."""
    try:
        return number(text)
    except Misuse:
        if not re.search(r"[ymdh]", code, re.IGNORECASE):
            raise Misuse("is blank, not a number" if not text.strip() else "is not a number", text) from None
        return _moment(text, "")


def _moment(value: Any, order: str) -> Any:
    """A moment without zone (the wall's time is kept), or a number of days as it is."""
    if isinstance(value, MomentCell):
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise Misuse("is not a date", value)
    moment = _read_moment(value.strip(" \t\r\n"), order)
    if moment is None:
        raise Misuse(
            "is blank, not a date" if not value.strip() else "is not a date that is plain (try order='dmy')",
            value,
        )
    return moment


def _read_moment(text: str, order: str) -> datetime | None:
    first, last = _YEAR_FIRST.fullmatch(text), _YEAR_LAST.fullmatch(text)
    if first is not None:
        year, _, a, b, c, d, e, f, clock = first.groups()
        month, day = a or c or e, b or d or f
    elif last is not None and (order or last[2] == "."):
        one, _, two, year, clock = last.groups()
        month, day = (one, two) if order == "mdy" else (two, one)
    else:
        return None
    hours = _CLOCK.fullmatch(clock.strip()) if clock else None
    if clock and hours is None:
        return None
    try:
        hour, minute, second = (int(part or 0) for part in hours.groups()) if hours else (0, 0, 0)
        return datetime(int(year), int(month), int(day), hour, minute, second)  # noqa: DTZ001  a cell has no zone
    except ValueError:
        return None


def link(value: Any) -> Any:
    """The guard of `href` and `src`: a value that begins an address may not be a script (`javascript:`, `data:`, …)."""
    text = str(value)
    if any(ord(char) <= 32 for char in text.strip(" \t\r\n")) or not _SAFE_LINK.match(text.strip(" \t\r\n")):
        raise Misuse("is not a link that may stand in a mail (http, https, mailto, tel)", value)
    return value
