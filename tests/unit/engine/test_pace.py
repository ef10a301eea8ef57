"""The throttle by itself, without an engine: when a permit is given, who is asked before, and what a stop leaves behind."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mailmerge_cli.engine.throttle import Pace, Throttle
from mailmerge_cli.model.rate import Rate

BEGIN = 1000.0


class StillClock:
    """Time passes only when a test says so; its zero is far away, as that of a monotonic clock is."""

    def __init__(self) -> None:
        self.time = BEGIN

    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class Waits:
    """Both functions that a permit is given: they let the time pass, and remember for how long they were asked."""

    def __init__(self, clock: StillClock, *, stop: bool = False, share: float = 1.0) -> None:
        self._clock, self._stop, self._share = clock, stop, share
        self.pauses: list[float] = []
        self.moments: list[datetime] = []

    async def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self._clock.time += seconds * (self._share if len(self.pauses) == 1 else 1.0)
        return self._stop

    async def quota_used(self, free_at: datetime) -> bool:
        self.moments.append(free_at)
        self._clock.time += (free_at - self._clock.now()).total_seconds()
        return self._stop


class Book:
    """A quota of so many a day; it remembers when it was asked and how many it gave."""

    def __init__(self, count: int) -> None:
        self.count = self._left = count
        self._tomorrow: datetime | None = None
        self.asked: list[datetime] = []
        self.given = 0

    def permit(self, now: datetime) -> datetime | None:
        self.asked.append(now)
        if self._tomorrow is None or now >= self._tomorrow:
            self._left, self._tomorrow = self.count, now + timedelta(days=1)
        if not self._left:
            return self._tomorrow
        self._left -= 1
        self.given += 1
        return None


def from_now(_: Rate) -> float:
    return BEGIN


def permits(throttle: Throttle, waits: Waits, count: int = 1) -> list[bool]:
    async def go() -> list[bool]:
        return [await throttle.permit(waits.pause, waits.quota_used) for _ in range(count)]

    return asyncio.run(go())


def test_a_new_pace_gives_its_first_permit_at_once() -> None:
    """Nothing was sent, so there is nothing to wait for."""
    assert Pace(Rate(5, 1)).earliest() <= BEGIN


def test_P25_after_a_restart_the_first_permit_waits_until_the_last_window_is_empty() -> None:
    """Not a gap sooner and not a gap later than the moment that was told."""
    assert Pace(Rate(5, 1), not_before=BEGIN).earliest() == pytest.approx(BEGIN)


def test_P25_each_rate_has_a_moment_of_its_own_after_a_restart() -> None:
    """The window of a minute is waited out where that of a second is long empty."""
    clock = StillClock()
    waits = Waits(clock)
    throttle = Throttle([Rate(9, 1), Rate(9, 60)], clock, None, lambda rate: BEGIN + rate.seconds)

    assert permits(throttle, waits) == [True]
    assert clock.time == pytest.approx(BEGIN + 60)


@pytest.mark.parametrize("rate", [Rate(1, 1), Rate(4, 1), Rate(30, 60)], ids=str)
def test_permits_are_a_gap_apart(rate: Rate) -> None:
    """After a permit that was on time the wait is the whole gap, told in seconds."""
    clock = StillClock()
    waits = Waits(clock)

    assert permits(Throttle([rate], clock, None, from_now), waits, 4) == [True] * 4
    assert waits.pauses == [pytest.approx(rate.seconds / rate.count)] * 3


def test_after_a_rest_one_permit_is_made_good_and_no_more() -> None:
    """Lateness is made up by one gap at most: a run that stood still for an hour does not burst."""
    clock = StillClock()
    waits = Waits(clock)
    throttle = Throttle([Rate(10, 1)], clock, None, from_now)
    permits(throttle, waits)
    clock.time += 3600

    assert permits(throttle, waits, 4) == [True] * 4
    assert waits.pauses == [pytest.approx(0.1)] * 2


def test_a_fast_rate_makes_good_a_hundredth_of_a_second() -> None:
    """A timer wakes late by more than the gap of 950/s; what a hundredth of a second holds follows at once, and then gap by gap."""
    clock = StillClock()
    waits = Waits(clock)
    throttle = Throttle([Rate(950, 1)], clock, None, from_now)
    permits(throttle, waits)
    clock.time += 3600

    permits(throttle, waits, 12)
    assert waits.pauses == [pytest.approx(10 / 950 - 0.01, abs=1e-9), pytest.approx(1 / 950, abs=1e-9)]


def test_a_wait_that_ends_too_soon_goes_on() -> None:
    """Whoever waits may be woken for another reason; the permit is given when it is due, and not before."""
    clock = StillClock()
    waits = Waits(clock, share=0.25)
    throttle = Throttle([Rate(30, 60)], clock, None, from_now)

    assert permits(throttle, waits, 2) == [True, True]
    assert len(waits.pauses) == 2
    assert clock.time == pytest.approx(BEGIN + 2)


@pytest.mark.parametrize("seconds", [1, 60])
def test_short_windows_are_spread(seconds: int) -> None:
    """Up to a minute, a rate is a matter of the memory and of even steps."""
    clock = StillClock()
    waits = Waits(clock)
    permits(Throttle([Rate(2, seconds)], clock, None, from_now), waits, 2)
    assert waits.pauses == [pytest.approx(seconds / 2)]


@pytest.mark.parametrize("seconds", [61, 3600])
def test_long_windows_are_quotas_and_make_nobody_pause(seconds: int) -> None:
    """A rate of more than a minute is the book's; alone it leaves the run as fast as the server is."""
    clock = StillClock()
    waits = Waits(clock)
    assert permits(Throttle([Rate(2, seconds)], clock), waits, 5) == [True] * 5
    assert (waits.pauses, waits.moments) == ([], [])


