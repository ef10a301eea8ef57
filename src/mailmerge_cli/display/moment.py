"""Sections that show a date, a time of day or elapsed time."""

from __future__ import annotations

from collections.abc import Callable

from mailmerge_cli.display.era import era_of
from mailmerge_cli.display.instant import Instant
from mailmerge_cli.display.names import JAPAN, TAIWAN, names_of
from mailmerge_cli.display.numerals import figure_by_figure, positional
from mailmerge_cli.display.tokens import BrokenCode, Kind, Section, Token

Part = Callable[[Instant], str]

_DATE = frozenset("ydegbar")
_HALVES = {
    "上午/下午": ("上午", "下午"), "下午/上午": ("上午", "下午"), "午前/午後": ("午前", "午後"), "오전/오후": ("오전", "오후"),
}  # fmt: skip


class MomentLook:
    """A compiled section for moments.

    Attributes:
        digits: decimals of a second that are shown.
        dated: a part of a date is shown.
        timed: a time of day or elapsed time is shown.
        span: elapsed time is shown, and no date.
    """

    def __init__(self, section: Section) -> None:
        self._section = section
        tokens, self.digits = _with_ticks(section.tokens)
        tokens = _with_minutes(tokens)
        letters = {token.text[0] for token in tokens if token.kind is Kind.MOMENT}
        elapsed = any(token.kind is Kind.ELAPSED for token in tokens)
        self.dated = bool(letters & _DATE) or "m" in letters
        self.timed = elapsed or bool(letters & set("hst'")) or any(t.kind is Kind.HALF_DAY for t in tokens)
        self.span = elapsed and not self.dated
        self._half_day = any(token.kind is Kind.HALF_DAY for token in tokens)
        self._eras = "g" in letters or "r" in letters or section.language in {JAPAN, TAIWAN}
        self._names = names_of(section.language)
        self._parts: list[str | Part] = [self._part(token) for token in tokens]

    def show(self, instant: Instant) -> str:
        """The text for a moment."""
        text = "".join([part if isinstance(part, str) else part(instant) for part in self._parts])
        return "-" + text if instant.negative else text

    def _part(self, token: Token) -> str | Part:
        if token.kind is Kind.MOMENT:
            return self._moment(token.text)
        if token.kind is Kind.ELAPSED:
            return _elapsed(token.text)
        if token.kind is Kind.HALF_DAY:
            return self._half(token.text)
        if token.kind is Kind.DIGIT:
            raise BrokenCode("a placeholder in a date")
        return token.text

    def _moment(self, letters: str) -> Part:
        match letters[0]:
            case "y":
                return self._years(letters)
            case "e" | "g" | "r":
                return self._eras_part(letters)
            case "b":
                return (
                    (lambda i: f"{(i.year + 543) % 100:02d}")
                    if letters == "bb"
                    else (lambda i: str(i.year + 543))
                )
            case "m":
                return self._months(letters)
            case "d" | "a":
                return self._days(letters)
            case "t":
                return lambda i, width=self.digits: "." + f"{i.ticks:0{width}d}"  # type: ignore[misc]
            case _:
                return self._clock(letters)

    def _years(self, letters: str) -> Part:
        if len(letters) < 3:
            return self._figures(lambda i: f"{i.year % 100:02d}")
        return self._figures(lambda i: f"{i.year:04d}")

    def _months(self, letters: str) -> Part:
        names = self._names
        match len(letters):
            case 1 | 2:
                return self._number(lambda i: i.month, len(letters))
            case 3:
                return lambda i: names.months_short[i.month - 1]
            case 5:
                return lambda i: names.months[i.month - 1][0]
            case _:
                return lambda i: names.months[i.month - 1]

    def _days(self, letters: str) -> Part:
        names = self._names
        if letters == "aaa" and names.days_bare:
            return lambda i: names.days_bare[i.weekday]
        match len(letters):
            case 1 | 2:
                return self._number(lambda i: i.day, len(letters))
            case 3:
                return lambda i: names.days_short[i.weekday]
            case _:
                return lambda i: names.days[i.weekday]

    def _clock(self, letters: str) -> Part:
        width = min(len(letters), 2)
        if letters[0] == "h" and self._half_day:
            return self._number(lambda i: (i.hour + 11) % 12 + 1, width)
        if letters[0] == "h":
            return self._number(lambda i: i.hour, width)
        if letters[0] == "s":
            return self._number(lambda i: i.second, width)
        return self._number(lambda i: i.minute, width)

    def _eras_part(self, letters: str) -> Part:
        """`g`, `gg`, `ggg` an era's name; `e`, `ee` the year in it; `r` and `rr` both. Without an era, `e` is the year."""
        if not self._eras:
            return self._years("yyyy")
        taiwan = self._section.language == TAIWAN
        if letters[0] == "g":
            return lambda i: era_of(i.year, i.month, i.day, taiwan).name(len(letters))
        width = min(len(letters), 2)
        year = self._number(lambda i: era_of(i.year, i.month, i.day, taiwan).year, width)
        if letters[0] == "e":
            return year
        return lambda i: era_of(i.year, i.month, i.day, taiwan).name(3 if width == 2 else 1) + year(i)

    def _half(self, letters: str) -> Part:
        if letters.upper() == "A/P":
            before, after = letters[0], letters[2]
        else:
            before, after = _HALVES.get(letters, self._names.halves)
        return lambda i: before if i.hour < 12 else after

    def _number(self, value: Callable[[Instant], int], width: int) -> Part:
        """A day, month, hour, …; in East Asian numerals with its tens written out."""
        numerals, language = self._section.numerals, self._section.language
        if numerals in {1, 2}:
            return lambda i: positional(str(value(i)), numerals, language, short_ten=True)
        return self._figures((lambda i: f"{value(i):02d}") if width == 2 else (lambda i: str(value(i))))

    def _figures(self, part: Part) -> Part:
        """A year; in East Asian numerals figure by figure."""
        numerals, language = self._section.numerals, self._section.language
        return (lambda i: figure_by_figure(part(i), numerals, language)) if numerals else part


