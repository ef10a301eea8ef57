"""`mailmerge cancel`: what is left of a run will not be sent."""

from __future__ import annotations

from typing import Annotated

import typer

from mailmerge_cli.cli.options import Where
from mailmerge_cli.cli.place import place_of, run_of, spool_for
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode


def cancel(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    *,
    where: Where,
    screen: Screen,
) -> int:
    """What is left of a run will not be sent."""
    place = place_of(where)
    with place.writing(must_exist=True) as ledger:
        run = run_of(ledger, where)
        left = ledger.counts(run).left
        number = 0
        if not left:
            screen.say(f"Nothing is left of run “{run.label}”.")
        elif screen.confirm(
            f"Run “{run.label}”: {left} {'is not sent yet. Give it' if left == 1 else 'are not sent yet. Give them'} up?",
            yes=yes,
        ):
            number = ledger.cancel(run)
            if spool := spool_for(place, run.label):
                spool.unlink(missing_ok=True)
            screen.say(f"{number} of run “{run.label}” will not be sent.")
        else:
            screen.say("Nothing was changed.")
    if screen.as_json:
        screen.json({"schema": 1, "run": run.label, "cancelled": number})
    return ExitCode.OK
