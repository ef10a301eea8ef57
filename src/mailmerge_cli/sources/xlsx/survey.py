"""A quick look over a sheet's XML before its rows are read: what is merged, and whether any row is hidden.

Merged ranges stand behind the rows in the file, but a row must know at once whether it is concerned (F17).
The look is at raw bytes: markup cannot stand in a cell's text, where `<` is always written `&lt;`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources.ranges import Range, column_index
from mailmerge_cli.sources.xlsx.package import LARGEST_SHEET, Package

_MERGED = re.compile(
    rb"<(?:\w+:)?mergeCell\s[^<>]{0,500}?\bref\s*=\s*[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']"
)
_HIDDEN = re.compile(rb"<(?:\w+:)?row\s[^<>]{0,500}?\bhidden\s*=\s*[\"'](?:1|true|on)[\"']")
_MOST_RANGES = 100_000
_OVERLAP = 4096


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Attributes:
        merged: sorted by their first row.
        hides: some row is hidden, perhaps a blank one.
        filtered: a filter is at work.
    """

    merged: tuple[Range, ...]
    hides: bool
    filtered: bool


def survey(package: Package, part: str) -> Survey:
    """Look a sheet over. Refused if it is a bomb, damaged, or not written in bytes that begin like ASCII."""
    merged: list[Range] = []
    hides = filtered = False
    rest = b""
    for chunk in package.chunks(part, LARGEST_SHEET):
        if not rest and chunk.startswith((b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")):
            raise package.damaged(f"its part {part} is written in UTF-16, which Excel never does")
        window = rest + chunk
        hides = hides or (window.find(b"hidden") >= 0 and _HIDDEN.search(window) is not None)
        filtered = filtered or b"filterColumn " in window
        cut = window.rfind(b"<")
        if b"mergeCell " in window:
            # What begins at the last `<` may go on in the next chunk, so it is looked at again with that one.
            merged += [_range(match) for match in _MERGED.finditer(window, 0, cut)]
        rest = window[cut:] if cut >= 0 and len(window) - cut < _OVERLAP else window[-_OVERLAP:]
        if len(merged) > _MOST_RANGES:
            raise Refused(f"{package.name}: the sheet has more than {_MOST_RANGES:,} merged ranges")
    return Survey(tuple(sorted(merged, key=lambda found: found.top)), hides, filtered)


def _range(match: re.Match[bytes]) -> Range:
    left, top, right, bottom = (group.decode("ascii") for group in match.groups())
    return Range(
        int(top), column_index(left), int(bottom), column_index(right), f"{left}{top}:{right}{bottom}"
    )
