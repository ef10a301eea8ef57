"""What parts the fields of a text file (F03): said, written as `sep=;` by Excel, or found out from the first records.

Rule: only comma, semicolon, tab and bar are ever found; a list of addresses is one column, not two parted by `@`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from mailmerge_cli.errors import Refused

_CANDIDATES = (",", ";", "\t", "|")
_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "bar": "|"}
_SEP = re.compile(r"\s*\"?sep=(.)\"?[\r\n]*", re.IGNORECASE | re.DOTALL)
_RECORDS = 60


def named_delimiter(wanted: str) -> str:
    """The delimiter that a person said. Refused if it cannot be one."""
    delimiter = _WORDS.get(wanted.lower(), wanted)
    if len(delimiter) != 1 or delimiter in '"\r\n\0 ' or delimiter.isalnum():
        raise Refused(
            f"{wanted!r} cannot part fields", hint="write one character, or tab, comma, semicolon, pipe"
        )
    return delimiter


def excel_says(first_line: str) -> str:
    """The delimiter of a first line `sep=;`; empty if the line is none."""
    match = _SEP.fullmatch(first_line)
    return match[1] if match else ""


def found_delimiter(lines: Sequence[str]) -> str:
    """The delimiter under which the first records have equally many fields, more than one; a comma if none does."""
    best = (0.0, 1, ",")
    for delimiter in _CANDIDATES:
        widths = _widths(lines, delimiter)
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if (alike, widths[0]) > best[:2]:
            best = (alike, widths[0], delimiter)
    return best[2]


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """Fields in each record; the last one, which may be cut off, is left out."""
    widths = []
    try:
        for record in csv.reader(lines, delimiter=delimiter):
            if record:
                widths.append(len(record))
            if len(widths) > _RECORDS:
                break
    except csv.Error:
        pass
    return widths[:-1] if len(widths) > 2 else widths
