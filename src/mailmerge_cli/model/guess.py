"""What the columns of a list are taken for, when the person has not said it."""

from __future__ import annotations

from dataclasses import dataclass

from mailmerge_cli.model.table import Column


@dataclass(frozen=True, slots=True)
class Guess:
    """The columns of a list and what they seem to be.

    Attributes:
        email: the one that is plainly the person's own address column; None if there is none, or more than one.
        name: the whole name; None where there is none, or only given and family names.
        key: what names a person for good (staff number, member number); None: the address has to do.
        given: the given name, as far as it has a column of its own.
        family: the family name, likewise.
        figures: columns that hold numbers and are none of the above, in the list's order.
        gaps: those of key, name and figures in which a cell is blank.
        faulty: columns, of all, with a cell that cannot be read now: an error, or a formula without a stored value.
        reasons: a sentence each on address, name and key, for people. They hold titles, never a cell's value.
    """

    email: Column | None
    name: Column | None
    key: Column | None
    reasons: tuple[str, ...] = ()
    given: Column | None = None
    family: Column | None = None
    figures: tuple[Column, ...] = ()
    gaps: tuple[Column, ...] = ()
    faulty: tuple[Column, ...] = ()