def test_without_any_rate_a_throttle_is_free() -> None:
    """Nothing is awaited then: the fast path looks at this word."""
    clock = StillClock()
    waits = Waits(clock)
    throttle = Throttle([], clock)

    assert throttle.free is True
    assert throttle.ready() is True
    assert permits(throttle, waits, 2) == [True, True]


def test_a_rate_or_a_quota_is_not_free() -> None:
    """Neither may be passed by."""
    clock = StillClock()
    assert Throttle([Rate(1, 1)], clock).free is False
    assert Throttle([], clock, Book(1)).free is False


def test_ready_is_the_moment_from_which_nobody_would_wait() -> None:
    """Not before the gap is over; at its very end."""
    clock = StillClock()
    throttle = Throttle([Rate(2, 60)], clock, None, from_now)
    assert throttle.ready() is True

    permits(throttle, Waits(clock))
    assert throttle.ready() is False
    clock.time = BEGIN + 29
    assert throttle.ready() is False
    clock.time = BEGIN + 30
    assert throttle.ready() is True


def test_ready_asks_all_rates() -> None:
    """One that is not due is enough to wait."""
    clock = StillClock()
    throttle = Throttle([Rate(5, 1), Rate(1, 60)], clock)
    permits(throttle, Waits(clock))
    clock.time += 30
    assert throttle.ready() is False


def test_nobody_is_ready_while_another_waits_for_its_turn() -> None:
    """Who asks later stands behind the one that waits for the quota, though no pace keeps it."""

    async def go() -> list[bool]:
        clock = StillClock()
        throttle = Throttle([Rate(5, 1)], clock, Book(1))
        seen: list[bool] = []

        async def look(_: object) -> bool:
            clock.time += 86_400
            seen.append(throttle.ready())
            return False

        assert await throttle.permit(look, look)
        clock.time += 1
        seen.append(throttle.ready())
        assert await throttle.permit(look, look)
        clock.time += 1
        seen.append(throttle.ready())
        return seen

    assert asyncio.run(go()) == [True, False, True]


def test_O08_a_quota_alone_is_asked_once_a_permit_and_nobody_pauses() -> None:
    """The book hears the moment of each permit."""
    clock = StillClock()
    clock.time = 0.0
    book, waits = Book(9), Waits(clock)

    assert permits(Throttle([], clock, book), waits, 3) == [True] * 3
    assert book.asked == [clock.now()] * 3
    assert waits.pauses == []


def test_O08_a_quota_is_asked_after_the_pause_and_once() -> None:
    """A stamp on disk that waits for its second would be a permit too early in the book."""
    clock = StillClock()
    book, waits = Book(9), Waits(clock)
    start = clock.now()

    assert permits(Throttle([Rate(1, 60)], clock, book), waits, 3) == [True] * 3
    assert book.asked == [start, start + timedelta(seconds=60), start + timedelta(seconds=120)]


def test_O08_a_used_up_quota_is_waited_for_and_asked_again() -> None:
    """The moment that the book names is told; the permit is stamped when it has come, in the paces too."""
    clock = StillClock()
    book, waits = Book(1), Waits(clock)
    tomorrow = clock.now() + timedelta(days=1)
    throttle = Throttle([Rate(1, 60)], clock, book)

    assert permits(throttle, waits, 1) == [True]
    clock.time += 60
    assert permits(throttle, waits, 1) == [True]
    assert waits.moments == [tomorrow]
    assert (book.given, throttle.ready()) == (2, False)


def test_a_stop_while_pausing_asks_no_quota_and_stamps_nothing() -> None:
    """A permit that nobody used would be missing from the day."""
    clock = StillClock()
    book = Book(9)
    throttle = Throttle([Rate(1, 60)], clock, book)
    permits(throttle, Waits(clock))

    assert permits(throttle, Waits(clock, stop=True)) == [False]
    assert book.given == 1
    assert throttle.ready() is True  # the minute that passed was the first permit's; the stop added none


def test_a_stop_while_the_quota_is_used_up_stamps_nothing() -> None:
    """The paces stay as they were."""
    clock = StillClock()
    book = Book(1)
    throttle = Throttle([Rate(1, 1)], clock, book)
    permits(throttle, Waits(clock))
    clock.time += 1

    assert permits(throttle, Waits(clock, stop=True)) == [False]
    assert (book.given, throttle.ready()) == (1, True)
