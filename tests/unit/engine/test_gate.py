"""Why nobody sends at the moment: the gate, the patience with a server in trouble, a row's next attempt, the breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from mailmerge_cli.engine.gate import Gate
from mailmerge_cli.engine.patience import Breaker, Patience, Rules
from mailmerge_cli.errors import LedgerFault, Stopped, Unreachable
from mailmerge_cli.events import Event, Trouble, Waiting
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


class StandingClock:
    """Stands still; whoever sleeps sleeps until the test lets the time pass."""

    def __init__(self) -> None:
        self.time = 500.0
        self.asked: list[float] = []
        self.passes = True

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.time - 500)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        if not self.passes:
            await asyncio.Event().wait()
        self.time += seconds


class Yard:
    """A gate with its clock and what it told."""

    def __init__(self, max_wait: timedelta | None = QUARTER) -> None:
        self.clock = StandingClock()
        self.told: list[Event] = []
        self.gate = Gate(self.clock, self.told.append, max_wait)
        self.changes = 0
        self.gate.on_change = self._count

    def _count(self) -> None:
        self.changes += 1


def within(work: Callable[[], Awaitable[object]]) -> None:
    async def go() -> None:
        await work()

    asyncio.run(go())


def test_the_first_reason_to_stop_stands() -> None:
    """What comes later is not the reason; its error is kept and not hidden."""

    async def go() -> None:
        yard = Yard()
        later = LedgerFault("full")
        yard.gate.stop("quota", resume_at=NOON)
        yard.gate.stop("ledger", resume_at=NOON + QUARTER, error=later)
        yard.gate.stop("third", error=LedgerFault("another"))
        assert (yard.gate.reason, yard.gate.resume_at, yard.gate.error) == ("quota", NOON, later)
        assert (yard.gate.stopped, yard.gate.holding, yard.changes) == (True, True, 3)

    within(go)


def test_an_error_without_a_word_brings_its_own() -> None:
    """The ending always says why."""

    async def go() -> None:
        gate = Yard().gate
        gate.stop("", error=Stopped("locked by another", reason="locked"))
        assert gate.reason == "locked"
        bare = Yard().gate
        bare.stop("")
        assert (bare.reason, bare.error, bare.stopped) == ("", None, True)

    within(go)


def test_a_gate_that_nobody_watches_works_too() -> None:
    """A hold and a stop have to be told to nobody."""

    async def go() -> None:
        yard = Yard()
        yard.gate.on_change = None
        yard.gate.trouble("slow")
        yard.gate.stop("signal")
        assert yard.gate.stopped

    within(go)


def test_a_pause_ends_with_the_stop() -> None:
    """Nobody waits an hour for a run that is over."""

    async def go() -> None:
        yard = Yard()
        yard.clock.passes = False
        waiting = asyncio.ensure_future(yard.gate.pause(3600))
        await asyncio.sleep(0)
        yard.gate.stop("signal")
        assert await asyncio.wait_for(waiting, 5) is True

    within(go)


def test_a_pause_that_is_over_stops_nothing() -> None:
    """It says False, after the time that was asked for."""

    async def go() -> None:
        yard = Yard()
        assert await yard.gate.pause(7) is False
        assert yard.clock.asked == [7]

    within(go)


def test_all_wait_while_the_run_holds_off() -> None:
    """The longest hold counts; after it nobody waits."""

    async def go() -> None:
        yard = Yard()
        assert await yard.gate.held() is False
        yard.gate.trouble("slow", Outcome(Verdict.DEFERRED, Blame.TRANSPORT, wait=120))
        yard.gate.trouble("slow")
        assert yard.gate.holding
        assert await yard.gate.held() is False
        assert yard.clock.time == 620
        assert not yard.gate.holding

    within(go)


def test_a_hold_that_becomes_a_stop_lets_nobody_through() -> None:
    """Who stands at the gate hears of the stop."""

    async def go() -> None:
        yard = Yard()
        yard.gate.trouble("slow")
        yard.clock.passes = False
        waiting = asyncio.ensure_future(yard.gate.held())
        await asyncio.sleep(0)
        yard.gate.stop("signal")
        assert await asyncio.wait_for(waiting, 5) is True
        assert await yard.gate.held() is True

    within(go)


@pytest.mark.parametrize(("wait", "stops"), [(QUARTER, False), (QUARTER + timedelta(seconds=1), True)])
def test_Q01_a_quota_is_waited_for_as_long_as_is_wished(wait: timedelta, stops: bool) -> None:
    """To the second; beyond it the run stops with the time to come back."""

    async def go() -> None:
        yard = Yard()
        assert await yard.gate.quota_used(NOON + wait) is stops
        if stops:
            assert (yard.gate.reason, yard.gate.resume_at) == ("quota", NOON + wait)
            assert yard.told == []
        else:
            assert yard.told == [Waiting("quota", NOON + wait, "the account's quota is used up")]
            assert yard.clock.now() == NOON + wait

    within(go)


def test_Q01_with_wait_a_quota_is_waited_for_for_days() -> None:
    """Without a longest wait nothing is too long."""

    async def go() -> None:
        yard = Yard(None)
        assert await yard.gate.quota_used(NOON + timedelta(days=3)) is False
        assert not yard.gate.stopped

    within(go)


def test_waiting_for_a_quota_is_no_standing_still() -> None:
    """After it the server has its whole patience again."""

    async def go() -> None:
        yard = Yard()
        await yard.gate.quota_used(NOON + timedelta(minutes=14))
        assert yard.gate.may_stand_still(QUARTER.total_seconds())
        assert not yard.gate.may_stand_still(QUARTER.total_seconds() + 1)

    within(go)


def test_the_wait_is_counted_from_the_last_mail_that_came_to_its_end() -> None:
    """Each one begins it anew."""
    yard = Yard()
    yard.clock.time += 600
    assert yard.gate.may_stand_still(300)
    assert not yard.gate.may_stand_still(301)
    yard.gate.progress()
    assert yard.gate.may_stand_still(900)


def test_trouble_is_told_with_its_end_and_its_reason() -> None:
    """The screen says until when nobody sends, and why."""
    yard = Yard()
    yard.gate.trouble("too fast", Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.SLOW_DOWN))
    assert yard.told == [Waiting("back-off", NOON + timedelta(seconds=60), "too fast")]
    assert yard.changes == 1


def test_a_wait_that_is_too_long_stops_the_run() -> None:
    """Deferred: with the time to come back and the server's words."""
    yard = Yard(timedelta(seconds=59))
    yard.gate.trouble("too fast", Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.SLOW_DOWN))
    assert (yard.gate.reason, yard.gate.resume_at) == ("deferred", NOON + timedelta(seconds=60))
    assert "too fast" in str(yard.gate.error)
    assert yard.told == []


