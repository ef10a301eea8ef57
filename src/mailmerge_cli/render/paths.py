"""Paths that are made of cells: a cell can name a file, but never a place to look for one (B02, B11).

Rule: whatever a cell adds to a path is one piece of a name: not blank, no separator, no pattern, no control character,
no `..`. Constants, which the sender wrote into the campaign himself, may hold separators.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from jinja2 import nodes

from mailmerge_cli.render.environment import Sandbox, printed
from mailmerge_cli.render.fault import Misuse
from mailmerge_cli.render.scope import Scope

_FORBIDDEN = frozenset("/\\*?[")
_OF_CELLS = "_cell_in_path"


def path_sandbox(scope: Scope) -> Sandbox:
    """The environment for paths."""
    printing = {_OF_CELLS: cell_in_path, "_constant_in_path": constant_in_path}
    return Sandbox(outputs=_outputs(scope), printing=printing)


def _outputs(scope: Scope) -> Callable[[nodes.Expr], str]:
    """The filter of each printed expression, by whether a cell can stand in it."""
    constant = set(scope.constants) | {"range"}

    def choose(expression: nodes.Expr) -> str:
        names = {name.name for name in expression.find_all(nodes.Name)}
        if isinstance(expression, nodes.Name):
            names.add(expression.name)
        return "_constant_in_path" if names <= constant else _OF_CELLS

    return choose


def may_be_empty(environment: Sandbox, path: str) -> bool:
    """Whether all of a path stands in conditions; a cell outside of them is never blank, and a constant may be."""
    assert environment.outputs is not None
    for output in environment.parse(path).body:
        for node in output.nodes if isinstance(output, nodes.Output) else ():
            if isinstance(node, nodes.TemplateData):
                if node.data.strip():
                    return False
            elif environment.outputs(node) == _OF_CELLS:
                return False
    return True


def cell_in_path(value: Any) -> str:
    """The filter for expressions with cells."""
    text = str(printed(value))
    if not text.strip():
        raise Misuse("is blank, and the path of a file is made of it", value)
    if not (text.isprintable() and _FORBIDDEN.isdisjoint(text)):
        for char in text:
            if char in _FORBIDDEN:
                raise Misuse(f"holds {char!r}, which may not stand in the path of a file", value)
            refuse_unprintable(char, value)
    if text.strip() in {".", "..", "~"} or text.startswith("~"):
        raise Misuse("would lead to another folder", value)
    return text


def constant_in_path(value: Any) -> str:
    """The filter for expressions without cells."""
    text = str(printed(value))
    for char in text:
        refuse_unprintable(char, value)
    return text


def refuse_unprintable(char: str, value: object = None) -> None:
    """Misuse for a control or direction character; it is named by code point."""
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        raise Misuse(
            f"holds the character U+{ord(char):04X}, which may not stand in the name of a file", value
        )
