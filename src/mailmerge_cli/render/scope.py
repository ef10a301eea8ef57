"""Which names a template may use, and what they stand for in one row: a fresh set of values each time (T11)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from mailmerge_cli.model.table import Column, Row, template_name
from mailmerge_cli.render.environment import Sandbox
from mailmerge_cli.render.filters import as_date
from mailmerge_cli.render.group import Lines, lines_of

BUILT_IN_NAMES = frozenset({
    "row", "today", "now", "month", "last_month", "campaign", "run",
    "range", "namespace", "loop", "self", "super", "caller", "varargs", "kwargs",
    "true", "false", "none", "True", "False", "None",
})  # fmt: skip
"""Names that no column and no value may have."""


class RowCells(dict[str, Any]):
    """`row["Work e-mail"]`: the cells under their titles, and under their template names where no title is in the way."""

    __slots__ = ("_names",)

    def __init__(self, titles: Iterable[str], cells: Iterable[Any], names: Mapping[str, str]) -> None:
        super().__init__(zip(titles, cells, strict=True))
        self._names = names

    def __missing__(self, name: str) -> Any:
        return self[self._names[name]]  # KeyError if it is no name either


class Scope:
    """The names of columns and constants.

    Args:
        columns: of the table; empty where no row is meant.
        constants: values and built-in values by name.
    """

    def __init__(self, columns: tuple[Column, ...], constants: Mapping[str, object]) -> None:
        self.columns = columns
        self.lines = next((column for column in columns if column.holds_lines), None)
        own = tuple(column for column in columns if not column.holds_lines)
        self.constants = dict(constants)
        self.by_name = {column.name: column for column in columns if column.name}
        self.by_title = {column.title: column for column in own}
        self._titles = tuple(column.title for column in own)
        self._title_of = {column.name: column.title for column in own if column.name}
        for column in own:
            for alias in column.aliases:
                self._add_alias(column, alias)
        names = {name: column for name, column in self.by_name.items() if not column.holds_lines}
        self._places = {name: column.index for name, column in {**names, **self.by_title}.items()}

    def _add_alias(self, column: Column, alias: str) -> None:
        """A further title, and the name made of it, as far as nothing else is called so."""
        if self.by_title.setdefault(alias, column) is column:
            self._title_of[alias] = column.title  # as any title, it comes before another column's name
        name = template_name(alias)
        if not name or name in BUILT_IN_NAMES or name in self.constants:
            return
        if self.by_name.setdefault(name, column) is column:
            self._title_of.setdefault(name, column.title)

    def named(self, used: Iterable[Column]) -> tuple[tuple[str, int], ...]:
        """The names that these columns have in a template, each with its column's place."""
        places = {column.index for column in used}
        return tuple((name, column.index) for name, column in self.by_name.items() if column.index in places)

    def base(self, environment: Sandbox) -> dict[str, Any]:
        """What all rows share."""
        # Not among the globals: those never count as unknown names, and a column may be called `date`.
        return {**environment.globals, "date": as_date, **self.constants}

    def cells(self, row: Row) -> RowCells:
        """The value of `row`."""
        cells = row.cells if self.lines is None else row.cells[:-1]
        return RowCells(self._titles, cells, self._title_of)

    def rows(self, row: Row) -> Lines:
        """The value of `rows`."""
        return lines_of(row.cells[-1], self._places)

    def in_lines(self, name: str) -> bool:
        """Whether a line of `rows` has a column of that title or name."""
        return name in self._places

    def nearest(self, name: str) -> str:
        """The name that was probably meant; empty if none is near."""
        folded = {known.casefold(): known for known in (*self.constants, *self.by_name)}
        folded.update({title.casefold(): column.name or title for title, column in self.by_title.items()})
        match = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
        return folded[match[0]] if match else ""
