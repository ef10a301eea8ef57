"""`mailmerge resend`: a second mail, on purpose, to people who have theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from unicodedata import normalize

import typer

from mailmerge_cli.cli.options import InputsOnKeys
from mailmerge_cli.cli.people import apart, named
from mailmerge_cli.cli.place import run_of, spool_for
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, MailmergeError, Refused
from mailmerge_cli.model.delivery import Delivery, Run, State
from mailmerge_cli.report.steps import Typed

_SHOWN = 20  # people who are named before the question


def resend(
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="Keys or addresses of the people.", show_default=False),
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
    from mailmerge_cli.campaign.changes import Acceptance
    from mailmerge_cli.campaign.runs import Choice
    from mailmerge_cli.cli.boundary import refuse
    from mailmerge_cli.cli.sending import Sending, tell_summary
    from mailmerge_cli.cli.typed import typed_of
    from mailmerge_cli.cli.wishes import Wishes, account_of, credentials_for, place_with

    inputs, words = apart(inputs, keys)
    place = place_with(inputs)
    sender = account_of(place)
    address = _checked(to, words)
    credentials = credentials_for(sender, screen, password_stdin=password_stdin)
    typed = typed_of(inputs, place.campaign.account)
    with place.writing(must_exist=True) as ledger:
        run = run_of(ledger, inputs)
        people = named(ledger, run, words, typed)
        _check(people, typed)
        if not _agreed(screen, run, people, address, yes=yes):
            screen.say("Nothing was sent.")
            return ExitCode.OK
        wishes = Wishes(
            Acceptance(elsewhere=typed.again),
            tuple(one.key for one in people),
            yes=True,
            again=True,
            again_to=address,
        )
        choice = Choice(run.label, run, run.opened)
        spool = spool_for(place, run.label)
        kept = spool is not None and spool.exists()
        sending = Sending(screen, place, sender, credentials, wishes, typed, from_ledger=kept)
        try:
            summary = sending.send(ledger, choice)
        except (MailmergeError, KeyboardInterrupt) as error:
            return refuse(screen, error, sending.standing)
    return tell_summary(screen, summary, replace(typed, secret=credentials.source))


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


def _check(people: list[Delivery], typed: Typed) -> None:
    other = [f"{one.key} ({one.state.value})" for one in people if one.state is not State.SENT]
    if other:
        raise Refused(
            f"Only people who have their mail can get a second one; not: {', '.join(other)}.",
            hint=f"Failed ones: {typed.again} --retry-failed; in doubt: {typed.on_keys('resolve')}",
        )


def _agreed(screen: Screen, run: Run, people: list[Delivery], address: str, *, yes: bool) -> bool:
    """Whether somebody who has seen each of them says yes: y for one, their number for more."""
    if not yes:
        screen.must_ask()
    screen.say(f"A second mail of run “{run.label}”:")
    for one in people[:_SHOWN]:
        to = f"to {address} (was {one.address})" if address else one.address
        screen.say(
            f"  row {one.row}, {one.key}, {to}" if one.key != one.address else f"  row {one.row}, {to}"
        )
    if len(people) > _SHOWN:
        screen.say(f"  … and {len(people) - _SHOWN} more")
    if yes or len(people) == 1:
        return screen.confirm("Send it?", yes=yes)
    return _counted(screen, len(people))


def _counted(screen: Screen, count: int) -> bool:
    while (answer := screen.ask(f"Type {count} to send, q to quit: ")) is not None:
        answer = normalize("NFKC", answer).lower()  # an input method may type full-width digits
        if answer == str(count):
            return True
        if answer in ("q", "quit", "n", "no"):
            return False
    return False
