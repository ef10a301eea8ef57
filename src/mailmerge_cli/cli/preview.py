"""`mailmerge preview`: one message on the screen, or all as .eml files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from mailmerge_cli.cli.options import Inputs
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, LedgerFault


def preview(
    row: Annotated[int | None, typer.Option("--row", help="The mail of this row.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="The mail of this key.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write all mails there, one .eml file each.")
    ] = None,
    *,
    inputs: Inputs,
    screen: Screen,
) -> int:
    """Show one message, or write all as .eml files. No connection, nothing recorded."""
    from mailmerge_cli.cli.closing import mails
    from mailmerge_cli.cli.column_table import columns_json, tell_inputs
    from mailmerge_cli.cli.rehearsal import chosen, composed, letters, open_looking, show, shown, write_eml
    from mailmerge_cli.cli.wishes import account_of, place_with

    place = place_with(inputs)
    account = account_of(place) if place.campaign.account else None
    with ExitStack() as stack:
        opened = open_looking(stack, place, account, inputs.run or "", screen)
        tell_inputs(screen, opened)
        if out is None:
            letter = chosen(opened, row, key, None)[0]
            if screen.as_json:
                screen.json(
                    {
                        "schema": 1,
                        "row": letter.row,
                        "mail": shown(opened, letter),
                        "columns": columns_json(screen, opened),
                    }
                )
            else:
                show(screen, opened, letter)
            return ExitCode.OK
        _make(out)
        number = 0
        for letter in letters(opened, row, key):
            number += 1
            write_eml(out / f"row-{letter.row:05d}.eml", composed(opened, letter))
        columns = columns_json(screen, opened)
    screen.say(f"{mails(number)} written to {out}.")
    if screen.as_json:
        screen.json({"schema": 1, "written": number, "folder": str(out), "columns": columns})
    return ExitCode.OK


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerFault(f"{folder} cannot be made: {error.strerror}.") from error
