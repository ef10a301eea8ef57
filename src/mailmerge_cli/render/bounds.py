"""How much a template may make: texts, numbers, loops and ranges are bounded, so that no template can eat the machine (T07).

What remains: a template may still take seconds of computing time, because no clock is watched; it is the sender's own
text, and the check before the first send shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

LONGEST_BODY = 10_000_000  # characters of a body, or of what a macro or block makes
LONGEST_TEXT = 1_000_000  # characters of a text that an operator or filter makes
MOST_TURNS = 100_000  # turns of all loops of one template together
LARGEST_BITS = 4096
_WIDE = re.compile(r"\d{6,}|\*")  # a field a million characters wide, or as wide as a value says
_NESTED = re.compile(r"\{[^{}]*\{")  # the same for str.format
_GROWING = frozenset({
    "center", "ljust", "rjust", "zfill", "expandtabs", "replace", "join", "to_bytes", "translate",
})  # fmt: skip


class TooMuch(OverflowError):
    """A template makes more than it may."""


def bounded_concat(pieces: Iterable[str]) -> str:
    """The pieces in one text; they are counted before they are joined."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size > LONGEST_BODY:
            raise TooMuch("text too long")
    return "".join(kept)


def bounded_range(*arguments: int) -> range:
    """`range`, at most as long as loops may turn."""
    numbers = range(*arguments)
    if len(numbers) > MOST_TURNS:
        raise TooMuch("range too long")
    return numbers


class Turns:
    """How many turns the loops of one template have left for one row."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_TURNS

    def count(self, values: Iterable[Any]) -> Iterator[Any]:
        """The same values, counted."""
        for value in values:
            self.left -= 1
            if self.left < 0:
                raise TooMuch("too many turns of a loop")
            yield value


def checked_operands(operator: str, left: Any, right: Any) -> None:
    """Refuse `*`, `**`, `%` and `+` whose result would be out of bounds."""
    if operator == "%":
        if isinstance(left, str):
            checked_filling(left, "%", right if isinstance(right, tuple) else (right,))
    elif isinstance(left, int) and isinstance(right, int):
        if _bits(operator, left, right) > LARGEST_BITS:
            raise TooMuch("number too big")
    elif _length(operator, left, right) > LONGEST_TEXT:
        raise TooMuch("text too long")


def _bits(operator: str, left: int, right: int) -> int:
    if operator == "**":
        return left.bit_length() * abs(right)
    return left.bit_length() + right.bit_length()


def _length(operator: str, left: Any, right: Any) -> int:
    """How long the text or list will be; 0 where it will be none."""
    if operator == "+":
        return len(left) + len(right) if _is_text(left) and _is_text(right) else 0
    if _is_text(left) and isinstance(right, int):
        return len(left) * right
    return len(right) * left if _is_text(right) and isinstance(left, int) else 0


def checked_call(function: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse a method of a text that would make one out of bounds."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    if name in _GROWING and isinstance(owner, (str, bytes, int)):
        checked_growth(owner, *arguments)


def checked_filling(pattern: str, mark: str, values: Iterable[Any]) -> None:
    """Refuse to fill values into a pattern (`%s` or `{}`) where a field is too wide or all of them are too long."""
    if _WIDE.search(pattern) or (mark == "{" and _NESTED.search(pattern)):
        raise TooMuch("field too wide")
    if pattern.count(mark) * max(map(weight, values), default=1) > LONGEST_BODY:
        raise TooMuch("text too long")


def checked_growth(*operands: Any) -> None:
    """Refuse operands the product of whose sizes is out of bounds."""
    product = 1
    for operand in operands:
        product *= max(1, weight(operand))
    if product > LONGEST_TEXT:
        raise TooMuch("text too long")


def weight(value: Any) -> int:
    """The length of a text, of the texts of a list, or the size of a whole number."""
    if isinstance(value, list | tuple):
        return sum(len(part) if isinstance(part, str) else 1 for part in value)
    if _is_text(value):
        return len(value)
    return abs(int(value)) if isinstance(value, int) else 1


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes, list, tuple))
