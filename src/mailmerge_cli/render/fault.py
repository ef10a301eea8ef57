"""How a row says that it cannot be rendered: every fault of the row at once, in sentences without cell values."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.cell import CellFault, FaultCell
from mailmerge_cli.model.table import Column, Row


class RowFault(Refused):
    """A row cannot become a mail; `problems` holds all that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...], *, reason: str = "") -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(told(problems[0]) + more, problems=problems, reason=reason)

    def __reduce__(self) -> tuple[object, ...]:
        return RowFault, (self.problems,), {"reason": self.reason}


def told(problem: Problem) -> str:
    """A problem as one sentence, for places that show no table: row, column or header, and what is wrong."""
    row = f"row {problem.row}" if problem.row is not None else ""
    place = ", ".join(part for part in (row, f"“{problem.column}”" if problem.column else "") if part)
    return f"{place[:1].upper()}{place[1:]}: {problem.message}" if place else problem.message


class Misuse(ValueError):
    """A value that a filter, a path or a link cannot take; the text is fit for people and holds no value.

    Args:
        sentence: a fragment that goes on "column …", such as `is not a number`.
        value: the value itself, by whose identity its column is found; never shown.
    """

    def __init__(self, sentence: str, value: object = None) -> None:
        super().__init__(sentence)
        self.value = value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template text stands: `payslip.md`, line 4, header `Subject` (empty for the body)."""

    file: str
    line: int = 0
    header: str = ""
    kind: str = "template"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def row_problem(
    error: Exception, row: Row, used: tuple[Column, ...], place: Place, line: int | None = None
) -> Problem:
    """What a person can do about an exception that a template raised for one row.

    Args:
        error: what was raised.
        row: for which row.
        used: the columns that the template uses; the culprit is looked for among them.
        place: where the template stands.
        line: the line in the template's file, if it is known better than `place` does.
    """
    number, column = _place_of(error, row, used)
    where = f"{place.file}:{line}" if line else str(place)
    header = f" (in {place.header})" if place.header and column is not None else ""
    shown = column.title if column is not None else (place.header or None)
    return Problem(number, shown, place.kind, f"{_reason(error)}{header}; {where}")


def failing_line(error: BaseException) -> int | None:
    """The line of the template in which an exception was raised; None if no template is in its traceback."""
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = template.get_corresponding_lineno(line)
    return found


def _place_of(error: Exception, row: Row, used: tuple[Column, ...]) -> tuple[int, Column | None]:
    """The number of the line and the column whose cell raised; of several lines the first that it can be."""
    own = tuple(one for one in used if not one.holds_lines)
    column = _culprit(error, row, own)
    if column is None and len(own) < len(used) and isinstance(error, Misuse | CellFault):
        for line in row.lines:
            if (found := _culprit(error, line, own)) is not None:
                return line.number, found
    return row.number, column


def _culprit(error: Exception, row: Row, used: tuple[Column, ...]) -> Column | None:
    """The column whose cell raised, as far as it can be known."""
    if isinstance(error, Misuse) and error.value is not None:
        same = [column for column in used if row.cells[column.index] is error.value]
        # Equal short texts may be one object, so two columns may share it: then none is named.
        if len(same) == 1:
            return same[0]
    if isinstance(error, CellFault):
        reason = str(error)
        for column in used:
            cell = row.cells[column.index]
            if isinstance(cell, FaultCell) and cell.reason == reason:
                return column
    return used[0] if len(used) == 1 else None


_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (ZeroDivisionError, "leads to a division by zero"),
    (RecursionError, "leads to a template that calls itself without end"),
    (MemoryError, "makes more text than there is memory"),
    (UnicodeError, "holds a character that cannot be written (half of a surrogate pair)"),
    (OverflowError, "leads to a number or a range that is too big"),
    (
        TypeError,
        "does not have the type that the template computes with (a text where a number is needed? try | number)",
    ),
)


def _reason(error: Exception) -> str:
    """What happened. Jinja's own sentences quote keys and values, which may be cells, so they are never told."""
    if isinstance(error, Misuse | CellFault):
        return str(error)
    from jinja2.exceptions import SecurityError, UndefinedError

    if isinstance(error, SecurityError):
        return "is used in a way that is not open to templates"
    if isinstance(error, UndefinedError):
        return "has no such part, or there is no value where the template asks for one"
    for kind, sentence in _KINDS:
        if isinstance(error, kind):
            return sentence
    return f"cannot be rendered ({type(error).__name__})"