def test_trouble_without_end_stops_the_run() -> None:
    """Six times in a row, with nothing accepted between, are enough, however long one may wait."""
    yard = Yard(None)
    for _ in range(5):
        yard.gate.trouble("later")
        yard.clock.time += 1000
    assert not yard.gate.stopped
    yard.gate.trouble("later")
    assert yard.gate.reason == "deferred"


def test_one_accepted_mail_forgives_all_trouble() -> None:
    """The back-off begins anew."""
    yard = Yard(None)
    for _ in range(5):
        yard.gate.trouble("later")
        yard.clock.time += 1000
    yard.gate.success()
    yard.gate.trouble("later")
    assert not yard.gate.stopped
    assert yard.told[-1] == Waiting("back-off", NOON + timedelta(seconds=5001), "later")


@pytest.mark.parametrize("connections", [6, 50])
def test_P25_many_connections_in_one_trouble_try_the_patience_once(connections: int) -> None:
    """A server that is too busy tells each connection so; that is one trouble, and the run goes on after it."""
    yard = Yard(None)
    for trouble in range(5):
        for _ in range(connections):
            yard.gate.trouble("too fast")
            yard.gate.lost(Unreachable("gone"))
        assert not yard.gate.stopped
        assert yard.told[-1] == Waiting(
            "back-off", NOON + timedelta(seconds=1000 * trouble + 2**trouble), "gone"
        )
        yard.clock.time += 1000


def test_P01_a_lost_connection_is_told_and_had_again() -> None:
    """As a trouble, then as a wait: as long as the error asks at least."""
    yard = Yard()
    lost = Unreachable("smtp.example.org:25 cannot be reached.", wait=30)
    yard.gate.lost(lost)
    assert yard.told == [
        Trouble(lost.message),
        Waiting("back-off", NOON + timedelta(seconds=30), lost.message),
    ]
    assert yard.gate.holding
    assert not yard.gate.stopped


def test_P01_a_server_that_stays_away_ends_the_run_with_its_error() -> None:
    """69 and not 75: the last error is what the person reads."""
    yard = Yard()
    lost = Unreachable("smtp.example.org:25 cannot be reached.")
    for _ in range(6):
        yard.gate.lost(lost)
        yard.clock.time += 1000
    assert (yard.gate.reason, yard.gate.error) == ("unreachable", lost)
    impatient = Yard(timedelta(0))
    impatient.gate.lost(lost)
    assert impatient.gate.reason == "unreachable"


# the patience by itself


