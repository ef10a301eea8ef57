"""Templates that only set values in, filled in without Jinja: most subjects, paths and bodies are no more than that.

Rule: what comes out is what Jinja would write, to the letter; whatever else a template holds is left to Jinja, and so is every value that
raises, because Jinja knows the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jinja2 import nodes
from markupsafe import escape

from mailmerge_cli.model.cell import Cell
from mailmerge_cli.model.table import Column
from mailmerge_cli.render.environment import Sandbox, printed
from mailmerge_cli.render.scope import Scope


class Gap(NamedTuple):
    """A place that a value fills.

    Attributes:
        place: index of the column; None for a constant.
        constant: its value.
        shown: gives its text.
    """

    place: int | None
    constant: object
    shown: Callable[[Any], str]


class Straight:
    """A template text of literals and gaps.

    Args:
        parts: in order.
    """

    __slots__ = ("_gaps", "_open", "_texts", "parts")

    def __init__(self, parts: tuple[str | Gap, ...]) -> None:
        self.parts = parts
        self._open = [part for part in parts if not isinstance(part, str)]
        self._texts = [part if isinstance(part, str) else "" for part in parts]
        self._gaps: list[tuple[int, int, Callable[[Any], str] | None]] = []
        for number, part in enumerate(parts):
            if isinstance(part, str):
                continue
            if part.place is None:
                self._texts[number] = str(part.shown(part.constant))
            else:
                self._gaps.append((number, part.place, None if part.shown is _text else part.shown))

    def fill(self, cells: tuple[Cell, ...]) -> str:
        """The text for one row; raises what the printing of a cell raises."""
        texts = self._texts.copy()
        for number, place, shown in self._gaps:
            cell = cells[place]
            if shown is not None:
                texts[number] = shown(cell)
            else:
                texts[number] = cell if type(cell) is str else _text(cell)
        return "".join(texts)

    def constants(self) -> list[str | None]:
        """The text of each gap that is the same for all rows; None for one that a cell fills."""
        return [str(part.shown(part.constant)) if part.place is None else None for part in self._open]

    def values(self, cells: tuple[Cell, ...]) -> list[str]:
        """The text of each gap alone."""
        return [part.shown(part.constant if part.place is None else cells[part.place]) for part in self._open]


def straight(scope: Scope, environment: Sandbox, text: str) -> Straight | None:
    """The text as literals and gaps; None if it is more than that."""
    parts = tuple(_parts(scope, environment, environment.parse(text)))
    if None in parts:
        return None
    try:
        return Straight(tuple(part for part in parts if part is not None))
    except Exception:  # noqa: BLE001  a constant that cannot be printed is for Jinja to tell
        return None


def _parts(scope: Scope, environment: Sandbox, tree: nodes.Template) -> Iterator[str | Gap | None]:
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            yield None
            return
        for node in output.nodes:
            yield node.data if isinstance(node, nodes.TemplateData) else _gap(scope, environment, node)


def _gap(scope: Scope, environment: Sandbox, node: nodes.Expr) -> Gap | None:
    shown = _printer(environment, node)
    if shown is None:
        return None
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return Gap(None, node.value, shown)
    if isinstance(node, nodes.Name):
        column = scope.by_name.get(node.name)
        if column is not None and column.holds_lines:
            return None
        if column is not None:
            return Gap(column.index, None, shown)
        return Gap(None, scope.constants[node.name], shown) if node.name in scope.constants else None
    title = _title(node)
    column = _titled(scope, title) if title is not None else None
    return Gap(column.index, None, shown) if column is not None else None


def _titled(scope: Scope, title: str) -> Column | None:
    """The column that `row[title]` gives: see `RowCells`."""
    named = scope.by_name.get(title)
    return scope.by_title.get(title) or (scope.by_title.get(named.title) if named is not None else None)


def _title(node: nodes.Expr) -> str | None:
    """`row["Work e-mail"]`."""
    if not isinstance(node, nodes.Getitem) or not isinstance(node.arg, nodes.Const):
        return None
    of_row = isinstance(node.node, nodes.Name) and node.node.name == "row"
    return node.arg.value if of_row and isinstance(node.arg.value, str) else None


def _printer(environment: Sandbox, node: nodes.Expr) -> Callable[[Any], str] | None:
    """How this environment prints the expression; None where that takes a context."""
    if environment.outputs is None:
        return _markup if environment.autoescape else _text
    chosen: Callable[[Any], str] = environment.filters[environment.outputs(node)]
    if environment.autoescape or hasattr(chosen, "jinja_pass_arg"):
        return None
    return chosen


def _text(value: Any) -> str:
    return str(printed(value))


def _markup(value: Any) -> str:
    if type(value) is not str:
        return escape(printed(value))
    # Five looks cost a tenth of the function.
    plain = not ("&" in value or "<" in value or ">" in value or "'" in value or '"' in value)
    return value if plain else escape(value)
