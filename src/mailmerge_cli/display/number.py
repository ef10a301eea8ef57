"""Sections that show a number: plain, percent, thousands, scientific, `General`, or no figure at all.

Rule 1: a look is given the number without its sign, and told whether it is to show one.
Rule 2: a minus stands in front of the whole, and not before a zero that rounding made.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from mailmerge_cli.display.figures import decimals, whole
from mailmerge_cli.display.general import WIDE, general
from mailmerge_cli.display.numerals import figure_by_figure, positional
from mailmerge_cli.display.tokens import Kind, Section, Token

_LITERAL = {Kind.LITERAL, Kind.FIGURE, Kind.PERCENT, Kind.PAD, Kind.SLASH}


class NumberLook(Protocol):
    """A compiled section for numbers."""

    def show(self, number: Decimal, negative: bool) -> str:
        """The text for a number that is not below zero; with a minus if it was."""
        ...


@dataclass(slots=True)
class _Layout:
    """The pieces of a decimal section in order: literals, and one slot a placeholder."""

    before: list[Token]  # up to the point
    after: list[Token]  # behind it
    exponent: list[Token]  # E+ and what follows
    point: bool
    grouped: bool
    shift: int  # by how many powers of ten the value is moved before it is shown


def number_look(section: Section) -> NumberLook:
    """The look of a section that has no date, no fraction and no text mark in it."""
    kinds = {token.kind for token in section.tokens}
    if Kind.GENERAL in kinds:
        return _General(section)
    if not kinds & {Kind.DIGIT, Kind.POINT}:
        return _Wording("".join(token.text for token in section.tokens if token.kind in _LITERAL))
    layout = _laid_out(section.tokens)
    if layout.exponent:
        return _Scientific(layout)
    if _contiguous(layout):
        return _Plain(layout, section)
    return _Interleaved(layout, section)


class _Wording:
    """A section without figures, such as `"none"`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def show(self, number: Decimal, negative: bool) -> str:
        del number
        return "-" + self._text if negative else self._text


class _General:
    """`General` with literals around it."""

    def __init__(self, section: Section) -> None:
        tokens = section.tokens
        place = next(at for at, token in enumerate(tokens) if token.kind is Kind.GENERAL)
        self._head = "".join(token.text for token in tokens[:place])
        self._tail = "".join(token.text for token in tokens[place + 1 :])
        self._numerals, self._language = section.numerals, section.language

    def show(self, number: Decimal, negative: bool) -> str:
        text = general(int(number) if number == number.to_integral_value() else float(number))
        if self._numerals:
            text = positional(text, self._numerals, self._language)
        return ("-" if negative else "") + self._head + text + self._tail


class _Plain:
    """Placeholders without literals between them: nearly every number format there is."""

    def __init__(self, layout: _Layout, section: Section) -> None:
        self._whole = _places(layout.before)
        self._decimals = _places(layout.after)
        self._step = Decimal(1).scaleb(-len(self._decimals))
        self._point = "." if layout.point else ""
        self._grouped, self._shift = layout.grouped, layout.shift
        self._head = _text_until_digit(layout.before)
        self._tail = _text_behind_digits(layout.after if layout.point else layout.before)
        self._trim = "?" in self._whole + self._decimals
        self._numerals, self._language = section.numerals, section.language
        # `0`, `0.00`, `#,##0.00`: as Python writes a decimal number.
        usual = self._whole.lstrip("#") == "0" and not self._decimals.strip("0") and not self._numerals
        self._usual = (
            (",f" if self._grouped else "f") if usual and layout.point == bool(self._decimals) else ""
        )

    def show(self, number: Decimal, negative: bool) -> str:
        if self._shift:
            number = number.scaleb(self._shift, WIDE)
        number = WIDE.quantize(number, self._step)
        if self._usual:
            text = self._head + format(number, self._usual) + self._tail
            return "-" + text if negative and number else text
        figures, _, rest = f"{number:f}".partition(".")
        text = whole(self._whole, "" if figures == "0" else figures, self._grouped) + self._point
        if rest:
            text += decimals(self._decimals, rest)
        if self._numerals:
            text = figure_by_figure(text, self._numerals, self._language)
        text = self._head + text + self._tail
        if self._trim:
            text = text.strip(" ")
        return "-" + text if negative and number else text


class _Interleaved:
    """Literals stand between the placeholders: `000-00-0000`."""

    def __init__(self, layout: _Layout, section: Section) -> None:
        self._layout = layout
        self._whole, self._decimals = _places(layout.before), _places(layout.after)
        self._step = Decimal(1).scaleb(-len(self._decimals))
        self._numerals, self._language = section.numerals, section.language

    def show(self, number: Decimal, negative: bool) -> str:
        layout = self._layout
        number = WIDE.quantize(number.scaleb(layout.shift, WIDE), self._step)
        figures, _, rest = f"{number:f}".partition(".")
        # Each placeholder takes its figure together with the comma behind it.
        dealt = _dealt(self._whole, "" if figures == "0" else figures, layout.grouped)
        text = _woven(layout.before, dealt) + ("." if layout.point else "")
        # A place of the decimals that shows nothing can only stand at their end, so dealing from the left is right.
        shown = decimals(self._decimals, rest)
        text += _woven(layout.after, [*shown, *[""] * (len(self._decimals) - len(shown))])
        if self._numerals:
            text = figure_by_figure(text, self._numerals, self._language)
        if "?" in self._whole + self._decimals:
            text = text.strip(" ")
        elif layout.before and layout.before[0].kind is Kind.DIGIT:
            text = text.lstrip(" ")  # a small number under `# ##0`
        return "-" + text if negative and number else text


