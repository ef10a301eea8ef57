"""How much a template may make: texts, numbers, loops and ranges are bounded, so that no template can eat the machine (T07).

What remains: a template may still take seconds of computing time, because no clock is watched; it is the sender's own
text, and the check before the first send shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

LONGEST_TEXT = 10_000_000  # characters of one body or any text on the way to it
MOST_TURNS = 100_000  # turns of all loops of one template together
LARGEST_BITS = 4096
_WIDE = re.compile(r"\d{6,}|\*")
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
        if size > LONGEST_TEXT:
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
    if operator == "**":
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > LARGEST_BITS:
            raise TooMuch("number too big")
    elif operator == "*":
        if weight(left, text_only=True) * abs(
            right if isinstance(right, int) else 1
        ) > LONGEST_TEXT and _is_text(left):
            raise TooMuch("text too long")
        if weight(right, text_only=True) * abs(
            left if isinstance(left, int) else 1
        ) > LONGEST_TEXT and _is_text(right):
            raise TooMuch("text too long")
        if (
            isinstance(left, int)
            and isinstance(right, int)
            and left.bit_length() + right.bit_length() > LARGEST_BITS
        ):
            raise TooMuch("number too big")
    elif operator == "%":
        if isinstance(left, str) and _WIDE.search(left):
            raise TooMuch("field too wide")
    elif _is_text(left) and weight(left) + weight(right) > LONGEST_TEXT:
        raise TooMuch("text too long")


def checked_call(function: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse a method of a text that would make one out of bounds."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    if isinstance(owner, str) and name in {"format", "format_map"}:
        checked_spec(owner)
    elif name in _GROWING and isinstance(owner, (str, bytes, int)):
        checked_growth(owner, *arguments)


def checked_spec(spec: str) -> None:
    """Refuse a format text that asks for a field of a million characters."""
    if re.search(r"\d{6,}", spec):
        raise TooMuch("field too wide")


def checked_growth(*operands: Any) -> None:
    """Refuse operands the product of whose sizes is out of bounds."""
    product = 1
    for operand in operands:
        product *= max(1, weight(operand))
    if product > LONGEST_TEXT:
        raise TooMuch("text too long")


def weight(value: Any, *, text_only: bool = False) -> int:
    """The length of a text or list, the size of a whole number."""
    if _is_text(value):
        return len(value)
    return abs(int(value)) if isinstance(value, int) and not text_only else 1


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes, list, tuple))
