"""A run of the placeholders 0, # and ?, filled with the figures of a whole number or of decimals.

Rule: where there is no figure, `0` shows a zero, `?` a blank and `#` nothing.
"""

from __future__ import annotations

_BLANKS = str.maketrans({"#": "", "?": " "})


def whole(places: str, figures: str, grouped: bool = False) -> str:
    """Figures of a whole number (without leading zeros; empty for zero) put into their places from the right."""
    lack = len(places) - len(figures)
    if lack > 0:
        # Behind the first zero every empty place is a zero: `0##` shows 5 as 005.
        blank, zero, rest = places.partition("0")
        filled = (blank + zero + "0" * len(rest))[:lack].translate(_BLANKS)
        figures = filled + figures
    return _grouped(figures) if grouped and len(figures) > 3 else figures


def decimals(places: str, figures: str) -> str:
    """Figures behind the point, as many as there are places; zeros at the end give way to `#` and `?`."""
    kept = len(figures.rstrip("0"))
    least = places.rfind("0") + 1
    if kept < least:
        kept = least
    if kept == len(places):
        return figures
    return figures[:kept] + places[kept:].translate(_BLANKS)


def _grouped(figures: str) -> str:
    """A comma between thousands; between the blanks in front it is a blank too."""
    head = len(figures) % 3 or 3
    text = ",".join([figures[:head], *(figures[at : at + 3] for at in range(head, len(figures), 3))])
    bare = text.lstrip(" ,")
    return " " * (len(text) - len(bare)) + bare
