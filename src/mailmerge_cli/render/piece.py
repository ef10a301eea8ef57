"""One template text, compiled once and filled in for each row."""

from __future__ import annotations

from typing import Any

from mailmerge_cli.model.table import Row
from mailmerge_cli.render.bounds import Turns
from mailmerge_cli.render.environment import Sandbox
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.straight import straight
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
        "_environment",
        "_join",
        "_lines",
        "_loops",
        "_names",
        "_row",
        "_scope",
        "_straight",
        "_template",
        "_text",
        "place",
        "used",
        "varies",
    )

    def __init__(self, scope: Scope, environment: Sandbox, text: str, usage: Usage) -> None:
        self._scope = scope
        self._base = scope.base(environment)
        self._environment = environment
        self._text = text
        self._straight = straight(scope, environment, text)
        self._template = environment.from_string(text) if self._straight is None else None
        self._join = environment.concat if usage.loops else "".join
        self._loops = usage.loops
        self._row = usage.row
        self.used = tuple(column for column in scope.columns if column.index in usage.columns)
        self._names = scope.named(self.used)
        self._lines = scope.lines.name if scope.lines in self.used and scope.lines is not None else None
        self.varies = usage.varies
        self.place = usage.place

    def fill(self, row: Row | None, **extra: Any) -> str:
        """The text for one row (None where nothing varies); raises whatever the template raises."""
        if self._straight is not None and not extra and (row is not None or not self.varies):
            try:
                return self._straight.fill(row.cells if row is not None else ())
            except Exception:  # noqa: BLE001, S110  Jinja raises it again, and knows the line
                pass
        return self._fill_by_jinja(row, extra)

    def _fill_by_jinja(self, row: Row | None, extra: dict[str, Any]) -> str:
        template = self._template
        if template is None:  # made by two threads at once, it is the same twice
            template = self._template = self._environment.from_string(self._text)
        values = self._base.copy()
        if row is not None:
            cells = row.cells
            for name, index in self._names:
                values[name] = cells[index]
            if self._lines is not None:
                values[self._lines] = self._scope.rows(row)
            if self._row:
                values["row"] = self._scope.cells(row)
        if self._loops:
            values[" turns"] = Turns()
        if extra:
            values.update(extra)
        # Template.new_context would gather the keys of all globals again, for each row.
        context = self._environment.context_class(self._environment, values, None, template.blocks)
        return self._join(template.root_render_func(context))