def test_the_back_off_doubles_and_has_an_end() -> None:
    """1, 2, 4 s …; a quarter of an hour at most; exhausted with the sixth."""
    patience = Patience()
    assert [patience.trouble() for _ in range(5)] == [1, 2, 4, 8, 16]
    assert not patience.exhausted
    patience.trouble()
    assert patience.exhausted
    assert [patience.trouble() for _ in range(6)][-1] == 900


def test_Q02_a_server_that_finds_us_too_fast_is_left_alone_for_a_minute() -> None:
    """At least; longer if it says so."""
    assert Patience().trouble(Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.SLOW_DOWN)) == 60
    assert Patience().trouble(Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.SLOW_DOWN, wait=300)) == 300
    assert (
        Patience().trouble(Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.FEWER_CONNECTIONS, wait=2)) == 2
    )


# a row's next attempt


def a_delivery(first_attempt: datetime | None = None) -> Delivery:
    return Delivery(1, 1, 2, "k", "p@example.org", b"h", State.DEFERRED, first_attempt=first_attempt)


@pytest.mark.parametrize(
    ("outcome", "attempt", "first", "after", "reason"),
    [
        (Outcome(Verdict.ACCEPTED), 1, 0, None, ""),
        (Outcome(Verdict.REFUSED, Blame.RECIPIENT), 1, 0, None, ""),
        (Outcome(Verdict.DEFERRED, Blame.TRANSPORT, wait=600), 9, 72, 0, ""),
        (Outcome(Verdict.DEFERRED, Blame.RECIPIENT), 1, 0, 60, ""),
        (Outcome(Verdict.DEFERRED, Blame.RECIPIENT), 3, 0, 240, ""),
        (Outcome(Verdict.DEFERRED, Blame.RECIPIENT), 4, 47, 480, ""),
        (Outcome(Verdict.DEFERRED, Blame.RECIPIENT, wait=7200), 1, 0, 7200, ""),
        (Outcome(Verdict.DEFERRED, Blame.RECIPIENT), 5, 0, None, "given up after 5 attempts"),
        (Outcome(Verdict.DEFERRED, Blame.RECIPIENT), 2, 48, None, "given up after 2 days, 0:00:00"),
    ],
)
def test_P10_when_a_row_is_tried_again(
    outcome: Outcome, attempt: int, first: int, after: float | None, reason: str
) -> None:
    """A deferral doubles its wait, or waits as long as the server says; too often or too long is given up. The server's fault costs nothing."""
    moment, why = Rules().next_attempt(outcome, a_delivery(NOON - timedelta(hours=first)), attempt, NOON)
    assert moment == (None if after is None else NOON + timedelta(seconds=after))
    assert why == reason


def test_P10_the_first_deferral_is_never_too_late() -> None:
    """A row that was never tried has no first attempt yet; and no wait of ours is longer than an hour."""
    rules = Rules(attempts=50)
    deferred = Outcome(Verdict.DEFERRED, Blame.RECIPIENT)
    assert rules.next_attempt(deferred, a_delivery(), 1, NOON) == (NOON + timedelta(minutes=1), "")
    assert rules.next_attempt(deferred, a_delivery(), 30, NOON) == (NOON + timedelta(hours=1), "")


# the breaker


def refused(code: int = 550, enhanced: str = "5.7.1") -> Outcome:
    return Outcome(Verdict.REFUSED, Blame.MESSAGE, code=code, enhanced=enhanced)


def test_equal_refusals_in_a_row_stop_the_run() -> None:
    """At the third of three; those that were burnt are known."""
    breaker = Breaker(3)
    assert [breaker.hear(refused(), n) for n in (7, 8, 9)] == [False, False, True]
    assert breaker.burnt == [7, 8, 9]


@pytest.mark.parametrize("other", [refused(551), refused(enhanced="5.7.2")])
def test_another_refusal_begins_the_count_anew(other: Outcome) -> None:
    """Different words are different faults; of the new kind it is the first."""
    breaker = Breaker(3)
    breaker.hear(refused(), 1)
    breaker.hear(refused(), 2)
    assert not breaker.hear(other, 3)
    assert breaker.burnt == [3]


def test_an_accepted_mail_clears_the_breaker_and_a_deferral_does_not() -> None:
    """Only a mail that went shows that the fault is not everybody's."""
    breaker = Breaker(3)
    breaker.hear(refused(), 1)
    assert not breaker.hear(Outcome(Verdict.DEFERRED, Blame.RECIPIENT), 2)
    assert breaker.burnt == [1]
    assert not breaker.hear(Outcome(Verdict.ACCEPTED), 3)
    assert breaker.burnt == []
    assert [breaker.hear(refused(), n) for n in (4, 5)] == [False, False]


def test_a_breaker_of_nought_never_stops() -> None:
    """`stop_after = 0`: whoever writes it wants the whole list tried."""
    breaker = Breaker(0)
    assert not any(breaker.hear(refused(), n) for n in range(50))
