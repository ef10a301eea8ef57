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
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="As `send` with it.")] = False,
    new_run: Annotated[bool, typer.Option("--new-run", help="As if a new run were opened.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="With --online: read the password from standard input.")
    ] = False,
    *,
    inputs: Inputs,
    screen: Screen,
) -> int:
    """Check everything that `send` would check, for all rows; send nothing."""
    from mailmerge_cli.campaign.changes import Acceptance
    from mailmerge_cli.cli.checking import Checking

    acceptance = Acceptance(accept_new, accept_changes, retry_failed)
    checking = Checking(screen, inputs, acceptance, new_run=new_run)
    return checking.run(online=online, password_stdin=password_stdin)
