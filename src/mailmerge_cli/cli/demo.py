"""`mailmerge demo`: the whole story on this machine alone; no account, no network, no questions."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailmerge_cli.cli.screen import Screen

if TYPE_CHECKING:
    from mailmerge_cli.mailbox.server import Mailbox
    from mailmerge_cli.report.summary import Summary

_SHOWN = ("row", "key", "address", "state", "reply")


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="Where the example goes; default: a new temporary folder.",
            show_default=False,
        ),
    ] = None,
    *,
    screen: Screen,
) -> int:
    """Send an example company's payslips on this machine alone, and show what happened."""
    from mailmerge_cli.mailbox.server import Mailbox
    from mailmerge_cli.starter import Kind, write_campaign

    home = folder or Path(tempfile.mkdtemp(prefix="mailmerge-demo-"))
    screen.say(f"1. An example company's payroll is written to {home}")
    for path in write_campaign(Kind.PAYSLIP, home)[:3]:
        screen.say(f"     {path.relative_to(home)}")
    with Mailbox(home / "mailbox") as mailbox:
        screen.say(f"2. A mail server that keeps everything to itself listens at {mailbox.url}")
        summary, lines = _send(screen, home, mailbox)
        _show(screen, home, mailbox, summary, lines)
    if screen.as_json:
        screen.json({**summary.as_json(), "folder": str(home), "mailbox": str(home / "mailbox")})
    return summary.exit_code


def _send(screen: Screen, home: Path, mailbox: Mailbox) -> tuple[Summary, list[tuple[object, ...]]]:
    """What came of the run, and of each person."""
    from mailmerge_cli.cli.options import Inputs
    from mailmerge_cli.cli.sending import Sending
    from mailmerge_cli.cli.typed import typed_of
    from mailmerge_cli.cli.wishes import Wishes, account_of, credentials_for, place_with

    inputs = Inputs(campaign=home, account=mailbox.url)
    place = place_with(inputs)
    account = account_of(place)
    screen.say("3. Every row is checked, then each person is sent his own payslip:")
    with place.writing() as ledger:
        sending = Sending(
            screen, place, account, credentials_for(account, screen), Wishes(yes=True), typed_of(inputs)
        )
        summary = sending.send_all(ledger, datetime.now(UTC))
        # Asked here: who opens a ledger for looking only cannot take SQLite's -wal and -shm away when he closes it.
        return summary, [
            (one.row, one.key, one.address, one.state.value, f"{one.code} {one.reply}")
            for one in ledger.deliveries(ledger.runs()[-1])
        ]


def _show(
    screen: Screen, home: Path, mailbox: Mailbox, summary: Summary, lines: list[tuple[object, ...]]
) -> None:
    from mailmerge_cli.mailbox.show import show_letter

    screen.say("4. What became of each recipient (the result log):")
    screen.table(_SHOWN, lines)
    letters = mailbox.letters()
    if letters:
        screen.say(f"5. One of the {len(letters)} mails, as it arrived:")
        screen.panel(show_letter(letters[0].path), title=letters[0].path.name)
    screen.say(f"Look around in {home}: campaign.toml, the payroll, the message; mailbox/ has the mails.")
    screen.say(f"The result log is {summary.results}.")
    screen.say(
        "Type the same send again and nobody gets a second mail. Your own campaign begins with: mailmerge init"
    )
