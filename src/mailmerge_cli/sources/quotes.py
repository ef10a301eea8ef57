"""What a stray quote does to a delimited file (F04): it swallows rows, so people are lost or read about others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# The lengths of RFC 5321 §4.5.3.1 bound the search.
_ADDRESS = r"[^\s@,;|\"<>]{1,64}@[^\s@,;|\"<>]{3,255}"
_LOOKED_AT = 1 << 17


def opening_line(lines: Iterable[str], delimiter: str) -> int:
    """On which of a record's lines, from 0, the quote opens that spoils it: the last one that opens at all."""
    inside = False
    opened = 0
    for number, line in enumerate(lines):
        at = 0
        while at < len(line):
            if inside:
                at = line.find('"', at)
                if at < 0:
                    break
                if line[at + 1 : at + 2] == '"':
                    at += 2
                    continue
                inside = False
                at += 1
                if line[at : at + 1] not in {delimiter, "\r", "\n", ""}:
                    return opened
            elif line[at] == '"':
                inside, opened = True, number
                at += 1
            else:
                after = line.find(delimiter, at)
                if after < 0:
                    break
                at = after + 1
    return opened


class Swallowed:
    """Finds cells that look as if whole rows had been swallowed: behind a line break, an address beside a delimiter."""

    def __init__(self, delimiter: str, columns: int) -> None:
        mark = re.escape(delimiter)
        edge = rf"{_ADDRESS}{mark}(?! )|{mark}{_ADDRESS}\s*(?:[\r\n]|$)"
        alone = rf"|[\r\n]{_ADDRESS}\s*(?:[\r\n]|$)" if columns == 1 else ""
        self._rows = re.compile(rf"[\r\n][^\r\n]*?(?:{edge}){alone}")

    def __call__(self, cells: Sequence[str]) -> bool:
        """Whether one of the cells looks like it."""
        return any(
            self._rows.search(cell, 0, _LOOKED_AT) is not None
            for cell in cells
            if "\n" in cell or "\r" in cell
        )
