"""A second mail, on purpose, to people who have theirs: what the list makes of them now.

Rule: it goes where the person was told that it goes: where the last mail went, or to the address that was named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Entry, Run, State


def take_again(ledger: Ledger, run: Run, keys: Sequence[str], plan: Mapping[str, Entry], to: str) -> None:
    """These deliveries are due again, each with the mail of its entry in the plan.

    Args:
        ledger: which has them.
        run: of which run.
        keys: whose; their mails are sent.
        plan: what the list makes of them.
        to: another address, for one key; empty for none.

    Raises:
        Refused: the list makes no mail for one of them any more, or would send it to another address than the last one.
    """
    missing = [key for key in keys if key not in plan or plan[key].state is not State.PENDING]
    if missing:
        raise Refused(
            f"The list makes no mail for {', '.join(missing)} any more: not in it, left out, or invalid."
        )
    if not to:
        _refuse_moved(ledger, run, keys, plan)
    ledger.resend(run, keys, to, plan)


def _refuse_moved(ledger: Ledger, run: Run, keys: Sequence[str], plan: Mapping[str, Entry]) -> None:
    moved = [
        f"{key} (in the list {plan[key].address}, its mail went to {had.address})"
        for key, had in ledger.find(run, keys).items()
        if plan[key].address.casefold() != had.address.casefold()
    ]
    if moved:
        raise Refused(
            f"Another address stands in the list now: {', '.join(moved)}.",
            hint="Say which one is right, for one key at a time: mailmerge resend KEY --to ADDRESS.",
        )