class _Scientific:
    """A mantissa and a power of ten; several places before the point make the power a multiple of their number."""

    def __init__(self, layout: _Layout) -> None:
        self._whole, self._decimals = _places(layout.before), _places(layout.after)
        self._exponent = _places(layout.exponent)
        self._step = Decimal(1).scaleb(-len(self._decimals))
        self._shift = layout.shift
        self._grouped = layout.grouped
        self._signed = layout.exponent[0].text[1] == "+"
        self._letter = layout.exponent[0].text[0]
        self._point = "." if layout.point else ""
        self._head = _text_until_digit(layout.before)
        self._tail = _text_behind_digits(layout.exponent[1:])

    def show(self, number: Decimal, negative: bool) -> str:
        number = number.scaleb(self._shift, WIDE)
        every = max(1, len(self._whole))
        power = number.adjusted() // every * every if number else 0
        mantissa = WIDE.quantize(number.scaleb(-power, WIDE), self._step)
        if mantissa.adjusted() >= every and mantissa:
            power += every
            mantissa = WIDE.quantize(number.scaleb(-power, WIDE), self._step)
        figures, _, rest = f"{mantissa:f}".partition(".")
        text = whole(self._whole, figures, self._grouped) + self._point
        text += decimals(self._decimals, rest) if rest else ""
        sign = "-" if power < 0 else "+" if self._signed else ""
        text += self._letter + sign + whole(self._exponent, str(abs(power)) if power else "")
        return ("-" if negative and mantissa else "") + self._head + text + self._tail


def _laid_out(tokens: list[Token]) -> _Layout:
    """Tokens parted at the point and at the exponent; commas and percent signs understood."""
    layout = _Layout([], [], [], point=False, grouped=False, shift=0)
    part = layout.before
    commas = 0
    for token in tokens:
        if token.kind is Kind.COMMA:
            commas += 1
            continue
        if token.kind is Kind.DIGIT and commas:
            # Between two places a comma asks for thousands, behind the last one it divides by a thousand.
            layout.grouped = layout.grouped or _has_digit(layout.before)
            commas = 0
        if token.kind is Kind.POINT and part is layout.before:
            layout.shift -= 3 * commas
            commas = 0
            layout.point = True
            part = layout.after
        elif token.kind is Kind.EXPONENT and part is not layout.exponent:
            part = layout.exponent
            part.append(token)
        else:
            part.append(token)
            layout.shift += 2 * (token.kind is Kind.PERCENT)
    layout.shift -= 3 * commas
    return layout


def _places(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens if token.kind is Kind.DIGIT)


def _has_digit(tokens: list[Token]) -> bool:
    return any(token.kind is Kind.DIGIT for token in tokens)


def _contiguous(layout: _Layout) -> bool:
    """Whether no literal stands between the placeholders, nor between them and the point."""
    before = [token.kind is Kind.DIGIT for token in layout.before]
    after = [token.kind is Kind.DIGIT for token in layout.after]
    # Once a placeholder came, only placeholders may follow up to the point; the decimals start right behind it.
    if layout.point:
        return before == sorted(before) and after == sorted(after, reverse=True)
    first = before.index(True)
    return before[first:] == sorted(before[first:], reverse=True)


def _text_until_digit(tokens: list[Token]) -> str:
    text = ""
    for token in tokens:
        if token.kind is Kind.DIGIT:
            break
        text += token.text
    return text


def _text_behind_digits(tokens: list[Token]) -> str:
    text = ""
    for token in tokens:
        text = "" if token.kind is Kind.DIGIT else text + token.text
    return text


def _dealt(places: str, figures: str, grouped: bool) -> list[str]:
    """What each placeholder of a whole number shows, its comma included; the first takes all figures too many."""
    zeros = places.find("0") if "0" in places else len(places)
    shown: list[str] = []
    for behind, place in enumerate(reversed(places)):
        if behind < len(figures):
            shown.append(_marked(figures[-1 - behind], behind, grouped))
        elif len(places) - 1 - behind >= zeros:
            shown.append(_marked("0", behind, grouped))
        else:
            shown.append(" " if place == "?" else "")
    shown.reverse()
    more = figures[: -len(places)] if places else figures
    extra = "".join(_marked(figure, len(figures) - 1 - at, grouped) for at, figure in enumerate(more))
    return [extra + shown[0], *shown[1:]] if shown else [extra]


def _marked(figure: str, behind: int, grouped: bool) -> str:
    """A figure with the thousands comma that follows it; `behind` is how many figures come after it."""
    return figure + "," if grouped and behind and behind % 3 == 0 else figure


def _woven(tokens: list[Token], figures: list[str]) -> str:
    """Literals as they are, each placeholder replaced by its figure."""
    supply = iter(figures)
    return "".join(next(supply, "") if token.kind is Kind.DIGIT else token.text for token in tokens)
