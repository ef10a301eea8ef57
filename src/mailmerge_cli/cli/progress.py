"""How a run is getting on: a live bar on a terminal, a few plain lines elsewhere; and what it came to in the end.

Rule: an event costs a count. What is drawn, is drawn by a clock: five times a second on a terminal, about every ten seconds elsewhere.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta, tzinfo
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mailmerge_cli.cli.closing import closing, mails
from mailmerge_cli.cli.layout import clock_time, cut, span
from mailmerge_cli.cli.pace import Pace, left_text, rate_text
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.events import Connected, Event, Settled, Trouble, Waiting
from mailmerge_cli.model.delivery import State

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from mailmerge_cli.clock import Clock

__all__ = ["Progress", "closing"]

_TICK = 0.2  # seconds between two drawings of the bar
_LINE = 10.0  # seconds between two plain lines, at least; a twentieth of the time gone in a long run
_SHORT = timedelta(seconds=5)  # a shorter wait is not worth a plain line
_LONG = timedelta(minutes=10)  # a wait that ends so much later than the one told is worth another
_TROUBLES = 100  # different troubles that are told
_BAR = 40  # cells of the bar, at most
_WAITS = {
    "throttle": "for the throttle",
    "quota": "for the quota",
    "back-off": "because the server has trouble",
    "deferred": "for deferred mails",
    "connect": "for the connection",
}


class Progress:
    """An observer of the engine's events that keeps the person informed; a context manager.

    Args:
        screen: where to.
        total: mails that this call is going to send.
        clock: tells the time; tests hand in their own.
        zone: in which times are told; None for the machine's own.
    """

    def __init__(
        self, screen: Screen, total: int, *, clock: Clock | None = None, zone: tzinfo | None = None
    ) -> None:
        self._screen = screen
        self._total = total
        if clock is None:
            from mailmerge_cli.clock import SystemClock

            clock = SystemClock()
        self._clock = clock
        self._zone = zone
        self._counts: Counter[State] = Counter()
        self._deferred: set[int] = set()
        self._connections = 0
        self._waiting: Waiting | None = None
        self._pace = Pace()
        self._live: Live | None = None
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None
        self._began = self._told_at = self._clock.monotonic()
        self._told_ended = 0
        self._told_waits: dict[str, datetime] = {}
        self._told_troubles: set[str] = set()

    @property
    def ended(self) -> int:
        """Mails that have come to an end in this call."""
        counts = self._counts
        return counts[State.SENT] + counts[State.FAILED] + counts[State.IN_DOUBT]

    def __call__(self, event: Event) -> None:
        """Hear of an event; never raises, and nearly always only counts."""
        match event:
            case Settled():
                self._settled(event)
            case Waiting():
                self._waits(event)
            case Trouble(text=text):
                if text not in self._told_troubles and len(self._told_troubles) < _TROUBLES:
                    self._told_troubles.add(text)
                    self._screen.warn(text)
            case Connected(connections=connections):
                self._connections = connections

    def __enter__(self) -> Self:
        self._began = self._told_at = self._clock.monotonic()
        self._pace.note(self._began, 0)
        console = self._screen.console()
        if console is None:
            if not self._screen.quiet:
                self._screen.say(f"Sending {mails(self._total)}.")
            return self
        from rich.live import Live

        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()
        # A process that has to leave at once must not leave a terminal without a cursor.
        console.show_cursor(True)
        self._screen.attach(console)
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._ticker is not None:
            self._ticker.join(timeout=2)
        if self._live is not None:
            self._screen.attach(None)
            self._live.stop()
        elif self.ended != self._told_ended:
            self._tell(self._clock.monotonic())

    def status(self) -> str:
        """One line: `123 of 298: 120 sent, 2 failed, 1 deferred; 9.8/s, about 18 s left`."""
        counts = self._counts
        numbers = (
            (counts[State.SENT], "sent"),
            (counts[State.FAILED], "failed"),
            (counts[State.IN_DOUBT], "in doubt"),
            (len(self._deferred), "deferred"),
        )
        told = ", ".join(f"{number} {word}" for number, word in numbers if number)
        pace = self._pace_text()
        return f"{self.ended} of {self._total}{': ' if told else ''}{told}{'; ' if pace else ''}{pace}"

    def _settled(self, event: Settled) -> None:
        self._waiting = None
        for delivery, _ in event.attempts:
            state = delivery.state
            self._counts[state] += 1
            if state is State.DEFERRED:
                self._deferred.add(delivery.id)
            elif self._deferred:
                self._deferred.discard(delivery.id)
        if self._live is None:
            now = self._clock.monotonic()
            if self._due(now):
                self._tell(now)

    def _waits(self, event: Waiting) -> None:
        self._waiting = event
        if self._live is not None:
            return
        now = self._clock.now()
        told = self._told_waits.get(event.why)
        if event.until - now >= _SHORT and (told is None or event.until - told >= _LONG):
            self._told_waits[event.why] = event.until
            if not self._screen.quiet:
                self._screen.say(self._wait_text(event, now) + ".")

    def _due(self, now: float) -> bool:
        """Whether a plain line is worth it: ten per cent or ten seconds later (in a long run, a twentieth of it)."""
        gone = now - self._told_at
        if gone < 1.0:
            return False
        tenth = (self.ended - self._told_ended) * 10 >= self._total
        return tenth or gone >= max(_LINE, (now - self._began) / 20)

    def _tell(self, now: float) -> None:
        self._pace.note(now, self.ended)
        self._told_at, self._told_ended = now, self.ended
        if not self._screen.quiet:
            self._screen.say(self.status())

    def _pace_text(self) -> str:
        now, ended = self._clock.monotonic(), self.ended
        rate = self._pace.rate(now, ended)
        left = left_text(self._total - ended, rate)
        return ", ".join(filter(None, (rate_text(rate) if rate else "", left)))

    def _wait_text(self, waiting: Waiting, now: datetime) -> str:
        until = clock_time(waiting.until, now.astimezone(self._zone))
        left = max(0.0, (waiting.until - now).total_seconds())
        reason = f": {waiting.text}" if waiting.text else ""
        return f"Waiting {_WAITS.get(waiting.why, waiting.why)} until {until} ({span(left)}){reason}"

    def _tick(self) -> None:
        """The drawing thread's life."""
        while not self._stop.wait(_TICK):
            self._draw()

    def _draw(self) -> None:
        if self._live is not None:
            self._pace.note(self._clock.monotonic(), self.ended)
            self._live.console.width = self._screen.width(self._screen.talk) or 80
            self._live.update(self._picture(self._live.console.width), refresh=True)

    def _picture(self, width: int) -> Text:
        """The bar, the numbers below it, and below these why it waits."""
        from rich.text import Text

        ended, total = self.ended, max(self._total, 1)
        share = min(ended / total, 1.0)
        long = max(4, min(_BAR, width - 8))
        done = round(long * share)
        picture = Text(no_wrap=True, overflow="ellipsis")
        picture.append("━" * done, "green").append("━" * (long - done), "dim").append(f" {share:4.0%}")
        lines = [self.status()]
        if self._connections > 1:
            lines[0] += f", {self._connections} connections"
        waiting = self._waiting
        if waiting is not None and waiting.until - (now := self._clock.now()) >= timedelta(seconds=1):
            lines.append(self._wait_text(waiting, now))
        for line in lines:
            picture.append("\n" + cut(line, width))
        return picture
