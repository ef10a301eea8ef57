"""Templates outside the message: conditions (`where`) and one-line phrases (file, sheet, run, attachments)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2.runtime import Undefined

from mailmerge_cli.errors import Problem
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.render.bounds import Turns
from mailmerge_cli.render.environment import Sandbox
from mailmerge_cli.render.fault import Place, RowFault, row_problem
from mailmerge_cli.render.paths import path_sandbox
from mailmerge_cli.render.piece import Piece
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.survey import refused, survey


class Expression:
    """A condition over a row, such as `net > 0 and dept != "IT"`.

    Args:
        text: a Jinja expression.
        columns: of the table.
        constants: values by name.
        what: what a person calls it: `where`.

    Raises:
        Refused: it is no expression, or names what does not exist.
    """

    def __init__(
        self,
        text: str,
        columns: tuple[Column, ...],
        constants: Mapping[str, object] | None = None,
        what: str = "where",
    ) -> None:
        self.text = text
        self.what = what
        self._recipe = (text, columns, dict(constants or {}), what)
        scope = Scope(columns, constants or {})
        environment = Sandbox()
        place = Place(what, header=what, kind=what)
        survey(scope, environment, "{{ " + text + "\n}}", place)  # brackets must close within the text itself
        assignment = "{% set result = (" + text + "\n) %}"
        usage = survey(scope, environment, assignment, place)
        template = environment.from_string(assignment)
        self._render = template.root_render_func
        self._environment = environment
        self._base = scope.base(environment)
        self._scope = scope
        self._row = usage.row
        self._used = tuple(column for column in columns if column.index in usage.columns)
        self._names = scope.named(self._used)
        self._place = place
        self.used = frozenset(usage.columns)

    def __call__(self, row: Row) -> object:
        """Its value for one row. Raises RowFault if it cannot be computed."""
        values: dict[str, Any] = self._base.copy()
        for name, index in self._names:
            values[name] = row.cells[index]
        if self._row:
            values["row"] = self._scope.cells(row)
        values[" turns"] = Turns()
        try:
            context = self._environment.context_class(self._environment, values, None, {})
            for _ in self._render(context):
                pass
            result = context.vars["result"]
            if isinstance(result, Undefined):
                str(result)  # raises, because the environment is strict
        except Exception as error:  # noqa: BLE001  a template raises whatever it likes
            raise RowFault((row_problem(error, row, self._used, self._place),)) from None
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, self._recipe


class Phrase:
    """A text of one line with `{{ … }}` in it.

    Args:
        text: the template.
        columns: of the table; none where only values may be used.
        constants: values by name.
        what: what a person calls it: `run`, `[recipients] file`.
        path: it makes a path: a cell in it may hold no separator, pattern or control character, and may not be blank.

    Raises:
        Refused: it is no template, or names what does not exist.
    """

    def __init__(
        self,
        text: str,
        columns: tuple[Column, ...] = (),
        constants: Mapping[str, object] | None = None,
        what: str = "phrase",
        *,
        path: bool = False,
    ) -> None:
        self.text = text
        self._recipe = (text, columns, dict(constants or {}), what)
        self._path = path
        scope = Scope(columns, constants or {})
        environment = Sandbox()
        usage = survey(scope, environment, text, Place(what, header=what, kind="template"))
        if path:
            environment = path_sandbox(scope)
        self._piece = Piece(scope, environment, text, usage)
        self.used = frozenset(usage.columns)
        self.varies = usage.varies

    def __call__(self, row: Row | None = None) -> str:
        """The text, trimmed. Raises RowFault (with a row) or Refused (without) if it cannot be made."""
        place = self._piece.place
        try:
            text = self._piece.fill(row).strip()
            if "\n" in text or "\r" in text:
                raise ValueError("more than one line")
        except Exception as error:  # noqa: BLE001  a template raises whatever it likes
            if row is None:
                raise refused(
                    [Problem(None, place.header, place.kind, f"{place.header}: {self.text!r} {_why(error)}")]
                ) from None
            raise RowFault((row_problem(error, row, self._piece.used, place),)) from None
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return _phrase, (self._recipe, self._path)


def _phrase(recipe: tuple[Any, ...], path: bool) -> Phrase:
    return Phrase(*recipe, path=path)


def _why(error: Exception) -> str:
    return f"cannot be filled in: {error}"
