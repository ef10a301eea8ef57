"""The format `General`: as many figures as fit into eleven places, else scientific."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

WIDE = Context(prec=400, rounding=ROUND_HALF_UP)
"""Rounds as Excel does and holds every figure of every float."""

_PLACES = 11


def decimal_of(value: float) -> Decimal:
    """The number that Excel means: fifteen significant figures, the rest is noise of the binary form.

    OverflowError or ValueError for what no sheet holds.
    """
    if isinstance(value, int) and -(10**15) < value < 10**15:
        return Decimal(int(value))
    number = Decimal(f"{float(value):.15g}")
    if not number.is_finite():
        raise ValueError("not a finite number")
    return number


def general(value: float) -> str:
    """A number as a cell without a format of its own shows it."""
    if isinstance(value, int) and -(10**_PLACES) < value < 10**_PLACES:
        return int.__repr__(value)
    number = decimal_of(value)
    size = number.adjusted()
    if size < -4:
        plain = format(number.copy_abs(), "f")
        text = plain if len(plain) <= _PLACES else ""
    elif size < _PLACES:
        text = _fitted(number.copy_abs(), max(0, _PLACES - 2 - max(size, 0)))
    else:
        text = ""
    sign = "-" if number.is_signed() and number else ""
    return sign + (text or _scientific(number.copy_abs()))


def _fitted(number: Decimal, places: int) -> str:
    """Rounded to `places` decimals without trailing zeros; empty if rounding made it too wide."""
    text = format(WIDE.quantize(number, Decimal(1).scaleb(-places)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if len(text) <= _PLACES else ""


def _scientific(number: Decimal) -> str:
    """Six figures and an exponent of at least two."""
    if not number:
        return "0"
    digits = f"{Context(prec=6, rounding=ROUND_HALF_UP).plus(number):.5E}"
    mantissa, _, exponent = digits.partition("E")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}E{exponent[0]}{exponent[1:].zfill(2)}"
