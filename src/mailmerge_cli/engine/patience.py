"""How long to hold off after trouble with the server, and when to give up for today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailmerge_cli.model.delivery import Delivery
from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict

_MOST_TROUBLES = 6  # in a row, without one accepted mail between
_LONGEST_HOLD = 900.0
_LONGEST_RETRY = timedelta(hours=1)
_AT_LEAST = {Advice.SLOW_DOWN: 60.0}  # Google 3726730: back off for a minute at least


class Patience:
    """Back-off of the run as a whole: doubles with each trouble in a row, forgotten with the first accepted mail."""

    def __init__(self, first: float = 1.0) -> None:
        self._first = first
        self.troubles = 0

    def trouble(self, outcome: Outcome | None = None, *, same: bool = False) -> float:
        """Seconds for which nobody should send; `same`: another connection tells of the trouble that is known already."""
        if not same or not self.troubles:
            self.troubles += 1
        hold = self._first * 2.0 ** (self.troubles - 1)
        if outcome is not None:
            hold = max(hold, outcome.wait, _AT_LEAST.get(outcome.advice, 0.0))
        return min(hold, _LONGEST_HOLD)

    def success(self) -> None:
        """A mail was accepted: the server is well."""
        self.troubles = 0

    @property
    def exhausted(self) -> bool:
        """Too much trouble in a row: stop, and go on another time."""
        return self.troubles >= _MOST_TROUBLES


@dataclass(frozen=True, slots=True)
class Rules:
    """How often and how long a row is tried.

    Attributes:
        attempts: per row.
        give_up_after: since its first attempt.
        retry_after: before the second attempt; doubles, an hour at most.
        stop_after: equal permanent refusals in a row that stop the run; 0 never.
        max_wait: how long the run may stand still; None for as long as it takes.
        limit: at most so many begun by this call; None for all.
        connections: at a time.
    """

    attempts: int = 5
    give_up_after: timedelta = timedelta(days=2)
    retry_after: timedelta = timedelta(minutes=1)
    stop_after: int = 10
    max_wait: timedelta | None = timedelta(minutes=15)
    limit: int | None = None
    connections: int = 1

    def next_attempt(
        self, outcome: Outcome, delivery: Delivery, attempt: int, now: datetime
    ) -> tuple[datetime | None, str]:
        """When a deferred row may be tried again, and else why it is given up."""
        if outcome.verdict is not Verdict.DEFERRED:
            return None, ""
        if outcome.blame is Blame.TRANSPORT:
            return now, ""  # the run as a whole holds off; the row is not to blame
        if attempt >= self.attempts:
            return None, f"given up after {attempt} attempts"
        if now - (delivery.first_attempt or now) >= self.give_up_after:
            return None, f"given up after {self.give_up_after}"
        wait = min(self.retry_after * 2 ** (attempt - 1), _LONGEST_RETRY)
        return now + max(wait, timedelta(seconds=outcome.wait)), ""


class Breaker:
    """Counts equal permanent refusals in a row: one wrong setting must not burn the whole list."""

    def __init__(self, stop_after: int) -> None:
        self._stop_after = stop_after
        self._kind: tuple[int, str] | None = None
        self.burnt: list[int] = []

    def hear(self, outcome: Outcome, delivery: int) -> bool:
        """Note one outcome; True when the run must stop and the `burnt` ones go back to pending."""
        if outcome.verdict is Verdict.ACCEPTED:
            if self._kind is not None:
                self._kind, self.burnt = None, []
            return False
        if outcome.verdict is not Verdict.REFUSED or not self._stop_after:
            return False
        kind = (outcome.code, outcome.enhanced)
        if kind != self._kind:
            self._kind, self.burnt = kind, []
        self.burnt.append(delivery)
        return len(self.burnt) >= self._stop_after
