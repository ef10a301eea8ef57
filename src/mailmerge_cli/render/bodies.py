"""A template's body becomes text and HTML for each row: converted once where that is right, for each row where it must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.table import Row
from mailmerge_cli.render.alternative import text_of
from mailmerge_cli.render.environment import FolderLoader, Sandbox, printed
from mailmerge_cli.render.fault import Place, failing_line, row_problem
from mailmerge_cli.render.filters import link
from mailmerge_cli.render.headers import TemplateFile
from mailmerge_cli.render.html import finish, guarding, has_style, inline_css, inline_css_now
from mailmerge_cli.render.images import Images
from mailmerge_cli.render.markdown import convert, convert_template, plain_source, spaced
from mailmerge_cli.render.piece import Piece
from mailmerge_cli.render.protect import Protected, flattened, tidied
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.survey import Usage, refused, survey

_EMPTY_LINES = re.compile(r"\n{3,}")
_BORROWING = frozenset({"include", "import", "from", "extends"})


class BodyPart:
    """One body of all rows.

    Args:
        make: gives it for one row.
        origin: the template as it was written, to tell the line of a fault.
        usage: what it uses.
    """

    def __init__(self, make: Callable[[Row | None], str], origin: Origin, usage: Usage) -> None:
        self._make = make
        self._origin = origin
        self._columns = tuple(column for column in usage.scope.columns if column.index in usage.columns)
        self.fixed: str | None = None
        if not usage.varies:
            self.fixed = self._fixed()

    def _fixed(self) -> str:
        try:
            return _canonical(self._make(None))
        except Exception as error:  # noqa: BLE001  a template raises whatever it likes
            line = self._origin.line_of(None) or failing_line(error) or 0
            place = self._origin.place
            message = f"{place.file}:{line or place.line}: the template cannot be rendered: {error}"
            raise refused([Problem(None, None, "template", message)]) from None

    def fill(self, row: Row, faults: list[Problem]) -> str:
        """The body for one row; what is wrong is added to `faults`."""
        if self.fixed is not None:
            return self.fixed
        try:
            return _canonical(self._make(row))
        except Exception as error:  # noqa: BLE001  a template raises whatever it likes
            faults.append(
                row_problem(error, row, self._columns, self._origin.place, self._origin.line_of(row))
            )
            return ""


def _canonical(text: str) -> str:
    """LF line ends, and one at the end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


@dataclass(slots=True)
class Origin:
    """The template as its author sees it."""

    scope: Scope
    environment: Sandbox
    text: str
    usage: Usage
    place: Place
    _piece: Piece | None = None

    def line_of(self, row: Row | None) -> int | None:
        """The line on which the row's fault arises, if it arises there too."""
        if self._piece is None:
            self._piece = Piece(self.scope, self.environment, self.text, self.usage)
        try:
            self._piece.fill(row)
        except Exception as error:  # noqa: BLE001  it is the fault that is looked for
            return failing_line(error)
        return None


@dataclass(frozen=True, slots=True)
class Bodies:
    """Both bodies; None for one that the mail does not have. `files`: what was included."""

    text: BodyPart | None
    html: BodyPart | None
    usage: Usage
    files: tuple[str, ...]
    once: bool
    """Whether nothing but filling in is done for each row."""


