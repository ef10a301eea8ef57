"""What a sheet program hides and how that is told: columns and sheets are counted and named (F15). Rows are each source's own matter."""

from __future__ import annotations

from collections.abc import Sequence

from mailmerge_cli.sources.table_file import counted

_TOLD = 10


def hidden_columns_note(letters: Sequence[str]) -> tuple[str, ...]:
    """A note on columns that a person does not see; none if there are none."""
    if not letters:
        return ()
    count = counted(
        len(letters), "hidden column is read like the others", "hidden columns are read like the others"
    )
    return (f"{count}: {', '.join(letters[:_TOLD])}{', …' if len(letters) > _TOLD else ''}",)


def hidden_sheets_note(hidden: Sequence[str], chosen: str) -> tuple[str, ...]:
    """Notes on sheets whose tab a person does not see: the one that is read, and those that are not."""
    others = [f"“{name}”" for name in hidden if name != chosen]
    notes: tuple[str, ...] = (f"the sheet “{chosen}” is hidden",) if len(others) < len(hidden) else ()
    if others:
        count = counted(len(others), "hidden sheet is not read", "hidden sheets are not read")
        notes += (f"{count}: {', '.join(others[:_TOLD])}{', …' if len(others) > _TOLD else ''}",)
    return notes
