"""The columns of the list as they were understood, with one value each: a wrong delimiter or a shifted column is seen at a glance.

Rule: what stands in a cell is shown to a person at a terminal, and to nobody else: a pipe, a file or a cron mail gets `•••`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailmerge_cli.cli.layout import cells, cut
from mailmerge_cli.cli.prepare import Inputs
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.model.cell import Cell, CellFault
from mailmerge_cli.model.guess import Guess
from mailmerge_cli.model.table import Column
from mailmerge_cli.render.scope import BUILT_IN_NAMES, Scope
from mailmerge_cli.sources.guess import guess_columns

MASK = "•••"
_TAKEN = BUILT_IN_NAMES | {"not"}
# Cells of the terminal for title, name and example: as much as they want at most, and what is left to each where room is short.
_MOST = (30, 60, 40)
_LEAST = (8, 12, 8)
_GAPS = 16  # of a table of five columns
_HEADINGS = ("column", "title", "in templates", "used as", "example")


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """One column, as it is told.

    Attributes:
        role: what the program itself takes it for: `address`, `name`, `key`, `required`, several of them, or nothing.
        why: how it came to its role, or what it could be; a sentence without its end.
        example: the first value that is not blank, as the sheet shows it; masked where nobody sits.
    """

    title: str
    name: str
    letter: str
    role: str
    why: str
    example: str


def shown_columns(inputs: Inputs, *, seen: bool) -> list[ShownColumn]:
    """All columns of the list; `seen`: a person sees them, at a terminal."""
    guess = guess_columns(inputs.source.columns, inputs.sample)
    scope = Scope(inputs.source.columns, inputs.names)
    return [
        ShownColumn(
            column.title,
            _names(scope, column),
            column.letter,
            ", ".join(_roles(inputs, column)),
            _why(inputs, guess, column),
            _example(
                (row.cells[column.index] for row in inputs.sample if column.index < len(row.cells)), seen
            ),
        )
        for column in inputs.source.columns
        if not column.holds_lines
    ]


def columns_json(screen: Screen, inputs: Inputs) -> list[dict[str, str]]:
    """The same for `--json`."""
    return [
        {
            "title": each.title,
            "name": each.name,
            "letter": each.letter,
            "role": each.role,
            "why": each.why,
            "example": each.example,
        }
        for each in shown_columns(inputs, seen=screen.out.tty)
    ]


def tell_inputs(screen: Screen, inputs: Inputs) -> None:
    """The columns as a table, why they are taken for what, and what else a person should know. `--json` and `--quiet`: notes alone."""
    if not screen.as_json and not screen.quiet:
        columns = shown_columns(inputs, seen=screen.talk.tty)
        title, name, example = _widths(screen.width(screen.talk), columns)
        rows = [
            (each.letter, cut(each.title, title), cut(each.name, name), each.role, cut(each.example, example))
            for each in columns
        ]
        screen.table(_HEADINGS, rows)
        for each in columns:
            if each.why:
                screen.say(f"Column “{each.title}”: {each.why}.")
    # What was met on the way to the last row is known only now.
    for note in dict.fromkeys((*inputs.notes, *inputs.source.notes)):
        if screen.as_json or screen.quiet or note not in inputs.roles.reasons:
            screen.note(note)


def _widths(width: int | None, columns: list[ShownColumn]) -> tuple[int, int, int]:
    """Cells for title, name and example, so that each column is one line; examples give way first, names last."""
    texts = (
        [each.title for each in columns],
        [each.name for each in columns],
        [each.example for each in columns],
    )
    widths = [
        min(max(map(cells, [heading, *column]), default=0), most)
        for heading, column, most in zip(
            (_HEADINGS[1], _HEADINGS[2], _HEADINGS[4]), texts, _MOST, strict=True
        )
    ]
    if width is not None:
        others = [max(map(cells, [_HEADINGS[0], *(each.letter for each in columns)]))]
        others.append(max(map(cells, [_HEADINGS[3], *(each.role for each in columns)])))
        excess = sum(widths) + sum(others) + _GAPS - width
        for at in (2, 0, 1):
            cut_off = max(0, min(excess, widths[at] - _LEAST[at]))
            widths[at] -= cut_off
            excess -= cut_off
    return widths[0], widths[1], widths[2]


def _names(scope: Scope, column: Column) -> str:
    """What a template can call it; nothing that another thing is called in this run, or always."""
    names = [name for name, _ in scope.named((column,)) if name not in _TAKEN]
    return " or ".join(names) or f'row["{column.title}"]' * bool(column.title)


def _roles(inputs: Inputs, column: Column) -> list[str]:
    roles = inputs.roles
    named = (("address", roles.email), ("name", roles.name), ("key", roles.key or roles.email))
    found = [role for role, taken in named if taken is not None and taken.index == column.index]
    return found + ["required"] * any(each.index == column.index for each in roles.required)


def _why(inputs: Inputs, guess: Guess, column: Column) -> str:
    roles, settings = inputs.roles, inputs.campaign.recipients
    reasons = dict(zip(("address", "name", "key"), guess.reasons, strict=True))
    said = {"address": settings.email, "name": settings.name, "key": settings.key}
    if settings.group_by and not settings.key and roles.key is not None:
        reasons["key"] = "because rows with the same value in it are one mail"
    why = []
    for role, taken in (("address", roles.email), ("name", roles.name), ("key", roles.key)):
        if taken is not None and taken.index == column.index:
            why.append(f"the {role}, as you say" if said[role] else f"the {role}, {_reason(reasons[role])}")
    if roles.key is None and roles.email is not None and roles.email.index == column.index:
        why.append("also the key, because no key column is said")
    if roles.key is None and guess.key is not None and guess.key.index == column.index:
        say = f'key = "{column.title}" under [recipients]'
        if inputs.campaign.file is None:
            say = f'--key-column "{column.title}"'
        why.append(f"it could name a person ({_reason(reasons['key'])}): {say}")
    return "; ".join(why)


def _reason(sentence: str) -> str:
    """What a sentence of the guess says behind the column's name: `by its title and its cells`."""
    return (
        "by its title" + sentence.rpartition("by its title")[2].rstrip(".")
        if "by its title" in sentence
        else ("by its cells" if "by its cells" in sentence else sentence.rstrip("."))
    )


def _example(found: Iterable[Cell], seen: bool) -> str:
    for cell in found:
        try:
            text = str(cell)
        except CellFault:
            return "(an error)"
        if text.strip():
            return text if seen else MASK
    return ""
