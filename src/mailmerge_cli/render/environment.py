"""Jinja, sandboxed, strict and bounded: the environments in which headers, bodies, paths and conditions are compiled.

Rule 1: an undefined name is an error, never an empty text.
Rule 2: files come from below one folder only, whatever their names or links say (T08).
Rule 3: nothing in an environment changes once it is made, so that threads may share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateNotFound, nodes, pass_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.loaders import BaseLoader
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from mailmerge_cli.display import show
from mailmerge_cli.render import bounds, filters
from mailmerge_cli.render.group import total
from mailmerge_cli.render.protect import tidied

_REMOVED = ("attr", "pprint", "random", "lipsum", "filesizeformat", "map", "xmlattr")
_GROWING = ("center", "indent", "replace", "join", "batch", "slice", "wordwrap", "urlize")


class FolderLoader(BaseLoader):
    """Templates that are included, from below one folder.

    Args:
        folder: where names start.
        root: what real paths must lie in.
        prepare: what is done to a text before it is compiled.
    """

    def __init__(self, folder: Path, root: Path, prepare: Callable[[str], str] | None = None) -> None:
        self.folder = folder
        self.root = root
        self.prepare = prepare
        self._texts: dict[str, str] = {}

    def preparing(self, prepare: Callable[[str], str]) -> FolderLoader:
        """The same files with something done to them; what was read stays read, so that what was checked is sent."""
        loader = FolderLoader(self.folder, self.root, prepare)
        loader._texts = self._texts
        return loader

    def read(self, name: str) -> str:
        """The text of one template, read once; TemplateNotFound if it does not lie in the folder."""
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    def _read(self, name: str) -> str:
        plain = name.replace("\\", "/")
        if (
            not plain
            or plain.startswith(("/", "~"))
            or ":" in plain
            or "\0" in plain
            or ".." in plain.split("/")
        ):
            raise TemplateNotFound(name, f"{name!r} does not lie in the template's folder")
        path = (self.folder / plain).resolve()
        if not path.is_relative_to(self.root.resolve()) or not path.is_file():
            raise TemplateNotFound(name, f"{name!r} is no file in the template's folder")
        try:
            return path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
        except (OSError, UnicodeError) as error:
            raise TemplateNotFound(name, f"{name!r} cannot be read as UTF-8 text") from error

    def get_source(
        self,
        environment: Any,  # noqa: ARG002  Jinja's door has it
        template: str,
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Jinja's door."""
        text = self.read(template)
        return tidied(self.prepare(text) if self.prepare else text), template, lambda: True


class _Bounding(NodeTransformer):
    """Loops are counted and `~` is measured; `outputs` wraps what is printed into a filter."""

    def __init__(self, outputs: Callable[[nodes.Expr], str] | None) -> None:
        self.outputs = outputs

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802  Jinja's way
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_turns")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802  Jinja's way
        self.generic_visit(node)
        return _filtered(node, "_measured")

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802  Jinja's way
        self.generic_visit(node)
        if self.outputs is not None:
            node.nodes = [
                child if isinstance(child, nodes.TemplateData) else _filtered(child, self.outputs(child))
                for child in node.nodes
            ]
        return node


def _filtered(node: nodes.Node, name: str) -> nodes.Expr:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class Sandbox(ImmutableSandboxedEnvironment):
    """One environment.

    Args:
        autoescape: for HTML.
        loader: for `include`; None where files make no sense.
        outputs: gives the name of a filter for each printed expression.
        printing: those filters.
    """

    intercepted_binops = frozenset({"*", "**", "%", "+"})
    concat = staticmethod(bounds.bounded_concat)

    def __init__(
        self,
        *,
        autoescape: bool = False,
        loader: BaseLoader | None = None,
        outputs: Callable[[nodes.Expr], str] | None = None,
        printing: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        super().__init__(
            autoescape=autoescape,
            loader=loader,
            undefined=StrictUndefined,
            finalize=printed,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self.outputs = outputs
        self.globals = {"range": bounds.bounded_range, "namespace": self.globals["namespace"]}
        for name in _REMOVED:
            self.filters.pop(name, None)
        for name in _GROWING:
            self.filters[name] = _weighed(self.filters[name])
        self.filters.update(number=filters.number, date=filters.as_date, format=filters.as_format)
        self.filters.update(total=total)
        self.filters.update(_link=filters.link, _turns=_turns, _measured=_measured, **(printing or {}))

    def compile(self, source: Any, *rest: Any, **named: Any) -> Any:
        """Compile after loops and texts were bounded."""
        if isinstance(source, str):
            name, filename = [*rest[:2], None, None][:2]
            source = self.parse(source, named.get("name", name), named.get("filename", filename))
        source = _Bounding(self.outputs).visit(source)
        source.set_environment(self)
        return super().compile(source, *rest, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The operators that can make much of little."""
        bounds.checked_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063  Jinja's way
        """A method or macro."""
        bounds.checked_call(__obj, (*args, *kwargs.values()))
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Any:
        """`"…".format(…)`, with fields of bounded width."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None
        pattern = value.__self__

        def bounded(*args: Any, **kwargs: Any) -> Any:
            bounds.checked_filling(pattern, "{", (*args, *kwargs.values()))
            return wrapped(*args, **kwargs)

        return bounded


def printed(value: Any) -> Any:
    """What `{{ … }}` prints: a computed number as a sheet would show it, a moment to the minute, and never `None`."""
    kind = type(value)
    if kind is str:
        return value
    if kind is float:
        return show(value, "General")
    if kind is datetime:
        return value.strftime("%Y-%m-%d %H:%M")
    if value is None:
        raise TemplateRuntimeError("nothing (None) would be printed")
    return value


@pass_context
def _turns(context: Context, values: Any) -> Any:
    budget = context.parent.get(" turns")
    return budget.count(values) if isinstance(budget, bounds.Turns) else bounds.Turns().count(values)


def _measured(text: Any) -> Any:
    if len(text) > bounds.LONGEST_TEXT:
        raise bounds.TooMuch("text too long")
    return text


def _weighed(original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of Jinja's whose result is weighed before it is made."""

    def weighed(first: Any, *args: Any, **kwargs: Any) -> Any:
        # Filters that want context or environment get it first; it weighs nothing.
        bounds.checked_growth(first, *args, *kwargs.values())
        return original(first, *args, **kwargs)

    marker = getattr(original, "jinja_pass_arg", None)
    if marker is not None:
        weighed.jinja_pass_arg = marker  # type: ignore[attr-defined]
    return weighed
