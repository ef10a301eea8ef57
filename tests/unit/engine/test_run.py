"""The loop's laws: everybody once, trouble burns nobody, and every stop leaves a ledger that can go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.errors import (
    ConfigFault,
    CredentialsFault,
    LedgerFault,
    MailmergeError,
    Refused,
    Stopped,
    Unreachable,
)
from mailmerge_cli.events import Event, Waiting
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.mail import Advice, Blame, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.transport import Feed
from support.engine_parts import START, MemoryLedger, ScriptedTransport, Stage, accept


def refuse(text: str = "no such user", enhanced: str = "5.1.1"):
    return Outcome(Verdict.REFUSED, Blame.RECIPIENT, code=550, enhanced=enhanced, text=text)


def test_everybody_gets_one_mail() -> None:
    """All pending rows are sent, each once, over several connections."""
    stage = Stage(100, rules=Rules(connections=4))

    ending = stage.run()

    assert stage.ledger.states() == {State.SENT: 100}
    assert sorted(number for _, number in stage.transport.carried) == list(range(1, 101))
    assert (ending.sent, ending.begun, ending.reason) == (100, 100, "")


def test_no_content_before_its_intent() -> None:
    """When content goes out, the ledger has its begin."""
    seen = []

    def script(mail: Mail) -> Outcome:
        seen.append(stage.ledger.deliveries[mail.delivery].state)
        return accept(mail)

    stage = Stage(20, script, rules=Rules(connections=3))
    stage.run()

    assert seen == [State.SENDING] * 20


def test_one_refused_row_fails_alone() -> None:
    """A refusal that blames the recipient fails this row; the others go."""
    stage = Stage(10, lambda mail: refuse() if mail.delivery == 4 else accept(mail))

    ending = stage.run()

    assert stage.ledger.states() == {State.SENT: 9, State.FAILED: 1}
    assert ending.error is None


def test_P12_equal_refusals_in_a_row_stop_the_run_and_burn_nobody() -> None:
    """Ten alike in a row stop the run; they are pending again."""
    stage = Stage(50, lambda mail: accept(mail) if mail.delivery <= 5 else refuse("relay denied", "5.7.1"))

    ending = stage.run()

    assert stage.ledger.states() == {State.SENT: 5, State.PENDING: 45}
    assert ending.reason == "breaker"
    assert isinstance(ending.error, Stopped)


def test_refusals_that_differ_do_not_trip_the_breaker() -> None:
    """An accepted mail, or another refusal, between them: each is its own row's fault."""
    stage = Stage(40, lambda mail: accept(mail) if mail.delivery % 8 == 0 else refuse())

    assert stage.run().error is None
    assert stage.ledger.states() == {State.SENT: 5, State.FAILED: 35}


def test_P10_a_deferred_row_comes_round_again_after_a_minute() -> None:
    """Greylisting: the others go on meanwhile, the row is tried again no sooner than after a minute."""
    first = set()

    def script(mail: Mail) -> Outcome:
        if mail.delivery == 2 and not first:
            first.add(mail.delivery)
            return Outcome(Verdict.DEFERRED, Blame.RECIPIENT, code=451, enhanced="4.7.1")
        return accept(mail)

    stage = Stage(5, script)
    stage.run()

    times = [time for time, number in stage.transport.carried if number == 2]
    assert stage.ledger.states() == {State.SENT: 5}
    assert times[1] - times[0] >= 60


def test_a_row_is_given_up_after_its_attempts() -> None:
    """Five attempts by default, then it has failed."""
    stage = Stage(
        3,
        lambda mail: (
            Outcome(Verdict.DEFERRED, Blame.RECIPIENT, code=452) if mail.delivery == 1 else accept(mail)
        ),
        rules=Rules(max_wait=None),
    )
    stage.run()

    assert stage.ledger.states() == {State.SENT: 2, State.FAILED: 1}
    assert stage.ledger.deliveries[1].attempts == 5


