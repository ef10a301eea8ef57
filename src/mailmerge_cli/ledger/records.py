"""What the engine tells the ledger of attempts, and what the ledger tells people of them.

What is made for every mail is a tuple with names; a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailmerge_cli.model.delivery import Delivery
from mailmerge_cli.model.mail import Outcome


class Intent(NamedTuple):
    """This delivery's content is about to leave.

    Attributes:
        delivery: the ledger's number.
        message_id: what the mail bears (`Ledger.message_id`); kept for all later attempts.
        account: through which account.
        first: of this intent, as far as is known: there is no earlier attempt to keep.
    """

    delivery: int
    message_id: str
    account: str
    first: bool = False


class Answer(NamedTuple):
    """What came of an attempt.

    Attributes:
        delivery: the ledger's number.
        outcome: see there. RELEASED of a delivery that was never begun records nothing.
        account: through which account.
        message_id: needed only if the delivery may not have been begun (refused before its content).
        next_attempt: of a deferred one: when to try again; None: at once.
        give_up: of a deferred one: why it is not tried again and fails (`5 attempts`); empty: it stays deferred.
        of: the delivery as the ledger had it before this attempt was begun; None if that is not known.
    """

    delivery: int
    outcome: Outcome
    account: str
    message_id: str = ""
    next_attempt: datetime | None = None
    give_up: str = ""
    of: Delivery | None = None


class Record(NamedTuple):
    """What one connection commits at once: the outcome of one mail and the intent of another; either may be missing."""

    begun: Intent | None = None
    settled: Answer | None = None


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt, as `log --attempts` tells it. `number` counts from 1 for each delivery, over resends too."""

    row: int
    key: str
    address: str
    number: int
    started: datetime | None
    ended: datetime | None
    verdict: str
    code: int
    enhanced: str
    reply: str
    remote_id: str
    account: str
    message_id: str
