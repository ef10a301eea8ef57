"""Sections that show a fraction: `# ?/?`, `# ??/??`, `# ?/8`, `?/?`."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from mailmerge_cli.display.figures import decimals, whole
from mailmerge_cli.display.tokens import BrokenCode, Kind, Token

_NOISE = 1e-9
"""What is left of a fraction below this is the fault of binary arithmetic."""


def is_fraction(tokens: list[Token]) -> bool:
    """Whether a slash stands between two placeholders, so that it is no literal."""
    return _slash(tokens) is not None


class FractionLook:
    """A whole number, a numerator and a denominator; the whole number may be missing.

    Args:
        tokens: a section's tokens, for which `is_fraction` holds.
    """

    def __init__(self, tokens: list[Token]) -> None:
        slash = _slash(tokens)
        assert slash is not None
        if any(token.kind in {Kind.POINT, Kind.EXPONENT, Kind.GENERAL} for token in tokens):
            raise BrokenCode("a fraction and decimals in one section")
        start, end = slash, slash + 1
        while start and tokens[start - 1].kind is Kind.DIGIT:
            start -= 1
        while end < len(tokens) and tokens[end].kind in {Kind.DIGIT, Kind.FIGURE}:
            end += 1
        self._numerator = "".join(token.text for token in tokens[start:slash])
        below = "".join(token.text for token in tokens[slash + 1 : end])
        self._denominator = below
        self._fixed = int(below) if below.isdigit() and below.strip("0") else 0
        self._tail = "".join(token.text for token in tokens[end:])
        self._head, self._whole, self._gap = _whole_part(tokens[:start])

    def show(self, number: Decimal, negative: bool) -> str:
        """The text for a number that is not below zero; with a minus if it was."""
        units = int(number) if self._whole else 0
        ratio = self._nearest(number - units)
        if self._whole and ratio[0] == ratio[1]:
            units, ratio = units + 1, (0, ratio[1])
        shown = bool(units) or "0" in self._whole
        text = whole(self._whole, str(units) if units else "")
        if ratio[0] or not self._whole or "0" in self._numerator:
            # Words between the whole number and the fraction (`# "and" ?/?`) stand only between two of them.
            text += (self._gap if shown else "") + self._pair(*ratio)
        elif not shown:
            text = "0"
        # Unlike decimals, a fraction that rounding made zero keeps its minus: SheetJS and numfmt agree on it.
        # The blanks that line fractions up in a column have no use at the ends.
        return ("-" if negative else "") + self._head + text.strip(" ") + self._tail

    def _nearest(self, rest: Decimal) -> tuple[int, int]:
        if self._fixed:
            return int((rest * self._fixed).quantize(Decimal(1), ROUND_HALF_UP)), self._fixed
        return _convergent(float(rest), 10 ** len(self._denominator) - 1)

    def _pair(self, above: int, below: int) -> str:
        figures = str(below)
        lack = len(self._denominator) - len(figures)
        # A denominator begins at the slash, so its blanks stand behind it; with zeros it is a whole number like any other.
        if self._fixed or "0" in self._denominator:
            under = figures if self._fixed else whole(self._denominator, figures)
        else:
            under = figures + decimals(self._denominator[-lack:] if lack > 0 else "", "0" * max(0, lack))
        return whole(self._numerator, str(above) if above else "0") + "/" + under


def _convergent(value: float, largest: int) -> tuple[int, int]:
    """The last convergent of the continued fraction whose denominator is small enough.

    Excel takes that one, though another fraction may lie nearer: π under `# ??/??` is 3 1/7, not 3 14/99. It reckons with
    binary fractions, and so does this: 0.99 is 98/99.
    """
    above, below = (0, 1), (1, 0)
    while True:
        part = int(value)
        above = above[1], part * above[1] + above[0]
        below = below[1], part * below[1] + below[0]
        if below[1] > largest:
            return above[0], below[0]
        if value - part < _NOISE:
            return above[1], below[1]
        value = 1 / (value - part)


def _slash(tokens: list[Token]) -> int | None:
    """Where the fraction's slash stands."""
    for at in range(1, len(tokens) - 1):
        if (
            tokens[at].kind is Kind.SLASH
            and tokens[at - 1].kind is Kind.DIGIT
            and tokens[at + 1].kind in {Kind.DIGIT, Kind.FIGURE}
        ):
            return at
    return None


def _whole_part(tokens: list[Token]) -> tuple[str, str, str]:
    """What stands before the numerator: literals, the places of the whole number, the gap."""
    places = [at for at, token in enumerate(tokens) if token.kind is Kind.DIGIT]
    if not places:
        return "".join(token.text for token in tokens), "", ""
    head = "".join(token.text for token in tokens[: places[0]])
    gap = "".join(token.text for token in tokens[places[-1] + 1 :])
    return head, "".join(tokens[at].text for at in places), gap
