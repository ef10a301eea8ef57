"""What time it is: the wall for people and the ledger, the monotonic clock for waiting; handed in, so that tests own it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """The only way in which the engine learns the time or waits."""

    def now(self) -> datetime:
        """The wall's time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The wall's time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in the event loop."""
        import asyncio  # every command reads the clock, few wait

        await asyncio.sleep(seconds)


def in_zone(moment: datetime, timezone: str) -> datetime:
    """An aware moment as the clocks of that zone (an IANA name) show it; the machine's own zone if none is named."""
    return moment.astimezone(ZoneInfo(timezone) if timezone else None)
