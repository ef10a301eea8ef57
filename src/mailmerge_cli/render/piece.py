"""One template text, compiled once and filled in for each row."""

from __future__ import annotations

from typing import Any

from mailmerge_cli.model.table import Row
from mailmerge_cli.render.bounds import Turns
from mailmerge_cli.render.environment import Sandbox
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.survey import Usage


class Piece:
    """A compiled template text.

    Args:
        scope: known names.
        environment: how it is compiled.
        text: the template.
        usage: what `survey` found.
    """

    __slots__ = (
        "_base",
        "_blocks",
        "_context",
        "_environment",
        "_join",
        "_loops",
        "_names",
        "_render",
        "_row",
        "_scope",
        "place",
        "used",
        "varies",
    )

    def __init__(self, scope: Scope, environment: Sandbox, text: str, usage: Usage) -> None:
        template = environment.from_string(text)
        self._scope = scope
        self._base = scope.base(environment)
        self._render = template.root_render_func
        self._blocks = template.blocks
        self._environment = environment
        self._context = environment.context_class
        self._join = environment.concat if usage.loops else "".join
        self._loops = usage.loops
        self._row = usage.row
        self.used = tuple(column for column in scope.columns if column.index in usage.columns)
        self._names = tuple((column.name, column.index) for column in self.used if column.name)
        self.varies = usage.varies
        self.place = usage.place

    def fill(self, row: Row | None, **extra: Any) -> str:
        """The text for one row (None where nothing varies); raises whatever the template raises."""
        values = self._base.copy()
        if row is not None:
            cells = row.cells
            for name, index in self._names:
                values[name] = cells[index]
            if self._row:
                values["row"] = self._scope.cells(row)
        if self._loops:
            values[" turns"] = Turns()
        if extra:
            values.update(extra)
        # Template.new_context would gather the keys of all globals again, for each row.
        return self._join(self._render(self._context(self._environment, values, None, self._blocks)))