class BodyMaker:
    """Makes the bodies of one template.

    Args:
        scope: known names.
        loader: of included files.
        images: takes the local images.
        file: the template's name for messages.
    """

    def __init__(self, scope: Scope, loader: FolderLoader, images: Images, file: str) -> None:
        self.scope = scope
        self.loader = loader
        self.images = images
        self.file = file
        self.environment = Sandbox(loader=loader)

    def make(self, template: TemplateFile, companion: str | None, companion_file: str) -> Bodies:
        """The bodies of a template.

        Args:
            template: taken apart.
            companion: the text that stands beside it as the text alternative; None if there is none.
            companion_file: its name for messages.

        Raises:
            Refused: syntax, names, included files or images are wrong.
        """
        place = Place(self.file, template.body_line)
        offset = template.body_line - 1
        usage = survey(self.scope, self.environment, template.body, place, offset=offset)
        origin = Origin(self.scope, self.environment, "\n" * offset + tidied(template.body), usage, place)
        if template.kind == "text":
            piece = Piece(self.scope, self.environment, tidied(template.body), usage)
            return Bodies(BodyPart(piece.fill, origin, usage), None, usage, usage.files, True)
        source = flattened(template.body, self.loader.read)
        made = (
            self._markdown(source, usage, place)
            if template.kind == "markdown"
            else self._html(source, usage, place)
        )
        html, text, once = made
        text = _calm(text)
        html_part = BodyPart(html, origin, usage)
        if companion is None:
            return Bodies(BodyPart(text, origin, usage), html_part, usage, usage.files, once)
        text_part, more = self._companion(companion, companion_file)
        usage.columns |= more.columns
        return Bodies(text_part, html_part, usage, usage.files + more.files, once)

    def _companion(self, text: str, file: str) -> tuple[BodyPart, Usage]:
        place = Place(file, 1)
        usage = survey(self.scope, self.environment, text, place)
        origin = Origin(self.scope, self.environment, tidied(text), usage, place)
        return BodyPart(Piece(self.scope, self.environment, origin.text, usage).fill, origin, usage), usage

    def _html(self, source: str, usage: Usage, place: Place) -> tuple[_Make, _Make, bool]:
        protected = Protected(source)
        borrows = any(mark.word in _BORROWING for mark in protected.marks)
        styled = has_style(protected.text) or borrows
        inlined = inline_css(protected, protected.text) if styled and not borrows else None
        html = self._finished(protected, inlined if inlined is not None else protected.text, place)
        environment = Sandbox(autoescape=True, loader=self.loader.preparing(self._prepared))
        fill = Piece(self.scope, environment, tidied(protected.restore(html)), usage).fill
        make = _styling(fill) if styled and inlined is None else fill
        text = None if borrows or protected.raw() else self._text(protected, html, usage)
        return make, text or (lambda row: text_of(make(row))), make is fill and text is not None

    def _text(self, protected: Protected, html: str, usage: Usage) -> _Make | None:
        """The text alternative as a template of its own; None where a template cannot be made of it."""
        source = protected.restore(text_of(html, protected.pattern))
        environment = Sandbox(loader=self.loader)
        try:
            survey(self.scope, environment, source, usage.place)
            return Piece(self.scope, environment, source, usage).fill
        except Refused:
            return None

    def _prepared(self, source: str) -> str:
        """An included HTML file with its images and links made fit."""
        protected = Protected(source)
        return protected.restore(self._finished(protected, protected.text, Place(self.file)))

    def _finished(self, protected: Protected, html: str, place: Place) -> str:
        try:
            return finish(protected, html, self.images.link, guarding(protected))
        except ValueError as error:
            raise refused([Problem(None, None, "image", f"{place.file}: {error}")]) from None

    def _markdown(self, source: str, usage: Usage, place: Place) -> tuple[_Make, _Make, bool]:
        protected = Protected(source)
        markdown = spaced(protected, protected.text)
        text = Piece(
            self.scope, self.environment, tidied(protected.restore(plain_source(markdown))), usage
        ).fill
        borrows = any(mark.word in _BORROWING for mark in protected.marks)
        html = None if borrows else convert_template(protected, markdown)
        if html is None:
            return self._row_by_row(protected, markdown, usage, place), text, False
        html = self._finished(protected, html, place)
        environment = Sandbox(autoescape=True, loader=self.loader)
        return Piece(self.scope, environment, tidied(protected.restore(html)), usage).fill, text, True

    def _row_by_row(self, protected: Protected, markdown: str, usage: Usage, place: Place) -> _Make:
        """Markdown converted for each row, with words in the place of values, so that a value is never Markdown."""
        self._finished(protected, convert(markdown), place)  # takes the images
        environment = Sandbox(
            loader=self.loader,
            outputs=lambda _: "_word",
            printing={"_word": pass_context(_Words(protected.prefix))},
        )
        piece = Piece(self.scope, environment, tidied(protected.restore(markdown)), usage)

        def make(row: Row | None) -> str:
            values: list[Any] = []
            filled = piece.fill(row, **{" words": values})
            html = finish(protected, convert(filled), self.images.link, lambda match: _checked(match, values))
            return protected.pattern.sub(lambda match: _html_of(values[int(match[2])]), html)

        return make


_Make = Callable[[Row | None], str]


class _Words:
    """The filter that keeps a value and prints a word for it."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __call__(self, context: Context, value: Any) -> str:
        values: list[Any] = context.parent[" words"]
        values.append(printed(value))
        str(values[-1])  # raises here if it must not be printed
        return f"{self.prefix}p{len(values) - 1}z"


def _checked(match: Any, values: list[Any]) -> str:
    link(values[int(match[2])])
    return str(match[0])


def _html_of(value: Any) -> str:
    return str(value.__html__()) if hasattr(value, "__html__") else escape(str(value))


def _calm(fill: _Make) -> _Make:
    """No more than one empty line in a row, where a branch of the template left nothing."""

    def make(row: Row | None) -> str:
        text = fill(row)
        return _EMPTY_LINES.sub("\n\n", text) if "\n\n\n" in text else text

    return make


def _styling(fill: Callable[[Row | None], str]) -> _Make:
    return lambda row: inline_css_now(fill(row))
