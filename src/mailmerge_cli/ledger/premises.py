"""What the last plan of a run followed from, and what it came to: as long as the one holds, the other need not be made again.

Only a plan without a bad row has premises: what is wrong with a row is told from the plan itself, and the ledger does not keep it whole.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Premises:
    """Of one plan.

    Attributes:
        digest: over all that the plan followed from.
        read, unselected, mails, skipped: as in `Plan`.
    """

    digest: str
    read: int
    unselected: int
    mails: int
    skipped: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From the ledger's text; None where there are none, or where another version has written them in its own way."""
        digest, *figures = text.split()[:6] or [""]  # the sixth: of a version that wrote one figure more
        if len(figures) != 4 or not all(map(str.isdecimal, figures)):
            return None
        return cls(digest, *map(int, figures))

    def __str__(self) -> str:
        return " ".join(map(str, astuple(self)))
