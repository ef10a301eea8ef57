"""What a template uses and what is wrong with it, found before any row is read: unknown names, forbidden ones, files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from jinja2 import TemplateNotFound, TemplateSyntaxError, meta, nodes

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.render.braces import advice, broken_placeholders
from mailmerge_cli.render.environment import FolderLoader, Sandbox
from mailmerge_cli.render.fault import Place, told
from mailmerge_cli.render.line_names import Kind, LineNames
from mailmerge_cli.render.scope import Scope

_OF_LINES = "; the lines of one mail are its rows where [recipients] group_by (or --group-by) says what makes them one"


class Usage:
    """What one parsed template uses of a scope.

    Attributes:
        columns: indexes of columns, by name or by `row["…"]`.
        row: the template uses `row`.
        lines: the template uses `rows`.
        loops: it holds a loop (or includes a file, which may).
        problems: names that do not exist and things that templates may not do.
        known: names that one of several files makes for the others.
        files: names of the files that are included.
    """

    def __init__(self, scope: Scope, place: Place) -> None:
        self.scope = scope
        self.place = place
        self.columns: set[int] = set()
        self.row = False
        self.lines = False
        self.loops = False
        self.problems: list[Problem] = []
        self.known: frozenset[str] = frozenset()
        self.files: tuple[str, ...] = ()

    @property
    def varies(self) -> bool:
        """Whether the outcome may differ from row to row."""
        return bool(self.columns) or self.row

    def add(self, tree: nodes.Template, place: Place) -> None:
        """Take in one parsed template; lines are the tree's."""
        unknown = meta.find_undeclared_variables(tree)
        lines = {
            node.name: node.lineno for node in reversed(list(tree.find_all(nodes.Name))) if node.ctx == "load"
        }
        for name in sorted(unknown, key=lambda name: (lines.get(name, 0), name)):
            if name != "date" or not self._add_date(tree, place):
                self._add_name(name, lines.get(name, 0), place)
        self.loops = self.loops or any(
            tree.find_all((nodes.For, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))
        )
        kinds = LineNames(tree, self.scope.lines.name) if self.scope.lines is not None else None
        for attribute in tree.find_all((nodes.Getattr, nodes.Getitem)):
            if kinds is None or not self._add_of_lines(attribute, kinds, place):
                self._add_attribute(attribute, place)
        for name, line in kinds.asked() if kinds is not None else ():
            self._add_of_line(name, line, place)

    def _add_of_lines(self, node: nodes.Node, kinds: LineNames, place: Place) -> bool:
        """Take in what is asked of `rows` or of one line; False if it is neither."""
        kind = kinds.kind(node.node)  # type: ignore[attr-defined]
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)  # type: ignore[attr-defined]
        if kind is Kind.LINE and isinstance(key, str):
            self._add_of_line(key, node.lineno, place)
        elif kind is Kind.LINES and isinstance(key, str):
            sentence = f"rows are the lines of one mail: {{% for line in rows %}} line.{key} {{% endfor %}}"
            self.complain(sentence, node.lineno, place)
        return kind is not None

    def _add_of_line(self, name: str, line: int, place: Place) -> None:
        if not self.scope.in_lines(name):
            self.complain(f"the lines of rows have no column {name!r}{self._hint(name)}", line, place)

    def _add_date(self, tree: nodes.Template, place: Place) -> bool:
        """Take in `date("2026-01-01")`; False where `date` is a name like any other."""
        called = {id(call.node): call for call in tree.find_all(nodes.Call)}
        dates = [name for name in tree.find_all(nodes.Name) if name.name == "date"]
        if "date" in self.scope.constants or not any(id(name) in called for name in dates):
            return False
        if "date" in self.scope.by_name:
            sentence = 'date is a column here; write a fixed date as "2026-01-01" | date'
            self.complain(sentence, next(name.lineno for name in dates if id(name) in called), place)
            return False
        return all(id(name) in called for name in dates)

    def _add_name(self, name: str, line: int, place: Place) -> None:
        column = self.scope.by_name.get(name)
        if name == "row" and self.scope.columns:
            self.row = True
        elif column is not None and column.holds_lines:
            self.lines = True
            self.columns.update(every.index for every in self.scope.columns)
        elif column is not None:
            self.columns.add(column.index)
        elif name not in self.scope.constants and name not in {"range", "namespace"} | self.known:
            hint = _OF_LINES if name == "rows" else self._hint(name)
            self.complain(f"there is no column or value named {name!r}{hint}", line, place)

    def _add_attribute(self, node: nodes.Node, place: Place) -> None:
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)  # type: ignore[attr-defined]
        owner = node.node  # type: ignore[attr-defined]
        of_row = isinstance(owner, nodes.Name) and owner.name == "row" and self.row
        if isinstance(key, str) and key.startswith("_") and not of_row:
            self.complain(f"{key!r} is not open to templates", node.lineno, place)
        elif of_row and isinstance(key, str):
            self._add_title(key, isinstance(node, nodes.Getattr), node.lineno, place)
        if of_row and not isinstance(key, str):
            self.columns.update(column.index for column in self.scope.columns)

    def _add_title(self, key: str, dotted: bool, line: int, place: Place) -> None:
        column = self.scope.by_title.get(key) or self.scope.by_name.get(key)
        column = None if column is not None and column.holds_lines else column
        if dotted and hasattr(dict, key) and not key.startswith("_"):
            self.columns.update(every.index for every in self.scope.columns)
        elif column is not None:
            self.columns.add(column.index)
        else:
            self.complain(f"there is no column titled {key!r}{self._hint(key)}", line, place)

    def settle(self, tree: nodes.Template) -> None:
        """Once all trees are in: a `row` that is handed on whole uses every column."""
        if self.row and _row_alone(tree):
            self.columns.update(column.index for column in self.scope.columns)

    def complain(self, sentence: str, line: int, place: Place) -> None:
        """Note a problem of the template."""
        line = place.line if place.header else line or place.line
        where = f"{place.file}:{line}" if line else place.file
        self.problems.append(Problem(None, place.header or None, place.kind, f"{where}: {sentence}"))

    def _hint(self, name: str) -> str:
        near = self.scope.nearest(name)
        if near and near.isidentifier():
            return f"; did you mean {near!r}?"
        return f'; did you mean row["{near}"]?' if near else ""


