"""`mailmerge resolve`: a person's word on deliveries in doubt."""

from __future__ import annotations

from typing import Annotated

import typer

from mailmerge_cli.cli.options import OnKeys
from mailmerge_cli.cli.people import apart, named
from mailmerge_cli.cli.place import place_of, run_of
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.cli.typed import typed_of
from mailmerge_cli.errors import ExitCode, Refused, UsageFault
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Delivery, Run, State
from mailmerge_cli.report.steps import Typed


def resolve(
    keys: Annotated[
        list[str] | None,
        typer.Argument(help="Keys or addresses of the deliveries; @FILE: one a line.", show_default=False),
    ] = None,
    sent: Annotated[bool, typer.Option("--sent", help="They arrived: count them as sent.")] = False,
    resend: Annotated[
        bool, typer.Option("--resend", help="They did not arrive: the next `send` sends them.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="All that are in doubt.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    *,
    where: OnKeys,
    screen: Screen,
) -> int:
    """Say what became of deliveries in doubt."""
    if sent == resend:
        raise UsageFault("Say one of --sent (they arrived) and --resend (send them again).")
    where, words = apart(where, keys or (), all_=all_)
    if bool(words) == all_:
        raise UsageFault("Name the keys, or say --all.")
    place = place_of(where)
    with place.writing(must_exist=True) as ledger:
        run = run_of(ledger, where)
        typed = typed_of(where, place.campaign.account, used=ledger.last_account(run))
        doubtful = _doubtful(ledger, run, words, typed)
        word = "as sent" if sent else f"to be sent again by the next `{typed.again}`"
        people = ", ".join(map(_told, doubtful[:5])) + (", …" if len(doubtful) > 5 else "")
        if not screen.confirm(
            f"{len(doubtful)} in doubt ({people}): take {'it' if len(doubtful) == 1 else 'them'} {word}?",
            yes=yes,
        ):
            screen.say("Nothing was changed.")
            return ExitCode.OK
        number = ledger.resolve(run, [one.key for one in doubtful], sent=sent)
    screen.say(f"{number} taken {word}.")
    if screen.as_json:
        screen.json({"schema": 1, "run": run.label, "resolved": number, "as": "sent" if sent else "pending"})
    return ExitCode.OK


def _told(one: Delivery) -> str:
    return one.address if one.key == one.address else f"{one.key} {one.address}"


def _doubtful(ledger: Ledger, run: Run, words: list[str], typed: Typed) -> list[Delivery]:
    found = (
        named(ledger, run, words, typed) if words else list(ledger.deliveries(run, states=(State.IN_DOUBT,)))
    )
    if other := [one.key for one in found if one.state is not State.IN_DOUBT]:
        raise Refused(
            f"Not in doubt in run “{run.label}”: {', '.join(other)}.",
            hint=f"Those that are: {typed.on('log', '--state in_doubt')}",
        )
    if not found:
        raise Refused(f"Nothing is in doubt in run “{run.label}”.")
    return found
