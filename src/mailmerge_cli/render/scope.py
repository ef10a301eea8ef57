"""Which names a template may use, and what they stand for in one row: a fresh set of values each time (T11)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.render.environment import Sandbox

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
        self.constants = dict(constants)
        self.by_name = {column.name: column for column in columns if column.name}
        self.by_title = {column.title: column for column in columns}
        self._titles = tuple(column.title for column in columns)
        self._title_of = {column.name: column.title for column in columns if column.name}

    def base(self, environment: Sandbox) -> dict[str, Any]:
        """What all rows share."""
        return {**environment.globals, **self.constants}

    def cells(self, row: Row) -> RowCells:
        """The value of `row`."""
        return RowCells(self._titles, row.cells, self._title_of)

    def nearest(self, name: str) -> str:
        """The name that was probably meant; empty if none is near."""
        folded = {known.casefold(): known for known in (*self.constants, *self.by_name)}
        folded.update({column.title.casefold(): column.name or column.title for column in self.columns})
        match = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
        return folded[match[0]] if match else ""
