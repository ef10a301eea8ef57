"""A compiled number format: which of its sections a value falls into, and what it measures."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from mailmerge_cli.display.builtin import american
from mailmerge_cli.display.fraction import FractionLook, is_fraction
from mailmerge_cli.display.moment import MomentLook
from mailmerge_cli.display.number import NumberLook, number_look
from mailmerge_cli.display.tokens import BrokenCode, Kind, Section, Token, cut

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
_MOMENTS = {Kind.MOMENT, Kind.ELAPSED, Kind.HALF_DAY}
_SIGNS: dict[int, tuple[tuple[str, float], ...]] = {1: (), 2: ((">=", 0.0),), 3: ((">", 0.0), ("<", 0.0))}


class Measure(StrEnum):
    """What the numbers under a code are meant to be."""

    NUMBER = "number"
    DATE = "date"  # with or without a time of day
    TIME = "time"  # a time of day alone
    ELAPSED = "elapsed"  # a span, `[h]:mm`
    TEXT = "text"  # `@`


@dataclass(frozen=True, slots=True)
class Branch:
    """A section for numbers: when it counts, and how it looks.

    Attributes:
        compare, limit: its condition; without one it takes all that came so far.
        look: None for a section `@`, which shows numbers as `General` does.
        signed: a number below zero keeps its minus; not where the section is for such numbers alone.
    """

    compare: Callable[[float, float], bool] | None
    limit: float
    look: NumberLook | MomentLook | None
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Code:
    """A code, ready for use.

    Attributes:
        branches: at least one; the last takes what the others left.
        text: what stands before and behind a text; None: a text shows as it is.
        measure: see there; by the first section.
        general: nothing but `General`.
    """

    branches: tuple[Branch, ...]
    text: tuple[str, ...] | None
    measure: Measure
    general: bool = False

    def branch(self, value: float) -> Branch:
        """The section that a number falls into."""
        for branch in self.branches:
            if branch.compare is None or branch.compare(value, branch.limit):
                return branch
        return self.branches[-1]

    def show_text(self, value: str) -> str:
        """A text in its section."""
        return value if self.text is None else value.join(self.text)


@lru_cache(maxsize=1024)
def compile_code(code: str) -> Code | None:
    """A code, compiled once; None if it is none that Excel would take."""
    try:
        # A book may hold an empty code, which nobody can type into Excel; nothing at all in place of an amount helps nobody.
        return _compiled(cut(american(code) or "General"))
    except BrokenCode:
        return None


@lru_cache(maxsize=1024)
def measures(code: str) -> Measure:
    """What the numbers under a code are; NUMBER for a broken code."""
    compiled = compile_code(code)
    return compiled.measure if compiled else Measure.NUMBER


@lru_cache(maxsize=1024)
def rewords(code: str) -> bool:
    """Whether a text under the code may show otherwise than it is: `"Dear "@`, or `;;;`, which hides it."""
    compiled = compile_code(code)
    return compiled is not None and compiled.text not in {None, ("", "")}


def _compiled(sections: list[Section]) -> Code:
    text: tuple[str, ...] | None = None
    if len(sections) == 4 or any(token.kind is Kind.TEXT for token in sections[-1].tokens):
        text = _around_text(_trimmed(sections[-1]))
        sections = sections[:-1] if len(sections) > 1 else sections
    looks = [_look(_trimmed(section)) for section in sections]
    conditions = _conditions(sections)
    branches = []
    for at, look in enumerate(looks):
        compare, limit = conditions[at] if at < len(conditions) else (None, 0.0)
        signed = _meets_positive(at, conditions) or len(looks) == 1
        branches.append(Branch(compare, limit, look, signed))
    general = [token.kind for token in sections[0].tokens] == [Kind.GENERAL] and not sections[0].numerals
    return Code(tuple(branches), text, _measure(looks[0]), general and len(sections) == 1)


def _conditions(sections: list[Section]) -> list[tuple[Callable[[float, float], bool], float]]:
    """The conditions of all sections but the last, which takes the rest."""
    count = len(sections)
    given = [section.condition for section in sections]
    if not any(given):
        found = list(_SIGNS[count])
    else:
        # Where only the first has a condition, the second takes the rest (SheetJS and numfmt agree on it).
        found = []
        for at in range(count - 1):
            condition = given[at] or ((">", 0.0) if at == 0 else None)
            if condition is None:
                break
            found.append(condition)
    return [(_COMPARE[sign], limit) for sign, limit in found]


def _meets_positive(section: int, conditions: list[tuple[Callable[[float, float], bool], float]]) -> bool:
    """Whether any number above zero falls into a section; tried on both sides of every limit."""
    limits = sorted({0.0, *(limit for _, limit in conditions)})
    between = [(low + high) / 2 for low, high in pairwise(limits)]
    for value in [*limits, *between, limits[-1] + 1]:
        if value > 0:
            chosen = next(
                (at for at, (compare, limit) in enumerate(conditions) if compare(value, limit)),
                len(conditions),
            )
            if chosen == section:
                return True
    return False


def _trimmed(section: Section) -> Section:
    """Without the padding at both ends, which lines figures up in a column and means nothing in a sentence."""
    tokens = section.tokens
    while tokens and _is_blank(tokens[0]):
        tokens = tokens[1:]
    while tokens and _is_blank(tokens[-1]):
        tokens = tokens[:-1]
    return Section(tokens, section.condition, section.language, section.numerals)


def _is_blank(token: Token) -> bool:
    """Padding, or the blank that Excel writes for it: its own formats for China end in a blank behind a backslash."""
    return token.kind is Kind.PAD or (token.kind is Kind.LITERAL and token.text == " ")


def _look(section: Section) -> NumberLook | MomentLook | None:
    kinds = {token.kind for token in section.tokens}
    if kinds & _MOMENTS:
        if kinds & {Kind.GENERAL, Kind.TEXT, Kind.EXPONENT}:
            raise BrokenCode("a date and something else in one section")
        return MomentLook(section)
    if Kind.TEXT in kinds:
        return None
    if is_fraction(section.tokens):
        return FractionLook(section.tokens)
    return number_look(section)


def _around_text(section: Section) -> tuple[str, ...]:
    """The literals between the text marks; a text joins them."""
    pieces = [""]
    for token in section.tokens:
        if token.kind is Kind.TEXT:
            pieces.append("")
        else:
            pieces[-1] += token.text
    return tuple(pieces)


def _measure(look: NumberLook | MomentLook | None) -> Measure:
    if look is None:
        return Measure.TEXT
    if not isinstance(look, MomentLook):
        return Measure.NUMBER
    if look.dated:
        return Measure.DATE
    return Measure.ELAPSED if look.span else Measure.TIME