def test_a_wait_that_is_too_long_stops_the_run() -> None:
    """What is deferred beyond --max-wait stays deferred; the ending says when to come back."""
    stage = Stage(
        2,
        lambda mail: Outcome(Verdict.DEFERRED, Blame.RECIPIENT, code=450, wait=3600.0),
        rules=Rules(max_wait=timedelta(minutes=15)),
    )
    ending = stage.run()

    assert ending.reason == "deferred"
    assert START + timedelta(hours=1) == ending.resume_at
    assert stage.ledger.states() == {State.DEFERRED: 2}


def test_Q01_a_used_up_quota_stops_at_the_first_and_burns_nobody() -> None:
    """One refusal for the day's quota is enough; nobody has failed."""

    def script(mail: Mail) -> Outcome:
        if mail.delivery > 3:
            return Outcome(
                Verdict.DEFERRED, Blame.TRANSPORT, Advice.QUOTA, 550, "5.4.5", "Daily quota exceeded"
            )
        return accept(mail)

    stage = Stage(30, script)
    ending = stage.run()

    assert ending.reason == "quota"
    assert len(stage.transport.carried) == 4
    assert stage.ledger.states().get(State.FAILED, 0) == 0
    assert ending.resume_at is not None


def test_Q01_what_another_connection_has_taken_does_not_leave_after_the_stop() -> None:
    """Its intent is refused, so its content never leaves; it is pending as it was."""

    class TwoLines(ScriptedTransport):
        """The second connection has its mail in hand while the first one is told of the quota."""

        async def carry(self, feed: Feed) -> None:
            mail = await feed.take()
            assert mail is not None
            self.taken.append(mail.delivery)
            while len(self.taken) < 2:
                await asyncio.sleep(0)
            if mail.delivery == 1:
                await feed.commit(None, mail)
                self.carried.append((0.0, 1))
                quota = Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.QUOTA, 550, "5.4.5", "quota")
                await feed.commit(Settlement(mail, quota), None)
                return
            while stage.engine is None or not stage.engine.gate.stopped:
                await asyncio.sleep(0)
            try:
                await feed.commit(None, mail)
                self.carried.append((0.0, mail.delivery))
            finally:
                await feed.commit(Settlement(mail, Outcome(Verdict.RELEASED)), None)

    stage = Stage(5, rules=Rules(connections=2))
    stage.transport = TwoLines(accept, stage.clock)
    ending = stage.run()

    assert ("quota", [(0.0, 1)]) == (ending.reason, stage.transport.carried)
    assert stage.ledger.states() == {State.PENDING: 5}


def test_Q07_a_sender_that_is_not_allowed_is_a_fault_of_the_settings() -> None:
    """SendAsDenied stops at once with 78."""
    stage = Stage(
        5, lambda mail: Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.STOP_CONFIG, 550, "5.7.60")
    )

    assert isinstance(stage.run().error, ConfigFault)
    assert len(stage.transport.carried) == 1


def test_Q02_the_run_slows_down_when_the_server_asks() -> None:
    """SLOW_DOWN holds everybody off for a minute at least."""
    told = []

    def script(mail: Mail) -> Outcome:
        if mail.delivery == 3 and not told:
            told.append(stage.clock.time)
            return Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.SLOW_DOWN, 421, "4.7.28")
        return accept(mail)

    stage = Stage(6, script)
    stage.run()

    later = [time for time, number in stage.transport.carried if number > 3]
    assert min(later) - told[0] >= 60
    assert stage.ledger.states() == {State.SENT: 6}


def test_Q04_fewer_connections_when_the_server_asks() -> None:
    """FEWER_CONNECTIONS takes one away, and nobody is lost."""
    told = []

    def script(mail: Mail) -> Outcome:
        if not told:
            told.append(1)
            return Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.FEWER_CONNECTIONS, 432, "4.3.2")
        return accept(mail)

    stage = Stage(20, script, rules=Rules(connections=3))
    stage.run()

    assert stage.ledger.states() == {State.SENT: 20}


def test_a_released_mail_is_sent_after_all() -> None:
    """What was begun but never left comes round again in the same call."""
    once = []

    def script(mail: Mail) -> Outcome:
        if mail.delivery == 2 and not once:
            once.append(1)
            return Outcome(Verdict.RELEASED)
        return accept(mail)

    stage = Stage(4, script)
    stage.run()

    assert stage.ledger.states() == {State.SENT: 4}


