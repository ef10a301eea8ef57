"""`mailmerge send`: check, ask, send, log; the same command again goes on."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailmerge_cli.cli.options import Everywhere, Inputs
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import MailmergeError, UsageFault


def send(
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, help="At most so many mails in this call.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="KEY|@FILE", help="Only these keys. Repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="The same as `check`.")] = False,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            metavar="ADDRESS",
            help="Send the first mail (or --row, --key, --limit) to this address instead; nothing is recorded.",
        ),
    ] = None,
    row: Annotated[int | None, typer.Option("--row", help="With --test: the mail of this row.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="With --test: the mail of this key.")] = None,
    accept_new: Annotated[
        bool, typer.Option("--accept-new", help="Take in rows that are new in the list.")
    ] = False,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Take over all changes for what is not sent.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed rows again, as they are now.")
    ] = False,
    new_run: Annotated[
        bool, typer.Option("--new-run", help="Open a new run: everybody gets a mail again.")
    ] = False,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Use the list that came from standard input last time.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all is done, a day's quota too.")] = False,
    max_wait: Annotated[
        str | None,
        typer.Option(
            "--max-wait", metavar="DURATION", help="How long the run may stand still; default 15min."
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--results", help="The result log: .csv, .jsonl or .xlsx.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    adopt_ledger: Annotated[
        bool,
        typer.Option("--adopt-ledger", help="This copy of the ledger is the one that counts from now on."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    *,
    inputs: Inputs,
    everywhere: Everywhere,
    screen: Screen,
) -> int:
    """Check, ask, send, log; the same command again goes on."""
    from mailmerge_cli.campaign.changes import Acceptance
    from mailmerge_cli.cli.boundary import refuse
    from mailmerge_cli.cli.checking import Checking
    from mailmerge_cli.cli.logfile import LogFile
    from mailmerge_cli.cli.rehearsal import send_test
    from mailmerge_cli.cli.sending import Sending, tell_summary
    from mailmerge_cli.cli.typed import again_of, typed_of
    from mailmerge_cli.cli.wishes import (
        Wishes,
        account_of,
        credentials_for,
        keys_of,
        place_with,
        tell_settings,
        wait_of,
    )
    from mailmerge_cli.model.campaign import Duplicates
    from mailmerge_cli.report.formats import LogFormat

    if dry_run:
        acceptance = Acceptance(accept_new, accept_changes, retry_failed)
        return Checking(screen, inputs, acceptance, new_run=new_run).run()
    if results is not None:
        LogFormat.of(results)  # before anything is entered
    if (row is not None or key is not None) and test is None:
        raise UsageFault("--row and --key go with --test; to send to certain people only, use --only KEY.")
    place = place_with(inputs)
    tell_settings(screen, inputs, place)
    account = account_of(place)
    _check_standard_input(place.campaign.recipients.file, password_stdin, from_ledger)
    credentials = credentials_for(account, screen, password_stdin=password_stdin)
    if test is not None:
        return send_test(
            screen, place, account, credentials, test, row=row, key=key, limit=limit, run=inputs.run, yes=yes
        )
    if not yes:
        screen.must_ask()
    typed = typed_of(inputs, place.campaign.account, again_of())
    campaign = place.campaign
    acceptance = Acceptance(
        accept_new or campaign.recipients.grows,
        accept_changes,
        retry_failed,
        campaign.recipients.duplicates is Duplicates.SEND,
    )
    wishes = Wishes(acceptance, keys_of(only), limit, wait_of(wait=wait, max_wait=max_wait), results, yes)
    with ExitStack() as stack:
        log_file = stack.enter_context(LogFile(everywhere.log_file)) if everywhere.log_file else None
        sending = Sending(
            screen, place, account, credentials, wishes, typed, log_file=log_file, from_ledger=from_ledger
        )
        try:
            ledger = stack.enter_context(place.writing(adopt=adopt_ledger))
            summary = sending.send_all(ledger, datetime.now(UTC), label=inputs.run or "", new_run=new_run)
        except (MailmergeError, KeyboardInterrupt) as error:
            return refuse(screen, error, sending.standing)
    return tell_summary(screen, summary, replace(typed, secret=credentials.source))


def _check_standard_input(file: str, password_stdin: bool, from_ledger: bool) -> None:
    if file == "-" and password_stdin:
        raise UsageFault("Standard input can carry the list or the password, not both.")
    if from_ledger and file != "-":
        raise UsageFault("--from-ledger is for a list that came from standard input (--recipients -).")
