"""Mails before they count: shown on the screen, written as files, or sent to somebody who looks at them first.

Rule: nothing is recorded for anyone; a test has its own Message-ID, a mark in its subject, and no Cc or Bcc.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from mailmerge_cli.address import Address, AddressFault, parse_address, parse_mailbox
from mailmerge_cli.campaign.judge import Bad
from mailmerge_cli.campaign.runs import choose_run
from mailmerge_cli.cli.account_trial import OneMail
from mailmerge_cli.cli.place import Place
from mailmerge_cli.cli.prepare import Inputs, open_inputs
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, LedgerFault, MailmergeError, Refused, Stopped, UsageFault
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.lock import is_held
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.mail import Mail, Recipient, Verdict
from mailmerge_cli.render.letter import Letter
from mailmerge_cli.render.words import mailbox_line
from mailmerge_cli.transports.registry import open_transport

_MARK = "[TEST]"


def open_looking(stack: ExitStack, place: Place, account: Account | None, run: str, screen: Screen) -> Inputs:
    """The inputs of the run that `send` would work on, without touching its ledger."""
    ledger = Ledger.read(place.ledger, sender_alive=is_held(place.lock))
    if ledger is not None:
        stack.enter_context(ledger)
    choice = choose_run(ledger, place.campaign, datetime.now(UTC), label=run)
    return open_inputs(stack, place.campaign, choice, account, stdin=sys.stdin.buffer, ask=screen.secret)


def letters(inputs: Inputs, row: int | None = None, key: str | None = None) -> Iterator[Letter]:
    """The letters of all rows that get mail, or of one row or key; Refused for a row that is bad."""
    for line in inputs.source.rows():
        if row is not None and all(each.number != row for each in (line, *line.lines)):
            continue
        person = inputs.judge.judge(line)
        if isinstance(person, Bad) and key in (None, person.key):
            raise Refused(f"Row {line.number} cannot be sent as it is.", problems=person.problems)
        if isinstance(person, Recipient) and key in (None, person.key):
            yield inputs.template.render(line, person)


def chosen(inputs: Inputs, row: int | None, key: str | None, limit: int | None) -> list[Letter]:
    """The first letter, or those that were asked for; Refused if there is none."""
    found = list(islice(letters(inputs, row, key), 1 if limit is None else limit))
    if not found:
        asked = f"row {row}" if row is not None else f"key “{key}”" if key is not None else "any row"
        raise Refused(
            f"There is no mail for {asked}: it is not in the list, is left out, or is not selected by where."
        )
    return found


def show_row(screen: Screen, inputs: Inputs, row: int) -> None:
    """The mail of that row, on the screen."""
    show(screen, inputs, chosen(inputs, row, None, None)[0])


def show(screen: Screen, inputs: Inputs, letter: Letter) -> None:
    """One mail as it would be sent, on the screen."""
    screen.panel(shown(inputs, letter), title=f"row {letter.row}")


def shown(inputs: Inputs, letter: Letter) -> str:
    """One mail as it would be sent, as text."""
    from mailmerge_cli.mailbox.show import show_letter

    return _looked_at(inputs, letter, show_letter)


def page(inputs: Inputs, letter: Letter) -> str:
    """One mail as it would be sent, as a page for a browser."""
    from mailmerge_cli.mailbox.page import page_of

    return _looked_at(inputs, letter, page_of)


def _looked_at(inputs: Inputs, letter: Letter, look: Callable[[Path], str]) -> str:
    """What a mail looks like, with its Bcc, which the mail itself never holds."""
    hidden = mailbox_line("Bcc", letter.bcc).encode() if letter.bcc else b""
    with tempfile.TemporaryDirectory(prefix="mailmerge-preview-") as folder:
        file = Path(folder) / "preview.eml"
        write_private(file, (hidden, *composed(inputs, letter)))
        return look(file)


def composed(inputs: Inputs, letter: Letter) -> tuple[bytes, ...]:
    """The whole message, with a Message-ID that is nobody's."""
    return inputs.template.compose(letter, _own_id(inputs), datetime.now(UTC).astimezone())


def write_private(file: Path, content: tuple[bytes, ...]) -> None:
    """A new private file; LedgerFault if it cannot be written.

    One of that name goes first: it would keep its mode, and whoever has it open would read on.
    """
    try:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.writelines(content)
    except OSError as error:
        raise LedgerFault(f"{file} cannot be written: {error.strerror}.") from error


def send_own_test(
    screen: Screen, inputs: Inputs, account: Account, credentials: Credentials, row: int
) -> None:
    """The mail of that row to the account's own sender."""
    try:
        to = parse_mailbox(account.sender)[1] if account.sender else inputs.template.sender[1]
        _send(screen, inputs, account, credentials, to, chosen(inputs, row, None, None))
    except MailmergeError as error:
        screen.error(error)


def send_test(
    screen: Screen,
    place: Place,
    account: Account,
    credentials: Credentials,
    address: str,
    *,
    row: int | None,
    key: str | None,
    limit: int | None,
    run: str | None,
    yes: bool,
) -> int:
    """`send --test ADDRESS`."""
    try:
        to = parse_address(address)
    except AddressFault as fault:
        raise UsageFault(f"--test {address}: {fault}.") from fault
    with ExitStack() as stack:
        inputs = open_looking(stack, place, account, run or "", screen)
        found = chosen(inputs, row, key, limit)
        if not screen.confirm(
            f"Send {'1 test mail' if len(found) == 1 else f'{len(found)} test mails'} to {to.shown} through {account.server}?",
            yes=yes,
        ):
            screen.say("Nothing was sent.")
            return ExitCode.OK
        _send(screen, inputs, account, credentials, to, found)
    if screen.as_json:
        screen.json({"schema": 1, "test": to.shown, "sent_now": len(found)})
    return ExitCode.OK


def _send(
    screen: Screen,
    inputs: Inputs,
    account: Account,
    credentials: Credentials,
    to: Address,
    found: list[Letter],
) -> None:
    transport = open_transport(account, credentials, screen.trace if screen.debug else None)
    for letter in found:
        marked = inputs.template.redirected(letter, to, _MARK)
        message_id = _own_id(inputs)
        content = inputs.template.compose(marked, message_id, datetime.now(UTC).astimezone())
        feed = OneMail(Mail(0, message_id, marked.envelope, content))
        asyncio.run(transport.carry(feed))
        outcome = feed.outcome
        if outcome is None or outcome.verdict is not Verdict.ACCEPTED:
            said = f"{outcome.code} {outcome.enhanced} {outcome.text}".strip() if outcome else "no answer"
            raise Stopped(f"The test mail was not accepted: {said}", hint=outcome.hint if outcome else "")
        if account.kind == "outbox":
            screen.say(
                f"Row {letter.row}: nothing left this machine; the test for {to.shown} was {outcome.text} in {account.folder}."
            )
        else:
            screen.say(f"Row {letter.row}: a test went to {to.shown} ({outcome.code} {outcome.text}).")


def _own_id(inputs: Inputs) -> str:
    return f"<test.{uuid.uuid4().hex}@{inputs.template.sender[1].domain}>"