def _row_alone(tree: nodes.Template) -> bool:
    """Whether `row` stands anywhere but in front of a dot or bracket."""
    owners = {id(node.node) for node in tree.find_all((nodes.Getattr, nodes.Getitem))}  # type: ignore[attr-defined]
    return any(name.name == "row" and id(name) not in owners for name in tree.find_all(nodes.Name))


def survey(scope: Scope, environment: Sandbox, text: str, place: Place, *, offset: int = 0) -> Usage:
    """Parse a template and all that it includes, and tell what it uses.

    Args:
        scope: known names.
        environment: whose filters and tests are known; its loader finds included files.
        text: the template.
        place: where it stands.
        offset: lines of the file above the text.

    Raises:
        Refused: a syntax error, an unknown name, a forbidden attribute, a broken placeholder, a file that cannot be
            included.
    """
    usage = Usage(scope, place)
    sources = list(_trees(scope, environment, "\n" * offset + text, place, set()))
    trees = [(tree, where) for tree, where, _ in sources]
    if len(trees) > 1:  # what one file sets, another may use
        usage.known = frozenset(name for tree, _ in trees for name in _names_made(tree))
    for tree, where in trees:
        usage.add(tree, where)
        usage.settle(tree)
    for _, where, source in sources:
        for line, sentence in dict.fromkeys(broken_placeholders(scope, source)):
            usage.complain(sentence, line, where)
    usage.files = tuple(where.file for _, where in trees[1:])
    if usage.problems:
        raise refused(usage.problems)
    return usage


def _names_made(tree: nodes.Template) -> Iterator[str]:
    """Names that a template sets, imports or defines."""
    for name in tree.find_all(nodes.Name):
        if name.ctx != "load":
            yield name.name
    for macro in tree.find_all(nodes.Macro):
        yield macro.name
    for whole in tree.find_all(nodes.Import):
        yield whole.target
    for parts in tree.find_all(nodes.FromImport):
        yield from (part if isinstance(part, str) else part[1] for part in parts.names)


def _trees(
    scope: Scope, environment: Sandbox, text: str, place: Place, seen: set[str]
) -> Iterator[tuple[nodes.Template, Place, str]]:
    try:
        tree = environment.parse(text)
        environment.compile(tree)  # unknown filters and tests show here only
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        line = error.lineno if not place.header else place.line
        where = f"{place.file}:{line}" if line else place.file
        told_by_jinja = str(error.message)
        lines = text.split("\n")
        wrong = lines[error.lineno - 1] if 0 < error.lineno <= len(lines) else ""
        message = f"{where}: {advice(scope, wrong, told_by_jinja) or _syntax(environment, told_by_jinja)}"
        raise refused([Problem(None, place.header or None, place.kind, message)]) from None
    yield tree, place, text
    for name in meta.find_referenced_templates(tree):
        if name in seen:
            continue
        yield from _trees(
            scope,
            environment,
            _included(environment, name, place),
            Place(name or "", kind=place.kind),
            seen | {str(name)},
        )


def _included(environment: Sandbox, name: str | None, place: Place) -> str:
    loader = environment.loader
    if name is None or not isinstance(loader, FolderLoader):
        sentence = "only files with fixed names may be included" if loader else "nothing can be included here"
        raise refused([Problem(None, place.header or None, place.kind, f"{place}: {sentence}")])
    try:
        return loader.read(name)
    except TemplateNotFound as error:
        raise refused(
            [Problem(None, place.header or None, place.kind, f"{place}: {error.message}")]
        ) from None


def _syntax(environment: Sandbox, message: str) -> str:
    """Jinja's sentence, with the nearest filter or test when one is unknown."""
    words = message.split("'")
    known: Iterable[str] = (
        environment.filters if "filter" in message else environment.tests if "test" in message else ()
    )
    near = (
        difflib.get_close_matches(words[1], [n for n in known if not n.startswith("_")], n=1)
        if len(words) > 2
        else []
    )
    return message.rstrip(".") + (f"; did you mean {near[0]!r}?" if near else "")


def refused(problems: Iterable[Problem]) -> Refused:
    """The error for faults of a template."""
    found = tuple(problems)
    text = told(found[0]) if len(found) == 1 else f"The template has {len(found)} faults."
    return Refused(text, problems=found)
