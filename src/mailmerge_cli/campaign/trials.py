"""Runs that were a trial: their mails only became files on this machine, so nobody has his mail because of them."""

from __future__ import annotations

from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Run


def put_trial_aside(ledger: Ledger, run: Run | None) -> str:
    """Where all of a run was a trial, let it give its label free; the label it has now, empty if nothing was done."""
    if run is None or not 0 < ledger.counts(run).sent == ledger.tried_out(run):
        return ""
    return ledger.put_aside(run)


def refuse_after_trial(ledger: Ledger, run: Run | None) -> None:
    """Refused (65) where a real account would go on with a run as if those had their mail who were only tried out."""
    if run is not None and (tried := ledger.tried_out(run)):
        raise Refused(
            f"1 mail of run {run.label} was a trial: it became a file on this machine, and nobody got it."
            if tried == 1
            else f"{tried} mails of run {run.label} were a trial: they became files on this machine, and nobody got them.",
            hint="Send to everybody with --new-run; the trial is kept under another label.",
            reason="changed",
        )
