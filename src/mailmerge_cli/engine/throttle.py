"""How fast: never more permits than the rate in any window, across all connections.

Rule 1: a permit is stamped with the moment at which it is given, right before MAIL is written; the sliding log of these stamps is the law.
Rule 2: rates a second or a minute are spread evenly; rates an hour or a day are quotas, and are used up as fast as the others allow.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from mailmerge_cli.clock import Clock
from mailmerge_cli.model.rate import Rate

SPREAD_UP_TO = 60  # seconds; longer windows are quotas
_CATCH_UP = (
    0.01  # seconds that a late wake-up may make good, so that a timer's grain does not slow a fast rate
)


class Quota(Protocol):
    """Permits of long windows, kept on disk and shared with all other runs of the account."""

    def permit(self, now: datetime) -> datetime | None:
        """Stamp one permit durably and return None; or stamp nothing and return when the next one will be free."""
        ...


class Pace:
    """One rate in memory: evenly spread, and exact as a sliding log."""

    def __init__(self, rate: Rate, not_before: float = float("-inf")) -> None:
        self._gap = rate.seconds / rate.count
        self._seconds = rate.seconds
        self._stamps: deque[float] = deque(maxlen=rate.count)
        self._slot = not_before - self._gap

    def earliest(self) -> float:
        """The first moment (monotonic seconds) at which another permit may be given."""
        due = self._slot + self._gap
        if len(self._stamps) == self._stamps.maxlen:
            due = max(due, self._stamps[0] + self._seconds)
        return due

    def stamp(self, now: float) -> None:
        """A permit is given now."""
        # The next slot follows the ideal one and not the late waking, else lateness would add up and the mean would sag.
        self._slot = max(self._slot + self._gap, now - max(self._gap, _CATCH_UP))
        self._stamps.append(now)


class Throttle:
    """All rates of a run together.

    Args:
        rates: all hold.
        clock: the time.
        quota: the book of the long windows; None where nothing is shared (trials on loopback).
        not_before: monotonic time before which no short window is known to be empty: after a restart the last
            window is waited out, because nobody remembers what was sent in it.
    """

    def __init__(
        self,
        rates: Sequence[Rate],
        clock: Clock,
        quota: Quota | None = None,
        not_before: Callable[[Rate], float] | None = None,
    ) -> None:
        self._clock = clock
        self._quota = quota
        start = not_before or (lambda _: float("-inf"))
        self._paces = [Pace(rate, start(rate)) for rate in rates if rate.seconds <= SPREAD_UP_TO]
        self._turn = asyncio.Lock()
        self.free = not self._paces and quota is None

    def ready(self) -> bool:
        """Whether a permit would be given without waiting, as far as memory tells."""
        if self.free:
            return True
        now = self._clock.monotonic()
        return not self._turn.locked() and all(pace.earliest() <= now for pace in self._paces)

    async def permit(
        self, pause: Callable[[float], Awaitable[bool]], quota_used: Callable[[datetime], Awaitable[bool]]
    ) -> bool:
        """Wait for a permit and stamp it.

        Args:
            pause: an async function that waits so many seconds and says True when the run is to stop instead.
            quota_used: an async function told when a quota is used up until a moment; it says True when the run stops.

        Returns:
            False when the run stops: nothing was stamped.
        """
        if self.free:
            return True
        async with self._turn:
            return await self._wait_and_stamp(pause, quota_used)

    async def _wait_and_stamp(
        self, pause: Callable[[float], Awaitable[bool]], quota_used: Callable[[datetime], Awaitable[bool]]
    ) -> bool:
        while True:
            wait = max((pace.earliest() for pace in self._paces), default=0.0) - self._clock.monotonic()
            if wait > 0:
                if await pause(wait):
                    return False
                continue
            free_at = self._quota.permit(self._clock.now()) if self._quota else None
            if free_at is None:
                break
            if await quota_used(free_at):
                return False
        now = self._clock.monotonic()
        for pace in self._paces:
            pace.stamp(now)
        return True
