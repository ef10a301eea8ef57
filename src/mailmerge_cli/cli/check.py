"""`mailmerge check`: everything that `send` would check, for all rows; sends nothing, records nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from mailmerge_cli.cli.options import Inputs
from mailmerge_cli.cli.screen import Screen


def check(
    online: Annotated[bool, typer.Option("--online", help="Connect and log in too; send nothing.")] = False,
    accept_new: Annotated[bool, typer.Option("--accept-new", help="New rows are no difference.")] = False,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Changes are no difference.")
    ] = False,
    new_run: Annotated[bool, typer.Option("--new-run", help="As if a new run were opened.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="With --online: read the password from standard input.")
    ] = False,
    *,
    inputs: Inputs,
    screen: Screen,
) -> int:
    """Check everything that `send` would check, for all rows; send nothing."""
    return check_campaign(
        inputs,
        screen,
        online=online,
        new_run=new_run,
        accept_new=accept_new,
        accept_changes=accept_changes,
        password_stdin=password_stdin,
    )


def check_campaign(
    inputs: Inputs,
    screen: Screen,
    *,
    online: bool = False,
    new_run: bool = False,
    accept_new: bool = False,
    accept_changes: bool = False,
    password_stdin: bool = False,
) -> int:
    """The same, for `send --dry-run` too."""
    from mailmerge_cli.campaign.changes import Acceptance
    from mailmerge_cli.cli.checking import Checking

    acceptance = Acceptance(accept_new, accept_changes)
    return Checking(screen, inputs, acceptance, new_run=new_run).run(
        online=online, password_stdin=password_stdin
    )
