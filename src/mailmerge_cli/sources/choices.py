"""What a person can say about how a table is to be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Hidden(StrEnum):
    """What to do with rows that a sheet hides, by hand or by a filter."""

    REFUSE = "refuse"
    SKIP = "skip"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class Choices:
    """The person's word; an empty one leaves it to the source.

    Attributes:
        sheet: name of the sheet, for workbooks.
        encoding: name of the character encoding, for text files.
        delimiter: one character, for text files; also `tab`, `comma`, `semicolon`, `pipe`.
        hidden: see there, for workbooks.
        table: name of an Excel table or of a named range, for workbooks.
        start: the cell where the titles begin, such as `B3`; for workbooks and delimited text.
        header_rows: how many rows the titles take; 0: found out; for workbooks and delimited text.
        persons: columns that the person says name somebody (address, name, key), by title or template name.
    """

    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""
    hidden: Hidden = Hidden.REFUSE
    table: str = ""
    start: str = ""
    header_rows: int = 0
    persons: tuple[str, ...] = ()
