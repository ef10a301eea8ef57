"""A table as the program sees it: columns with titles and template names, rows with the number that the person sees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from mailmerge_cli.errors import Problem
from mailmerge_cli.model.cell import Cell, LinesCell

ANSWER_TITLES = ("mailmerge state", "mailmerge time", "mailmerge reply")
"""The columns that a copy of the person's list has more than the list."""

_NOT_A_NAME = re.compile(r"[^\w]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        index: its place in the row, from 0.
        title: its header as the sheet has it, trimmed; of several rows of titles all of them: `应发工资 / 基本工资`.
        name: the name that it has in templates.
        letter: what the person calls its place: `C` in a sheet, `3` in a text file.
        aliases: further titles that are this column's alone: the lowest of several, `基本工资`.
        holds_lines: it is no column of the sheet: its cells are the lines that a mail is made of (`LinesCell`).
    """

    index: int
    title: str
    name: str
    letter: str
    aliases: tuple[str, ...] = ()
    holds_lines: bool = False


class Row(NamedTuple):
    """One row, or several lines of the list that are one mail. A tuple: every process makes all rows of the list.

    Attributes:
        number: the line that the person sees in the sheet or, for text files, the line on which the record begins; of
            several lines the first.
        cells: as many as there are columns.
        problems: what is wrong with the row itself (too short, a control character, …); such a row is never sent.
        sums: some of its numbers add up other rows (SUM, SUBTOTAL), as at the end of a sheet.
    """

    number: int
    cells: tuple[Cell, ...]
    problems: tuple[Problem, ...] = ()
    sums: bool = False

    @property
    def lines(self) -> tuple[Row, ...]:
        """The lines of the list that this row is made of: itself, unless lines were put together."""
        last = self.cells[-1] if self.cells else None
        if not isinstance(last, LinesCell):
            return (self,)
        return tuple(Row(number, cells) for number, cells in zip(last.numbers, last.lines, strict=True))


class Source(Protocol):
    """A table that can be read more than once; a context manager. Who inherits from it need not write `size` and `guess`.

    `fingerprint` is of what is read (file content and the choices made, such as the sheet): equal fingerprints mean equal rows.
    `notes` are things that a person should know: blank rows skipped, the encoding that was guessed.
    """

    columns: tuple[Column, ...]
    fingerprint: str
    notes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Octets of the list, which tell whether it is long enough for several processes; 0 where nobody knows."""
        return 0

    @property
    def guess(self) -> str:
        """The encoding, where it is only a guess that a person should look at (`send --yes` refuses it); else empty."""
        return ""

    def rows(self) -> Iterator[Row]:
        """One pass over all rows, lazily; may be called again for another pass."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def template_name(title: str) -> str:
    """The name of a column in templates: the title itself when it is an identifier, else one made from it.

    NFKC, lower case, other characters to `_`, a leading digit prefixed: `Work e-mail` → `work_e_mail`,
    `实发工资（元）` → `实发工资_元`, `13薪` → `_13薪`. Empty when nothing of the title can stand in a name.
    """
    if title.isidentifier():
        return title
    name = _NOT_A_NAME.sub("_", unicodedata.normalize("NFKC", title).lower()).strip("_")
    if name[:1].isdigit():
        name = "_" + name
    return name if name.isidentifier() else ""
