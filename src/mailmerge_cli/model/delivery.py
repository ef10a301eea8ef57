"""What the ledger keeps of one mail of a run: no cell, no content, only who, what hash, which state, and the last reply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a delivery stands. Transitions are in ledger/states.py."""

    PENDING = "pending"
    SENDING = "sending"  # an intent is on disk, no outcome yet; shown as in_doubt once its sender is gone
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    INVALID = "invalid"  # its row cannot be sent as it is
    SKIPPED = "skipped"  # knowingly left out


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a plan: what a run promises for one key.

    Attributes:
        row: line in the sheet.
        key: see `Recipient`.
        address: see `Recipient`; for an invalid row the cell's text, as far as it was an attempt at an address, else empty.
        content_hash: 32 octets over all that makes the mail this person's (DESIGN.md law 4); empty for invalid and skipped rows.
        state: PENDING, INVALID or SKIPPED.
        reason: why it is invalid or skipped; empty else.
    """

    row: int
    key: str
    address: str
    content_hash: bytes
    state: State = State.PENDING
    reason: str = ""


class Delivery(NamedTuple):
    """One line of the ledger (and of the result log). A tuple: a frozen dataclass of so many fields takes six times as long to make."""

    id: int
    run: int
    row: int
    key: str
    address: str
    content_hash: bytes
    state: State
    attempts: int = 0
    message_id: str = ""
    first_attempt: datetime | None = None
    last_attempt: datetime | None = None
    next_attempt: datetime | None = None
    code: int = 0
    enhanced: str = ""
    reply: str = ""
    remote_id: str = ""
    account: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    r"""One sending of a campaign.

    Attributes:
        id: the ledger's number.
        label: what people call it: `[\w.-]{1,64}`, no leading dot.
        opened: when it was entered; `now` of its templates. Aware.
        timezone: IANA name in which `now` and `today` are told; empty for the machine's own.
        inputs: a digest of all inputs as they were at the last plan (list, template, attachments, values, From, where).
        finished: when nothing was left for the last time; None while rows are left.
    """

    id: int
    label: str
    opened: datetime
    timezone: str
    inputs: str = ""
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries of a run are in which state; `rows` counts mails."""

    pending: int = 0
    sent: int = 0
    failed: int = 0
    deferred: int = 0
    in_doubt: int = 0
    invalid: int = 0
    skipped: int = 0
    sending: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return (
            self.pending + self.sent + self.failed + self.deferred
            + self.in_doubt + self.invalid + self.skipped + self.sending
        )  # fmt: skip

    @property
    def left(self) -> int:
        """Those that a later `send` would still try."""
        return self.pending + self.deferred + self.sending
