"""`mailmerge resend`: a second mail, on purpose, to people who have theirs."""

from __future__ import annotations

from typing import Annotated

import typer

from mailmerge_cli.cli.options import InputsOnKeys
from mailmerge_cli.cli.place import run_of, spool_for
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, MailmergeError, Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Run, State


def resend(
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="Keys of the people.", show_default=False)
    ],
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="To this address instead (one key only).")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    *,
    inputs: InputsOnKeys,
    screen: Screen,
) -> int:
    """Send a second mail, on purpose, to people who have theirs."""
    from mailmerge_cli.campaign.runs import Choice
    from mailmerge_cli.cli.boundary import refuse
    from mailmerge_cli.cli.sending import Sending, tell_summary
    from mailmerge_cli.cli.typed import typed_of
    from mailmerge_cli.cli.wishes import Wishes, account_of, credentials_for, place_with

    place = place_with(inputs)
    sender = account_of(place)
    address = _checked(to, keys)
    credentials = credentials_for(sender, screen, password_stdin=password_stdin)
    typed = typed_of(inputs, place.campaign.account)
    with place.writing(must_exist=True) as ledger:
        run = run_of(ledger, inputs)
        _check_keys(ledger, run, keys)
        question = f"{len(keys)} of run “{run.label}” have their mail already. Send them a second one?"
        if not screen.confirm(question, yes=yes):
            screen.say("Nothing was sent.")
            return ExitCode.OK
        wishes = Wishes(only=tuple(keys), yes=True, again=True, again_to=address)
        choice = Choice(run.label, run, run.opened)
        spool = spool_for(place, run.label)
        kept = spool is not None and spool.exists()
        sending = Sending(screen, place, sender, credentials, wishes, typed, from_ledger=kept)
        try:
            summary = sending.send(ledger, choice)
        except (MailmergeError, KeyboardInterrupt) as error:
            return refuse(screen, error, sending.standing)
    return tell_summary(screen, summary, typed)


def _checked(to: str | None, keys: list[str]) -> str:
    from mailmerge_cli.address import AddressFault, parse_address

    if to is None:
        return ""
    if len(keys) > 1:
        raise Refused("--to is for one person; name one key.")
    try:
        return parse_address(to).spec
    except AddressFault as fault:
        raise Refused(f"--to {to}: {fault}.") from fault


def _check_keys(ledger: Ledger, run: Run, keys: list[str]) -> None:
    found = ledger.find(run, keys)
    if missing := [key for key in keys if key not in found]:
        raise Refused(f"No such key in run “{run.label}”: {', '.join(missing)}. `mailmerge log` lists them.")
    other = [f"{key} ({found[key].state.value})" for key in keys if found[key].state is not State.SENT]
    if other:
        raise Refused(
            f"Only people who have their mail can get a second one; not: {', '.join(other)}.",
            hint="Failed ones: `mailmerge send --retry-failed`; in doubt: `mailmerge resolve`.",
        )
