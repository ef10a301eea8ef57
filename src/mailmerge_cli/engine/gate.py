"""Whether the run goes on, holds off or stops: one place that knows why nobody sends at the moment.

Rule: the first reason to stop stands; an error that comes later is kept, not hidden.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from mailmerge_cli.clock import Clock
from mailmerge_cli.engine.patience import Patience
from mailmerge_cli.errors import MailmergeError, Stopped, Unreachable
from mailmerge_cli.events import Observer, Trouble, Waiting
from mailmerge_cli.model.mail import Outcome


class Gate:
    """All connections pass it before each mail.

    Args:
        clock: the time.
        tell: hears why the run waits.
        max_wait: how long the run may stand still; None for as long as it takes.
    """

    def __init__(self, clock: Clock, tell: Observer, max_wait: timedelta | None) -> None:
        self._clock = clock
        self._tell = tell
        self._max_wait = max_wait
        self._patience = Patience()
        self._stopping = asyncio.Event()
        self._hold_until = float("-inf")  # monotonic
        self._last_progress = clock.monotonic()
        self.reason = ""
        self.resume_at: datetime | None = None
        self.error: MailmergeError | None = None
        self.on_change: Callable[[], None] | None = None  # told when a hold begins, and at the stop

    @property
    def stopped(self) -> bool:
        """No new mail from now on."""
        return self._stopping.is_set()

    @property
    def holding(self) -> bool:
        """Stopped, or holding off for a while."""
        return self.stopped or self._holds_off

    @property
    def _holds_off(self) -> bool:
        """Many connections meet the same trouble at once: it is one, and tries the run's patience once."""
        return self._hold_until > self._clock.monotonic()

    def stop(
        self, reason: str, *, resume_at: datetime | None = None, error: MailmergeError | None = None
    ) -> None:
        """No new mail from now on."""
        if not self.stopped:
            self.reason = reason or (error.reason if error else "")
            self.resume_at, self.error = resume_at, error
        elif self.error is None:
            self.error = error
        self._stopping.set()
        self._changed()

    async def pause(self, seconds: float) -> bool:
        """Wait; True when the run stops meanwhile."""
        stop = asyncio.ensure_future(self._stopping.wait())
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({stop, sleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            sleep.cancel()
        return self.stopped

    async def held(self) -> bool:
        """Wait while the run holds off; True when it stops."""
        while (wait := self._hold_until - self._clock.monotonic()) > 0:
            if await self.pause(wait):
                return True
        return self.stopped

    async def quota_used(self, until: datetime) -> bool:
        """A quota is used up: wait for it if that is short or wished. True when the run stops."""
        wait = (until - self._clock.now()).total_seconds()
        if not self.may_stand_still(wait):
            self.stop("quota", resume_at=until)
            return True
        self._tell(Waiting("quota", until, "the account's quota is used up"))
        self._last_progress = self._clock.monotonic() + max(wait, 0.0)
        return await self.pause(wait)

    def may_stand_still(self, seconds: float) -> bool:
        """Whether the run may wait so much longer, counted from the last mail that came to its end."""
        if self._max_wait is None:
            return True
        idle = max(self._clock.monotonic() - self._last_progress, 0.0)
        return idle + seconds <= self._max_wait.total_seconds()

    def progress(self) -> None:
        """Mails came to their end."""
        now = self._clock.monotonic()
        if now > self._last_progress:  # it lies ahead while a quota is waited for
            self._last_progress = now

    def success(self) -> None:
        """A mail was accepted: the server is well."""
        self._patience.success()

    def trouble(self, why: str, outcome: Outcome | None = None) -> None:
        """The server is in trouble: nobody sends for a while; or the run stops, if that is too long or does not end."""
        seconds = self._patience.trouble(outcome, same=self._holds_off)
        until = self._clock.now() + timedelta(seconds=seconds)
        if self._patience.exhausted or not self.may_stand_still(seconds):
            self.stop("deferred", resume_at=until, error=Stopped(f"The server keeps us waiting: {why}"))
            return
        self._hold(seconds)
        self._tell(Waiting("back-off", until, why))

    def lost(self, error: Unreachable) -> None:
        """A connection could not be had, or was lost."""
        self._tell(Trouble(error.message))
        seconds = max(self._patience.trouble(same=self._holds_off), error.wait)
        if self._patience.exhausted or not self.may_stand_still(seconds):
            self.stop("unreachable", error=error)
            return
        self._hold(seconds)
        until = self._clock.now() + timedelta(seconds=seconds)
        self._tell(Waiting("back-off", until, error.message))

    def _hold(self, seconds: float) -> None:
        self._hold_until = max(self._hold_until, self._clock.monotonic() + seconds)
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
