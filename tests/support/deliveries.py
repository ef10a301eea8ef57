"""Builders of deliveries and their events, as the ledger would tell them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mailmerge_cli.events import Settled
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.model.mail import Outcome, Verdict

MOMENT = datetime(2026, 11, 21, 2, 0, 0, 123456, tzinfo=UTC)


def delivery(number: int = 1, state: State = State.SENT, **fields: Any) -> Delivery:
    """One line of the ledger."""
    values: dict[str, Any] = {
        "id": number,
        "run": 1,
        "row": number + 1,
        "key": f"{number:05}",
        "address": f"person{number}@example.org",
        "content_hash": b"\0" * 32,
        "state": state,
    }
    if state in (State.SENT, State.FAILED, State.DEFERRED, State.IN_DOUBT, State.SENDING):
        values |= {"attempts": 1, "first_attempt": MOMENT, "last_attempt": MOMENT, "account": "hr"}
        values |= {"message_id": f"<{number}.1@example.org>"}
    if state is State.SENT:
        values |= {"code": 250, "enhanced": "2.0.0", "reply": "2.0.0 Ok: queued as 4ABC", "remote_id": "4ABC"}
    return Delivery(**(values | fields))


def settled(number: int = 1, state: State = State.SENT, **fields: Any) -> Settled:
    """The event of one attempt that has its outcome."""
    verdicts = {State.SENT: Verdict.ACCEPTED, State.FAILED: Verdict.REFUSED, State.DEFERRED: Verdict.DEFERRED}
    one = delivery(number, state, **fields)
    outcome = Outcome(
        verdicts.get(state, Verdict.UNKNOWN), code=one.code, enhanced=one.enhanced, text=one.reply
    )
    return Settled([(one, outcome)])
