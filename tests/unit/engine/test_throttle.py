"""The throttle's law: never more than the rate in any window, and on the mean just as fast."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.throttle import Pace, Throttle
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.rate import Rate
from support.engine_parts import JumpingClock, Stage


def most_within(stamps: list[float], window: float) -> int:
    """The largest number of stamps in any half-open window of that length."""
    most, first = 0, 0
    for last, stamp in enumerate(stamps):
        while stamp - stamps[first] >= window - 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


@given(
    rate=st.builds(Rate, st.integers(1, 40), st.sampled_from([1, 60])),
    late=st.lists(st.floats(0, 3), min_size=80, max_size=80),
)
@settings(max_examples=150, deadline=None)
def test_P25_no_window_holds_more_than_the_rate_however_late_we_wake(rate: Rate, late: list[float]) -> None:
    """Sleepers wake late at will; the sliding log holds."""
    pace, now, stamps = Pace(rate), 0.0, []
    for delay in late:
        now = max(now, pace.earliest()) + delay * rate.seconds / rate.count
        pace.stamp(now)
        stamps.append(now)

    assert most_within(stamps, rate.seconds) <= rate.count


def test_the_mean_does_not_sag_when_every_waking_is_late() -> None:
    """5/s over 200 permits, each waking up to 2 ms late: the mean stays within one per cent."""
    pace, now, stamps = Pace(Rate(5, 1)), 0.0, []
    for n in range(200):
        now = max(now, pace.earliest()) + (n * 7919 % 20) / 10_000
        pace.stamp(now)
        stamps.append(now)

    mean = (len(stamps) - 1) / (stamps[-1] - stamps[0])
    assert abs(mean - 5) < 0.05


def test_several_connections_share_one_throttle() -> None:
    """Ten connections together keep 4/s."""
    stage = Stage(40, rules=Rules(connections=10), rates=[Rate(4, 1)])
    stage.run()

    times = stage.transport.taken
    assert stage.ledger.states() == {State.SENT: 40}
    assert most_within(times, 1.0) <= 4


def test_all_limits_hold_together() -> None:
    """10/s and 30/min: after thirty the minute decides."""
    stage = Stage(35, rates=[Rate(10, 1), Rate(30, 60)], rules=Rules(max_wait=None))
    stage.run()

    times = stage.transport.taken
    assert most_within(times, 1.0) <= 10
    assert most_within(times, 60.0) <= 30


class DayQuota:
    """So many permits, then none before tomorrow."""

    def __init__(self, count: int, clock: JumpingClock) -> None:
        self.count, self._clock = count, clock
        self.tomorrow: datetime | None = None

    def permit(self, now: datetime) -> datetime | None:
        if self.tomorrow and now >= self.tomorrow:
            self.count, self.tomorrow = 1000, None
        if self.count:
            self.count -= 1
            return None
        self.tomorrow = self.tomorrow or now + timedelta(days=1)
        return self.tomorrow


def test_O08_a_quota_of_the_day_stops_the_run_with_the_time_to_come_back() -> None:
    """Seven today: seven are sent, the ending says tomorrow."""
    stage = Stage(20)
    stage.quota = DayQuota(7, stage.clock)
    ending = stage.run()

    assert stage.ledger.states() == {State.SENT: 7, State.PENDING: 13}
    assert ending.reason == "quota"
    assert ending.resume_at is not None


def test_a_quota_is_waited_for_when_that_is_wished() -> None:
    """--wait: the rest goes tomorrow, in the same call."""
    stage = Stage(20, rules=Rules(max_wait=None))
    stage.quota = DayQuota(7, stage.clock)
    stage.run()

    assert stage.ledger.states() == {State.SENT: 20}
    assert stage.clock.time >= 86_400


def test_a_stopped_run_stamps_no_permit() -> None:
    """Whoever waits for a permit when the run stops gets none."""

    async def go() -> bool:
        clock = JumpingClock()
        throttle = Throttle([Rate(1, 60)], clock)

        async def stop(_: object) -> bool:
            return True

        assert await throttle.permit(stop, stop)
        return await throttle.permit(stop, stop)

    assert not asyncio.run(go())
