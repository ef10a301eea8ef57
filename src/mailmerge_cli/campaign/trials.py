"""Runs that were a trial: their mails only became files on this machine, so nobody has his mail because of them.

Rule: a run is the one or the other. What was tried never counts as sent where mails leave, and a run whose mails left never goes on as files.
"""

from __future__ import annotations

from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Run


def put_trial_aside(ledger: Ledger, run: Run | None) -> str:
    """Where all of a run was a trial, let it give its label free; the label it has now, empty if nothing was done."""
    if run is None or not ledger.tried_out(run) or ledger.left_the_machine(run):
        return ""
    return ledger.put_aside(run)


def take_trial_back(ledger: Ledger, run: Run | None) -> int:
    """Where some of a run was a trial and the others' mails left, those who were only tried are due again; how many."""
    if run is None or not ledger.left_the_machine(run):
        return 0
    return ledger.resend(run, ledger.tried_keys(run))


def refuse_before_trial(ledger: Ledger, run: Run | None, outbox: str) -> None:
    """Refused (65) where files in this outbox would take the place of mails that are left of a run whose other mails left."""
    if run is not None and (real := ledger.left_the_machine(run, outbox)):
        mails = "1 mail" if real == 1 else f"{real} mails"
        raise Refused(
            f"{mails} of run {run.label} went out, or {'was' if real == 1 else 'were'} turned down by a server. Files in an outbox must not stand for the others.",
            hint="Name the account with --account; to look at mails, use `mailmerge preview`, or a run of its own (--run LABEL).",
            reason="changed",
        )


def refuse_after_trial(ledger: Ledger, run: Run | None, account: str = "") -> None:
    """Refused (65) where an account would go on with a run as if those had their mail who were only tried out; through this account they may be."""
    if run is not None and (tried := ledger.tried_out(run, account)):
        raise Refused(
            _tried(run, tried),
            hint="Send to everybody with --new-run; the trial is kept under another label.",
            reason="changed",
        )


def note_of_trial(ledger: Ledger, run: Run | None) -> str:
    """What a person must know who reads that so many were sent; empty where nothing was a trial."""
    tried = ledger.tried_out(run) if run is not None else 0
    if run is None or not tried:
        return ""
    if ledger.left_the_machine(run):
        return f"{_tried(run, tried)} With `send --new-run` {'it is' if tried == 1 else 'they are'} due again; all others stay as they are."
    return f"{_tried(run, tried)} `send --new-run` sends to everybody; the trial is kept under another label."


def _tried(run: Run, tried: int) -> str:
    if tried == 1:
        return f"1 mail of run {run.label} was a trial: it became a file on this machine, and nobody got it."
    return f"{tried} mails of run {run.label} were a trial: they became files on this machine, and nobody got them."
