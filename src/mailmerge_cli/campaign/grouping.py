"""`group_by`: which lines of the list are one mail, by the campaign's words and the roles of its columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mailmerge_cli.campaign.columns import Roles, find_column
from mailmerge_cli.model.campaign import RecipientSettings
from mailmerge_cli.model.table import Row, Source
from mailmerge_cli.sources.grouped import GroupedSource, Grouping


def grouped(
    source: Source,
    settings: RecipientSettings,
    roles: Roles,
    where: Callable[[Row], object] | None,
    *,
    own_to: bool,
) -> tuple[GroupedSource, Roles, Callable[[Row], object] | None]:
    """The list with its lines put together, the roles of its columns, and what tells whether a row is chosen.

    `where` chooses lines, before they are put together. Without a key column of its own the value that the lines share is
    the key, so that the ledger knows one mail a group. A name column that was guessed may differ: then no name is taken.

    Raises:
        Refused: the list has no column called as `group_by` says, or one that is called `rows`.
    """
    column = find_column(source.columns, settings.group_by, "[recipients] group_by (or --group-by)")
    key = roles.key if roles.key is not None or column == roles.email else column
    agree = (None if own_to else roles.email, key, roles.name if settings.name else None)
    grouping = Grouping(
        column,
        roles.email,
        tuple(dict.fromkeys(each for each in agree if each is not None and each != column)),
        where,
    )
    return GroupedSource(source, grouping), replace(roles, key=key), has_lines if where else None


def has_lines(row: Row) -> bool:
    """Whether any line of a row was chosen."""
    return bool(row.lines)