def test_P06_a_doubtful_mail_is_not_sent_again() -> None:
    """UNKNOWN is in doubt, in this call and for ever."""
    stage = Stage(
        4, lambda mail: Outcome(Verdict.UNKNOWN, Blame.TRANSPORT) if mail.delivery == 2 else accept(mail)
    )
    stage.run()

    assert stage.ledger.states() == {State.SENT: 3, State.IN_DOUBT: 1}
    assert [number for _, number in stage.transport.carried].count(2) == 1


def test_a_poison_mail_does_not_hold_up_the_others() -> None:
    """A mail that breaks every connection is itself to blame once others got through."""
    stage = Stage(
        30,
        lambda mail: (
            Outcome(Verdict.DEFERRED, Blame.TRANSPORT, text="lost") if mail.delivery == 5 else accept(mail)
        ),
        rules=Rules(max_wait=None),
    )
    stage.run()

    assert stage.ledger.states()[State.SENT] == 29
    assert stage.ledger.deliveries[5].state in (State.FAILED, State.DEFERRED)


def test_K08_a_ledger_that_cannot_be_written_ends_the_run_before_the_next_content() -> None:
    """No intent on disk, no content; the ending carries the fault."""
    stage = Stage(10, rules=Rules(connections=2))
    stage.ledger.fault = LedgerFault("disk full")

    ending = stage.run()

    assert stage.transport.carried == []
    assert isinstance(ending.error, LedgerFault)


def test_limit_begins_no_more_than_that() -> None:
    """--limit 3: three are sent, the rest is pending."""
    stage = Stage(10, rules=Rules(limit=3, connections=2))
    ending = stage.run()

    assert stage.ledger.states() == {State.SENT: 3, State.PENDING: 7}
    assert ending.reason == "limit"


def test_P01_a_server_that_is_gone_is_tried_some_times_and_no_row_is_touched() -> None:
    """Connection refused again and again: stop, everybody pending."""

    class Gone:
        name, limits = "gone", Stage(0).transport.limits
        tries = 0

        async def check(self) -> None: ...

        async def carry(self, feed) -> None:
            self.tries += 1
            raise Unreachable("connection refused")

    stage = Stage(5)
    stage.transport = Gone()
    ending = stage.run()

    assert stage.ledger.states() == {State.PENDING: 5}
    assert ending.reason == "unreachable"
    assert 1 < stage.transport.tries <= 6


def test_K04_the_first_signal_lets_what_is_in_flight_finish() -> None:
    """Nothing new is begun, nothing is left in the middle."""

    async def slow(feed) -> None:
        while (mail := await feed.take()) is not None:
            await feed.commit(None, mail)
            await asyncio.sleep(0.05)
            await feed.commit(Settlement(mail, accept(mail)), None)

    stage = Stage(1000)
    stage.transport.carry = slow
    ending = stage.run(lambda engine: engine.interrupt())

    assert ending.reason == "interrupted"
    assert stage.ledger.states().get(State.SENDING, 0) == 0
    assert stage.ledger.states()[State.PENDING] > 0


@pytest.mark.parametrize(
    ("advice", "reason", "kind"),
    [(Advice.STOP, "breaker", Stopped), (Advice.STOP_CREDENTIALS, "credentials", CredentialsFault)],
)
def test_a_server_that_wants_nothing_of_us_stops_the_run_at_once(
    advice: Advice, reason: str, kind: type[MailmergeError]
) -> None:
    """The first such answer is the last mail; its words are told, and everybody is pending."""
    stage = Stage(5, lambda _: Outcome(Verdict.DEFERRED, Blame.TRANSPORT, advice, 550, "5.7.1", "go away"))
    ending = stage.run()

    assert (reason, 1) == (ending.reason, len(stage.transport.carried))
    assert isinstance(ending.error, kind)
    assert "550 5.7.1 go away" in ending.error.message
    assert {State.PENDING: 5} == stage.ledger.states()


