"""Characters that no mail may carry: found in a row, they make it invalid (F08). Tab and line breaks are allowed (F10)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailmerge_cli.errors import Problem
from mailmerge_cli.model.table import Column

FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\uf8f0-\uf8f3\ufffd-\uffff]")
"""Control characters but tab, line feed and carriage return; halves of a surrogate pair; what Unicode calls no character.

Also what stands for bytes that were no character: U+FFFD, written by a program before us, and U+F8F0 to U+F8F3, which
Python's codec cp932 gives for them.
"""


def forbidden_problems(
    number: int, cells: Sequence[object], columns: Sequence[Column]
) -> tuple[Problem, ...]:
    """A problem for each text cell that holds such a character; its place is told, never the text around it."""
    problems = []
    for cell, column in zip(cells, columns, strict=False):
        if isinstance(cell, str) and (found := FORBIDDEN.search(cell)):
            place = f"U+{ord(found[0]):04X}, which no mail may carry, is character {found.start() + 1} of the cell"
            problems.append(
                Problem(number, column.title or column.letter, "character", f"{place}; delete it")
            )
    return tuple(problems)
