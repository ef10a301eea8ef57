"""What is no fault and may still be one: what a person should look at before mails leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST: Final = 5
"""So many of each kind are told one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class NewAddress:
    """Somebody whose last mail went to another address.

    Attributes:
        row: line in the sheet.
        key: who it is.
        address: where the mail would go now.
        was: where the last one went.
        run: the label of that run.
        others: the key whose address it was in that run; empty if it was nobody's.
    """

    row: int
    key: str
    address: str
    was: str
    run: str
    others: str = ""


@dataclass(frozen=True, slots=True)
class SameFile:
    """A row's own file that holds the very octets of an earlier row's, under another name.

    Attributes:
        row: line in the sheet.
        path: as the sender wrote it, filled in.
        other: the earlier row.
    """

    row: int
    path: str
    other: int


@dataclass(frozen=True, slots=True)
class Notices:
    """The first of each kind, and how many there are. An address that was another person's is moved, any other one new."""

    moved_addresses: tuple[NewAddress, ...] = ()
    moved_addresses_total: int = 0
    new_addresses: tuple[NewAddress, ...] = ()
    new_addresses_total: int = 0
    same_files: tuple[SameFile, ...] = ()
    same_files_total: int = 0


NOTHING: Final = Notices()
"""Nothing to look at."""
