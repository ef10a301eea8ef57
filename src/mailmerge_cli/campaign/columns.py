"""Which column is what: address, name, key, required ones; and no two names that could be taken for each other."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.campaign import RecipientSettings
from mailmerge_cli.model.table import Column, Row, template_name
from mailmerge_cli.render.scope import BUILT_IN_NAMES
from mailmerge_cli.sources.guess import guess_columns


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that the program itself reads.

    Attributes:
        email: the address column; None only where the template's own To names the address.
        name: the display name; None if there is none.
        key: what names a person; None: the address does.
        required: columns that must not be blank.
        reasons: how they were found, for people.
    """

    email: Column | None
    name: Column | None
    key: Column | None
    required: tuple[Column, ...]
    reasons: tuple[str, ...] = ()


def find_column(columns: Sequence[Column], wanted: str, what: str) -> Column:
    """The column with that title or template name; Refused with the nearest one if there is none."""
    folded = wanted.strip().casefold()
    for column in columns:
        if column.title == wanted or column.name == wanted:
            return column
    for column in columns:
        if folded in (column.title.casefold(), column.name.casefold()):
            return column
    for column in columns:
        if any(folded in (alias.casefold(), template_name(alias).casefold()) for alias in column.aliases):
            return column
    titles = [column.title for column in columns]
    known = [title for column in columns for title in (column.title, *column.aliases)]
    near = difflib.get_close_matches(wanted, known, 1, 0.5)
    nearest = f"; the nearest is “{near[0]}”" if near else ""
    raise Refused(
        f"{what}: the list has no column “{wanted}”{nearest}. Its columns are: {', '.join(titles)}.",
        problems=(Problem(None, wanted, "column", f"no such column{nearest}"),),
    )


def assign_roles(
    columns: Sequence[Column],
    settings: RecipientSettings,
    values: Collection[str],
    sample: Sequence[Row],
    *,
    own_to: bool,
) -> Roles:
    """Decide who reads what. `own_to`: the template has a To line, so an address column may be missing."""
    _refuse_clashes(columns, values)
    guess = guess_columns(tuple(columns), sample)
    reasons: list[str] = []

    def named(wanted: str, guessed: Column | None, what: str, place: str) -> Column | None:
        if wanted:
            return find_column(columns, wanted, place)
        if guessed is not None:
            reasons.append(f"{what}: column “{guessed.title}”")
        return guessed

    email = named(settings.email, guess.email, "address", "[recipients] email (or --email-column)")
    if email is None and not own_to:
        raise Refused(
            'No column is plainly the address column. Name it with --email-column, or `email = "…"` under '
            f"[recipients]. The columns are: {', '.join(c.title for c in columns)}.",
            problems=(Problem(None, None, "column", "no address column"),),
        )
    name = named(settings.name, guess.name, "name", "[recipients] name (or --name-column)")
    key = named(settings.key, None, "key", "[recipients] key (or --key-column)")
    required = tuple(
        find_column(columns, each, "[recipients] required (or --require)") for each in settings.required
    )
    return Roles(email, name, key, required, tuple(reasons))


def _refuse_clashes(columns: Sequence[Column], values: Collection[str]) -> None:
    problems: list[Problem] = []
    seen: dict[str, Column] = {}
    for column in columns:
        if not column.name:
            continue
        if (twin := seen.setdefault(column.name, column)) is not column:
            problems.append(
                _clash(
                    column,
                    f"columns “{twin.title}” and “{column.title}” are both {column.name} in templates; rename one",
                )
            )
        if column.name in BUILT_IN_NAMES:
            problems.append(
                _clash(
                    column,
                    f"column “{column.title}” has the name of something built in ({column.name}); rename it",
                )
            )
        if column.name in values:
            problems.append(
                _clash(column, f"column “{column.title}” has the name of a value of [values]; rename one")
            )
    problems += [
        Problem(None, name, "name", f"the value “{name}” has the name of something built in; rename it")
        for name in values
        if name in BUILT_IN_NAMES
    ]
    if problems:
        raise Refused(
            "Names in the list clash: " + "; ".join(p.message for p in problems) + ".",
            problems=tuple(problems),
        )


def _clash(column: Column, message: str) -> Problem:
    return Problem(None, column.title, "name", message)