def _elapsed(letters: str) -> Part:
    width = len(letters)
    size = {"h": 3600, "m": 60, "s": 1}[letters[0]]
    return lambda i: f"{i.seconds // size:0{width}d}"


def _with_ticks(tokens: list[Token]) -> tuple[list[Token], int]:
    """Decimals behind seconds made one token, `t`; and how many there are."""
    found: list[Token] = []
    digits = 0
    for at, token in enumerate(tokens):
        behind = found[-1] if found else Token(Kind.LITERAL, "")
        if token.kind is Kind.POINT and _is_seconds(behind) and _zeros(tokens, at + 1):
            digits = max(digits, _zeros(tokens, at + 1))
            found.append(Token(Kind.MOMENT, "t"))
        elif not (token.text == "0" and token.kind is Kind.DIGIT and behind.text == "t"):
            found.append(token)
    return found, digits


def _is_seconds(token: Token) -> bool:
    return token.kind in {Kind.MOMENT, Kind.ELAPSED} and token.text[0] == "s"


def _zeros(tokens: list[Token], start: int) -> int:
    """How many zeros stand there."""
    end = start
    while end < len(tokens) and tokens[end] == Token(Kind.DIGIT, "0"):
        end += 1
    return end - start


def _with_minutes(tokens: list[Token]) -> list[Token]:
    """`m` and `mm` become minutes, written `'`, right behind hours or right before seconds."""
    found = list(tokens)
    clock = [
        at
        for at, token in enumerate(tokens)
        if token.kind in {Kind.MOMENT, Kind.ELAPSED} and token.text != "t"
    ]
    for place, at in enumerate(clock):
        text = tokens[at].text
        if tokens[at].kind is Kind.ELAPSED or text not in {"m", "mm"}:
            continue
        before = tokens[clock[place - 1]].text[0] if place else ""
        after = tokens[clock[place + 1]].text[0] if place + 1 < len(clock) else ""
        if before == "h" or after == "s":
            found[at] = Token(Kind.MOMENT, "'" * len(text))
    return found
