"""A value and its number format code become the text that Excel shows.

Rule: it never raises. What the code cannot show (a broken code, a date before 1900) looks as under `General`: Excel fills
such a cell with `####`, which helps nobody in a letter.
"""

from __future__ import annotations

from datetime import date, datetime, time

from mailmerge_cli.display.code import Branch, Code, Measure, compile_code
from mailmerge_cli.display.general import decimal_of, general
from mailmerge_cli.display.instant import instant_of_moment, instant_of_serial, serial_of
from mailmerge_cli.display.moment import MomentLook

Value = int | float | str | datetime | date | time

_MOMENTS = (date, time)

TRUTH = "BOOLEAN"
"""The code of a truth value; Excel gives those no format of their own."""


def show(value: Value, code: str, *, epoch1904: bool = False) -> str:
    """The text that Excel shows.

    Args:
        value: a number, a truth value, a text, or a moment. Under a date code a number is days since the epoch.
        code: a number format as the workbook writes it, such as `#,##0.00;[Red]-#,##0.00`; or `BOOLEAN`.
        epoch1904: the workbook counts days from 1904-01-01.
    """
    if isinstance(value, str):
        compiled = compile_code(code)
        return compiled.show_text(value) if compiled else str.__str__(value)
    if isinstance(value, bool) or code == TRUTH:
        return "TRUE" if value else "FALSE"
    try:
        if isinstance(value, _MOMENTS):
            return _show_moment(value, compile_code(code), epoch1904)
        return _show_number(value, compile_code(code), epoch1904)
    except (ArithmeticError, ValueError):
        return _plain(value)


def _show_number(value: float, compiled: Code | None, epoch1904: bool) -> str:
    # A cell is a number that formats itself by calling here.
    value = int(value) if isinstance(value, int) else float(value)
    if compiled is None or compiled.general:
        return general(value)
    branch = compiled.branch(value)
    if branch.look is None:
        return general(value)
    if isinstance(branch.look, MomentLook):
        return _show_serial(value, branch, branch.look, epoch1904)
    return branch.look.show(decimal_of(value).copy_abs(), value < 0 and branch.signed)


def _show_serial(value: float, branch: Branch, look: MomentLook, epoch1904: bool) -> str:
    if not branch.signed:
        value = abs(value)
    return look.show(
        instant_of_serial(value, look.digits, epoch1904=epoch1904, timed=look.timed, span=look.span)
    )


def _show_moment(value: datetime | date | time, compiled: Code | None, epoch1904: bool) -> str:
    if compiled is None or compiled.measure in {Measure.NUMBER, Measure.TEXT}:
        if compiled is None or _is_general(compiled):
            return _plain(value)
        return _show_number(serial_of(value, epoch1904=epoch1904), compiled, epoch1904)
    look = compiled.branches[0].look
    if len(compiled.branches) > 1:
        serial = serial_of(value, epoch1904=epoch1904)
        look = compiled.branch(serial).look
        if not isinstance(look, MomentLook):
            return _show_number(serial, compiled, epoch1904)
    assert isinstance(look, MomentLook)
    return look.show(instant_of_moment(value, look.digits, epoch1904=epoch1904, timed=look.timed))


def _is_general(compiled: Code) -> bool:
    return compiled is compile_code("General") or compiled.measure is Measure.TEXT


def _plain(value: float | datetime | date | time) -> str:
    """Without any format: a moment as ISO 8601 writes it, a number as `General`."""
    if isinstance(value, datetime):
        text = datetime.isoformat(value, sep=" ")
        return text.removesuffix(" 00:00:00")
    if isinstance(value, date | time):
        return value.isoformat()
    try:
        return general(int(value) if isinstance(value, int) else float(value))
    except (ArithmeticError, ValueError):
        return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)
