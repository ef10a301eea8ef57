"""Where `send` stops, or speaks up, although nothing is wrong with a row: trials, and mails that may go to the wrong person.

Rule: with --yes nobody is asked, so what a person would have read before the question is refused, or said however quiet all is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailmerge_cli.campaign.notices import sentences, whose
from mailmerge_cli.campaign.trials import refuse_after_trial, refuse_before_trial
from mailmerge_cli.cli.prepare import Preparation
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.cli.wishes import Wishes
from mailmerge_cli.config.account_url import is_loopback
from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.model.notice import Notices
from mailmerge_cli.report.steps import Typed

if TYPE_CHECKING:
    from mailmerge_cli.cli.logfile import LogFile


def refuse_mixture(ledger: Ledger, run: Run | None, account: Account) -> None:
    """A run is a trial or the real thing. A server on this machine may be either, so a trial goes on only through the account that it was made with."""
    if account.kind == "outbox":
        refuse_before_trial(ledger, run, account.name)
    else:
        refuse_after_trial(ledger, run, account.name if is_loopback(account.host) else "")


def refuse_moves(notices: Notices, wishes: Wishes, account: Account, typed: Typed) -> None:
    """Refused (65) where people have each other's addresses and nobody is asked; files in an outbox harm nobody."""
    total = notices.moved_addresses_total
    if not total or not wishes.yes or wishes.acceptance.accept_changes or account.kind == "outbox":
        return
    people = "1 recipient has" if total == 1 else f"{total} recipients have"
    raise Refused(
        f"{people} an address that was another person's in the run before, and with --yes nobody looks at that.",
        hint=f"Have rows shifted, or was one column sorted alone? Look: {typed.on('check')}. Send without --yes, or say --accept-changes if it is right.",
        reason="changed",
        problems=tuple(
            Problem(one.row, None, "changed", f"key {one.key}: {whose(one)} in run {one.run}")
            for one in notices.moved_addresses
        ),
        problems_total=total,
    )


def tell_notes(
    screen: Screen, preparation: Preparation, wishes: Wishes, log_file: LogFile | None = None
) -> None:
    """All notes; what somebody should look at as warnings where nobody is asked, and in the log without a path."""
    loud = frozenset(sentences(preparation.notices) if wishes.yes and not wishes.again else ())
    for note in preparation.inputs.notes:
        if note in loud:
            screen.insist(note)
        else:
            screen.note(note)
    if log_file is not None and not wishes.again:
        _log(log_file, preparation.notices)


def _log(log_file: LogFile, notices: Notices) -> None:
    for name, found, total in (
        ("moved_address", notices.moved_addresses, notices.moved_addresses_total),
        ("new_address", notices.new_addresses, notices.new_addresses_total),
    ):
        for one in found:
            log_file.event(
                f"notice.{name}", row=one.row, key=one.key, to=one.address, was=one.was, run=one.run,
                others=one.others, total=total,
            )  # fmt: skip
    for copy in notices.same_files:
        log_file.event("notice.same_file", row=copy.row, other=copy.other, total=notices.same_files_total)
