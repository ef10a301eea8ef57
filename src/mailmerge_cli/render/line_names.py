"""Which expressions of a template are `rows`, or one line of it, and which columns they ask for; found before any row is read.

What cannot be followed (a macro's argument, a group of `groupby`) is left to the moment when it is filled in, which is as strict.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from jinja2 import nodes

_ALIKE = frozenset({"sort", "list", "reverse", "unique", "select", "reject", "selectattr", "rejectattr"})
_ONE = frozenset({"first", "last", "min", "max"})
_FIRST = frozenset({"selectattr", "rejectattr", "groupby", "total"})  # the column is the first argument
_ASKING = _ALIKE | _ONE | _FIRST | {"sum", "join"}


class Kind(Enum):
    """What an expression is known to be."""

    LINES = auto()
    LINE = auto()


class LineNames:
    """The expressions of one parsed template that have to do with lines.

    Args:
        tree: the template.
        lines: what templates call the lines.
    """

    def __init__(self, tree: nodes.Template, lines: str) -> None:
        self._names: dict[str, Kind | None] = {lines: Kind.LINES}
        self._tree = tree
        for _ in range(3):  # a name may stand for another one
            self._bind()

    def kind(self, node: nodes.Node | None) -> Kind | None:
        """What an expression is; None if it is something else, or not known."""
        if isinstance(node, nodes.Name):
            return self._names.get(node.name)
        if isinstance(node, nodes.Getitem) and self.kind(node.node) is Kind.LINES:
            return Kind.LINES if isinstance(node.arg, nodes.Slice) else Kind.LINE
        if isinstance(node, nodes.Filter) and self.kind(node.node) is Kind.LINES:
            return Kind.LINES if node.name in _ALIKE else Kind.LINE if node.name in _ONE else None
        return None

    def asked(self) -> Iterator[tuple[str, int]]:
        """The columns that filters over lines ask for, by their texts, each with its line in the template."""
        for node in self._tree.find_all(nodes.Filter):
            if node.name in _ASKING and self.kind(node.node) is Kind.LINES:
                named = [pair.value for pair in node.kwargs if pair.key in {"attribute", "name"}]
                for word in (*named, *(node.args[:1] if node.name in _FIRST else ())):
                    if isinstance(word, nodes.Const) and isinstance(word.value, str):
                        yield from ((name, node.lineno) for name in _columns_in(word.value, node.name))

    def _bind(self) -> None:
        """What loops and assignments make of names; a name that is made in two ways is not known."""
        found: dict[str, set[Kind | None]] = {}
        for loop in self._tree.find_all(nodes.For):
            one = Kind.LINE if self.kind(loop.iter) is Kind.LINES else None
            for name, whole in _targets(loop.target):
                found.setdefault(name, set()).add(one if whole else None)
        for assignment in self._tree.find_all(nodes.Assign):
            for name, whole in _targets(assignment.target):
                found.setdefault(name, set()).add(self.kind(assignment.node) if whole else None)
        for argument in self._tree.find_all(nodes.Name):
            if argument.ctx == "param":  # of a macro
                found.setdefault(argument.name, set()).add(None)
        for name, kinds in found.items():
            self._names[name] = kinds.pop() if len(kinds) == 1 else None


def _targets(target: nodes.Node) -> Iterator[tuple[str, bool]]:
    """The names that are bound, and whether each gets the whole value."""
    if isinstance(target, nodes.Name):
        yield target.name, True
    elif isinstance(target, nodes.Tuple):
        for part in target.items:
            yield from ((name, False) for name, _ in _targets(part))


def _columns_in(text: str, filter_name: str) -> list[str]:
    """The columns of an `attribute=`: Jinja reads `due.year` as a part of a part, and several with commas where it sorts."""
    if filter_name == "total":
        return [text]
    several = text.split(",") if filter_name in {"sort", "groupby"} else [text]
    return [part.partition(".")[0].strip() for part in several]