def test_a_result_log_that_cannot_go_on_stops_the_run_between_two_mails() -> None:
    """What is told from outside ends the run with that error, and leaves nothing in the middle."""

    def script(mail: Mail) -> Outcome:
        if mail.delivery == 5:
            assert stage.engine is not None
            stage.engine.fail(LedgerFault("the result log: disk full"))
        return accept(mail)

    stage = Stage(20, script)
    ending = stage.run()

    assert isinstance(ending.error, LedgerFault)
    assert {State.SENT: 5, State.PENDING: 15} == stage.ledger.states()


class _ChangedList(MemoryLedger):
    """Its list is another one from the third row on."""

    def due(self, now: datetime) -> Iterator[tuple[object, Mail]]:
        for delivery, mail in super().due(now):
            if delivery.id == 3:
                raise Refused("Row 4 is not what was checked.", reason="changed")
            yield delivery, mail


@pytest.mark.parametrize("connections", [1, 3])
def test_a_list_that_changed_ends_the_run_before_the_row_that_changed(connections: int) -> None:
    """Those before it have their mail, the others are pending, and the ending says why."""
    stage = Stage(6, rules=Rules(connections=connections))
    stage.ledger = _ChangedList(6, stage.clock)
    ending = stage.run()

    assert "changed" == ending.reason
    assert isinstance(ending.error, Refused)
    assert [1, 2] == sorted(number for _, number in stage.transport.carried)
    assert {State.SENT: 2, State.PENDING: 4} == stage.ledger.states()


class _ShortList(MemoryLedger):
    """The ledger has a row more than the list gives."""

    def due(self, now: datetime) -> Iterator[tuple[object, Mail]]:
        return (pair for pair in super().due(now) if pair[0].id != 4)


def test_rows_that_the_list_does_not_give_any_more_are_told_and_not_waited_for() -> None:
    """No endless passes: the run stops, and whoever is left is pending."""
    stage = Stage(4)
    stage.ledger = _ShortList(4, stage.clock)
    ending = stage.run()

    assert "changed" == ending.reason
    assert {State.SENT: 3, State.PENDING: 1} == stage.ledger.states()


class _FullBook:
    """A quota that can be written five times."""

    permits = 5

    def permit(self, now: datetime) -> datetime | None:
        self.permits -= 1
        if self.permits < 0:
            raise LedgerFault("the quota cannot be written: disk full")
        return None


def test_a_quota_that_cannot_be_written_stops_the_run() -> None:
    """Without a permit nobody goes; those who had one are sent."""
    stage = Stage(20)
    stage.quota = _FullBook()
    ending = stage.run()

    assert isinstance(ending.error, LedgerFault)
    assert {State.SENT: 5, State.PENDING: 15} == stage.ledger.states()


def test_K04_a_signal_while_the_run_waits_for_deferred_rows_ends_the_wait() -> None:
    """Nobody sits through the hour; the rows stay deferred."""
    stage = Stage(3, lambda _: Outcome(Verdict.DEFERRED, Blame.RECIPIENT, code=450))

    class Impatient(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            if isinstance(event, Waiting) and stage.engine is not None:
                stage.engine.interrupt()

    stage.events = Impatient()
    ending = stage.run()

    assert "interrupted" == ending.reason
    assert {State.DEFERRED: 3} == stage.ledger.states()
    assert 3 == len(stage.transport.carried)


def test_what_was_taken_and_never_begun_is_handed_back_without_a_word_to_the_ledger() -> None:
    """No attempt is counted, nothing is written, and it is sent after all."""
    stage = Stage(2)
    carry, shy = stage.transport.carry, []

    async def carry_shyly(feed: Feed) -> None:
        if not shy:
            mail = await feed.take()
            assert mail is not None
            shy.append(mail.delivery)
            await feed.commit(Settlement(mail, Outcome(Verdict.RELEASED)), None)
            assert [] == stage.ledger.batches
        await carry(feed)

    stage.transport.carry = carry_shyly
    stage.run()

    assert {State.SENT: 2} == stage.ledger.states()
    assert [1, 1] == [one.attempts for one in stage.ledger.deliveries.values()]
