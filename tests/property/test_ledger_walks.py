"""Random walks: whatever happens in whatever order, the ledger does what the table of states says, and nobody gets a mail twice."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger.differences import Amendment
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.records import Answer, Intent, Record
from mailmerge_cli.ledger.states import TRANSITIONS, Event, event_of
from mailmerge_cli.model.delivery import Counts, Delivery, Entry, State
from mailmerge_cli.model.mail import Blame, Outcome, Verdict
from support.ledgers import ACCEPTED, DEFERRED, NOON, REFUSED, RELEASED, THROTTLED, UNKNOWN, draft_of, entry

KEYS = [f"K{number}" for number in range(6)]
OUTCOMES = [
    ACCEPTED, REFUSED, DEFERRED, THROTTLED, RELEASED, UNKNOWN, Outcome(Verdict.REFUSED, Blame.TRANSPORT, code=535),
]  # fmt: skip
keys = st.sampled_from(KEYS)
outcomes = st.sampled_from(OUTCOMES)


class Walk(RuleBasedStateMachine):
    """One run; `state` is what the table says, `mails` how often the world accepted a mail since a person last asked for one."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="walk"))
        self.path = self.home / ".mailmerge" / "ledger.sqlite3"
        self.ledger = self.open()
        self.now = NOON

    def open(self) -> Ledger:
        ledger = Ledger.open(self.path, home=self.home)
        ledger._connection.execute("PRAGMA synchronous = OFF")  # only for the test's speed
        return ledger

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.home)

    @initialize(
        states=st.lists(
            st.sampled_from([State.PENDING, State.PENDING, State.INVALID, State.SKIPPED]),
            min_size=6,
            max_size=6,
        )
    )
    def enter(self, states: list[State]) -> None:
        self.state = dict(zip(KEYS, states, strict=True))
        self.mails: Counter[str] = Counter()
        self.attempts = dict.fromkeys(KEYS, 0)
        self.lines: Counter[str] = Counter()
        self.open_attempts: set[str] = set()
        self.handed: dict[str, Delivery] = {}  # as the engine had them when it handed them out
        plan = [entry(key, row, state=state) for row, (key, state) in enumerate(self.state.items(), 2)]
        with draft_of(*plan) as draft:
            self.run = self.ledger.enter("walk", NOON, "", draft, "")

    # sending

    @rule(batch=st.lists(keys, min_size=1, max_size=4, unique=True))
    def begin(self, batch: list[str]) -> None:
        """All of a batch begin, or none of them when one may not."""
        found = self.ledger.find(self.run, batch)
        for key in batch:
            self.handed.setdefault(key, found[key])
        records = [
            Record(
                begun=Intent(
                    found[key].id, self.ledger.message_id(found[key], "example.org"), "hr",
                    first=self.handed[key].last_attempt is None,
                )
            )
            for key in batch
        ]  # fmt: skip
        if any(Event.BEGIN not in TRANSITIONS[self.state[key]] for key in batch):
            with pytest.raises(LedgerFault):
                self.ledger.write(records, self.tick())
            self.handed.clear()
            return
        self.ledger.write(records, self.tick())
        for key in batch:
            self.state[key] = State.SENDING
            self.attempts[key] += 1
            self.open_attempts.add(key)

    @rule(key=keys, outcome=outcomes, again=st.booleans(), give_up=st.booleans())
    def settle(self, key: str, outcome: Outcome, again: bool, give_up: bool) -> None:
        """An outcome of what is being sent, or of what was taken and never begun."""
        one = self.ledger.find(self.run, [key])[key]
        answer = Answer(
            one.id,
            outcome,
            "hr",
            self.ledger.message_id(one, "example.org"),
            self.now,
            "often enough" if give_up else "",
            self.handed.get(key) if self.state[key] is State.SENDING else None,
        )
        state = self.state[key]
        if state is not State.SENDING and outcome.verdict is Verdict.RELEASED:
            assert self.ledger.write([Record(settled=answer)], self.tick()) == [one]
            return
        if state is not State.SENDING and Event.BEGIN not in TRANSITIONS[state]:
            with pytest.raises(LedgerFault):
                self.ledger.write([Record(settled=answer)], self.tick())
            return
        self.attempts[key] += state is not State.SENDING
        begun = (
            Intent(one.id, one.message_id, "hr") if again and outcome.verdict is Verdict.RELEASED else None
        )
        settled = self.ledger.write([Record(settled=answer, begun=begun)], self.tick())
        self.note(key, outcome, give_up)
        if begun:
            self.state[key] = State.SENDING
            self.attempts[key] += 1
            self.open_attempts.add(key)
        assert settled == [self.ledger.find(self.run, [key])[key]]

    def note(self, key: str, outcome: Outcome, give_up: bool) -> None:
        self.state[key] = TRANSITIONS[State.SENDING][event_of(outcome)]
        self.open_attempts.discard(key)
        if outcome.verdict is not Verdict.RELEASED or self.state[key] is not State.PENDING:
            self.handed.pop(key, None)  # the engine has the line that came of it
        self.mails[key] += outcome.verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN)
        self.lines[key] += outcome.verdict is not Verdict.RELEASED
        uncounted = self.state[key] in (State.PENDING, State.DEFERRED) and outcome.blame is Blame.TRANSPORT
        self.attempts[key] -= outcome.verdict is Verdict.RELEASED or uncounted
        if give_up and self.state[key] is State.DEFERRED:
            self.state[key] = State.FAILED

    @rule()
    def recover(self) -> None:
        """The program starts again after a kill."""
        self.ledger.close()
        self.ledger = self.open()
        assert self.ledger.recover(self.run) == len(self.open_attempts)
        for key in self.open_attempts:
            self.mails[key] += 1
            self.lines[key] += 1
        self.open_attempts.clear()
        self.move(Event.RECOVER)

    @rule(some=st.sets(keys))
    def undo(self, some: set[str]) -> None:
        found = self.ledger.find(self.run, sorted(some))
        moved = self.move(Event.UNDO, some)
        assert self.ledger.undo(self.run, [one.id for one in found.values()]) == len(moved)
        for key in moved:
            self.attempts[key] = max(0, self.attempts[key] - 1)

    @rule()
    def give_up(self) -> None:
        due = {key for key in KEYS if self.attempts[key] > 0}
        assert self.ledger.give_up(self.run, self.now + timedelta(days=2), "too long") == len(
            self.move(Event.GIVE_UP, due)
        )

    # a person's word

    @rule(some=st.none() | st.sets(keys), sent=st.booleans())
    def resolve(self, some: set[str] | None, sent: bool) -> None:
        doubtful = {key for key in (KEYS if some is None else some) if self.state[key] is State.IN_DOUBT}
        moved = self.move(Event.SENT if sent else Event.RESEND, doubtful)
        assert self.ledger.resolve(self.run, None if some is None else sorted(some), sent=sent) == len(moved)
        if not sent:
            self.anew(moved)

    @rule(some=st.sets(keys))
    def resend(self, some: set[str]) -> None:
        before = self.ledger.find(self.run, KEYS)
        moved = self.move(Event.RESEND, {key for key in some if self.state[key] is State.SENT})
        assert self.ledger.resend(self.run, sorted(some)) == len(moved)
        self.anew(moved)
        now = self.ledger.find(self.run, KEYS)
        assert {key for key in KEYS if now[key].message_id != before[key].message_id} == moved

    @rule()
    @precondition(lambda self: not self.open_attempts)
    def cancel(self) -> None:
        assert self.ledger.cancel(self.run) == len(self.move(Event.CANCEL))

    @rule(
        contents=st.lists(st.sampled_from(["a", "b", "", "skip"]), min_size=6, max_size=6),
        there=st.lists(st.booleans(), min_size=6, max_size=6),
        amendment=st.builds(Amendment, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    )
    def amend(self, contents: list[str], there: list[bool], amendment: Amendment) -> None:
        """Whatever a new plan says: only ways of the table are gone, and what was accepted is told no more."""
        plan = [
            self.entry(key, row, content)
            for row, (key, content, here) in enumerate(zip(KEYS, contents, there, strict=True))
            if here
        ]
        before = self.ledger.find(self.run, KEYS)
        with draft_of(*plan) as draft:
            self.ledger.amend(self.run, draft, amendment, "")
            told = draft.compare(self.ledger, self.run)
        now = self.ledger.find(self.run, KEYS)
        for key in KEYS:
            old, new = before[key].state, now[key].state
            assert old is new or new in TRANSITIONS[old].values()
            if old in (State.SENT, State.IN_DOUBT, State.SENDING):
                assert now[key] == before[key] or now[key].row != before[key].row
                assert old is new
            if new is State.PENDING and old in (State.FAILED, State.INVALID, State.SKIPPED):
                self.anew({key})
            self.state[key] = new
        if amendment.changes:
            assert not told
        if amendment == Amendment():
            assert [one.state for one in before.values()] == [one.state for one in now.values()]

    @staticmethod
    def entry(key: str, row: int, content: str) -> Entry:
        state = {"": State.INVALID, "skip": State.SKIPPED}.get(content, State.PENDING)
        return entry(key, row, content, state=state)

    def move(self, event: Event, some: set[str] | None = None) -> set[str]:
        """The model's half of an event."""
        moved = {
            key for key in KEYS if (some is None or key in some) and event in TRANSITIONS[self.state[key]]
        }
        for key in moved:
            self.state[key] = TRANSITIONS[self.state[key]][event]
        return moved

    def anew(self, moved: set[str]) -> None:
        for key in moved:
            self.attempts[key] = 0
            self.mails[key] = 0

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    # laws

    @invariant()
    def the_ledger_is_what_the_table_says(self) -> None:
        found = self.ledger.find(self.run, KEYS)
        assert {key: found[key].state for key in KEYS} == self.state
        assert {key: found[key].attempts for key in KEYS} == self.attempts
        assert self.ledger.counts(self.run) == Counts(**Counter(str(state) for state in self.state.values()))

    @invariant()
    def nobody_gets_a_mail_twice(self) -> None:
        """Between two words of a person, at most one mail of a key was accepted or may have been."""
        assert max(self.mails.values(), default=0) <= 1

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Every key stands in the list, in some state, and every attempt is told."""
        assert sorted(one.key for one in self.ledger.deliveries(self.run)) == KEYS
        told = Counter(line.key for line in self.ledger.attempts(self.run))
        assert told == self.lines + Counter(self.open_attempts)

    @invariant()
    def only_deferred_rows_have_a_next_attempt(self) -> None:
        assert all(
            (one.next_attempt is not None) == (one.state is State.DEFERRED)
            for one in self.ledger.deliveries(self.run)
        )
        assert {one.key for one in self.ledger.deferred(self.run)} == {
            key for key in KEYS if self.state[key] is State.DEFERRED
        }


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
