"""Ledgers for tests: entries, outcomes, and short words for what happens to a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.records import Answer, Intent, Record
from mailmerge_cli.model.delivery import Delivery, Entry, Run, State
from mailmerge_cli.model.mail import Blame, Outcome, Verdict

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

ACCEPTED = Outcome(Verdict.ACCEPTED, code=250, enhanced="2.0.0", text="queued as 77", remote_id="77")
REFUSED = Outcome(
    Verdict.REFUSED,
    Blame.RECIPIENT,
    code=550,
    enhanced="5.1.1",
    text="no such user",
    hint="check the address",
)
DEFERRED = Outcome(Verdict.DEFERRED, Blame.RECIPIENT, code=450, enhanced="4.2.0", text="greylisted")
THROTTLED = Outcome(Verdict.DEFERRED, Blame.TRANSPORT, code=421, enhanced="4.7.0", text="too fast")
RELEASED = Outcome(Verdict.RELEASED)
UNKNOWN = Outcome(Verdict.UNKNOWN, text="connection lost")


def entry(
    key: str,
    row: int = 2,
    content: str = "a",
    address: str = "",
    state: State = State.PENDING,
    reason: str = "",
) -> Entry:
    content_hash = hashlib.sha256(content.encode()).digest() if state is State.PENDING else b""
    return Entry(row, key, address or f"{key.lower()}@example.org", content_hash, state, reason)


def draft_of(*entries: Entry) -> Draft:
    draft = Draft()
    draft.add(entries)
    return draft


@dataclass
class Book:
    """A ledger with one run, and a clock that the test moves."""

    ledger: Ledger
    home: Path
    now: datetime = NOON

    @property
    def path(self) -> Path:
        return self.ledger.path

    def enter(self, *entries: Entry, label: str = "november") -> Run:
        with draft_of(*entries) as draft:
            return self.ledger.enter(label, NOON, "Asia/Shanghai", draft, draft.digest())

    def get(self, run: Run, key: str) -> Delivery:
        return self.ledger.find(run, [key])[key]

    def begin(self, run: Run, *keys: str) -> None:
        found = self.ledger.find(run, keys)
        intents = [
            Intent(found[key].id, self.ledger.message_id(found[key], "example.org"), "hr") for key in keys
        ]
        assert self.ledger.write([Record(begun=intent) for intent in intents], self.tick()) == []

    def settle(self, run: Run, key: str, outcome: Outcome, wait: float = 0, give_up: str = "") -> Delivery:
        found = self.get(run, key)
        answer = Answer(
            found.id,
            outcome,
            "hr",
            self.ledger.message_id(found, "example.org"),
            self.now + timedelta(seconds=wait),
            give_up,
        )
        return self.ledger.write([Record(settled=answer)], self.tick())[0]

    def send(
        self, run: Run, key: str, outcome: Outcome = ACCEPTED, wait: float = 0, give_up: str = ""
    ) -> Delivery:
        self.begin(run, key)
        return self.settle(run, key, outcome, wait, give_up)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def states(self, run: Run) -> dict[str, str]:
        return {one.key: str(one.state) for one in self.ledger.deliveries(run)}
