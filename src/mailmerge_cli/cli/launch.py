"""The engine with all its parts, its signals and its listeners: one call of it sends what is due of a run."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from mailmerge_cli import offspring
from mailmerge_cli.clock import SystemClock
from mailmerge_cli.engine.crew import Crew
from mailmerge_cli.engine.desk import Tray
from mailmerge_cli.engine.line import Carrier
from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.run import Ending, Engine
from mailmerge_cli.engine.throttle import Throttle
from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.events import Event, Observer, Trouble
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.quota import QuotaBook
from mailmerge_cli.ledger.records import Record
from mailmerge_cli.model.delivery import Delivery, Run
from mailmerge_cli.model.rate import Rate

BOOKED = 60
"""Seconds: windows from here on are kept in the book of quotas."""

_FEW = 2000  # mails for which starting workers takes longer than they save
_SLOW = 1000.0  # mails a second that one process makes and sends with ease
_MOST = 4  # workers that one main process keeps busy
_MANY = 50_000  # things made before cycles are looked for: what is made for a mail is tuples, and has none


@dataclass(slots=True)
class Flight:
    """What one call needs to send.

    Attributes:
        carrier: the transport; or a crew, whose workers have their own.
        account: the name that the ledger keeps with each attempt.
        quota: the book of long windows and the name under which this account stands in it; None where no long rate holds.
        resumed: mails of this run may have gone out a moment ago, so short windows are waited out first.
    """

    carrier: Carrier | Crew
    tray: Tray
    ledger: Ledger
    run: Run
    rules: Rules
    rates: Sequence[Rate]
    account: str
    quota: tuple[QuotaBook, str] | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Landing:
    """How the call ended, and the signal that ended it, if one did."""

    ending: Ending
    signal: int = 0


def launch(flight: Flight, observers: Sequence[Observer]) -> Landing:
    """Send what is due; SIGINT and SIGTERM settle what is in flight first, a second one leaves at once."""
    gc.freeze()  # what is here by now stays
    gc.set_threshold(_MANY)
    return asyncio.run(_fly(flight, observers))


class _Book:
    """The ledger of one run, as the engine sees it."""

    def __init__(self, ledger: Ledger, run: Run) -> None:
        self._ledger = ledger
        self._run = run

    def write(self, batch: Sequence[Record], at: datetime) -> list[Delivery]:
        return self._ledger.write(batch, at)

    def undo(self, deliveries: Sequence[int]) -> int:
        return self._ledger.undo(self._run, deliveries, "refused like its neighbours; taken back")


class _Quota:
    """The long windows of one account."""

    def __init__(self, book: QuotaBook, name: str, rates: Sequence[Rate]) -> None:
        self._book = book
        self._name = name
        self._rates = rates

    def permit(self, now: datetime) -> datetime | None:
        grant = self._book.reserve(self._name, self._rates, 1, now)
        return None if grant.count else grant.free_at


def workers_for(wish: str, mails: int, connections: int, rates: Sequence[Rate]) -> int:
    """How many worker processes help; 0: this process makes and sends the mails itself.

    Args:
        wish: a number, of which 1 means this process alone; or `auto`: one for each core but one, which is this process's.
        mails: that this call is going to send.
        connections: at a time; no worker has less than one.
        rates: that hold; `auto` starts no worker that a throttled run would not use.
    """
    if wish == "auto":
        slow = any(rate.count / rate.seconds < _SLOW for rate in rates)
        number = 0 if slow or mails < _FEW else min(offspring.cores() - 1, _MOST)
    else:
        number = int(wish)
    number = min(number, connections, mails)
    return number if number > 1 else 0


async def _fly(flight: Flight, observers: Sequence[Observer]) -> Landing:
    heard: list[int] = []
    engine = _engine(flight, observers)
    # A signal while the workers are sent home is heard like any other.
    with _Signals(lambda number: _on_signal(engine, observers, heard, number)):
        if isinstance(flight.carrier, Crew):
            async with flight.carrier:
                ending = await engine.run()
        else:
            ending = await engine.run()
    first = heard[0] if heard else 0
    return Landing(ending, signal.SIGTERM if first in _HANG_UP else first)


def _engine(flight: Flight, observers: Sequence[Observer]) -> Engine:
    clock = SystemClock()
    engine = Engine(
        transport=flight.carrier,
        tray=flight.tray,
        book=_Book(flight.ledger, flight.run),
        throttle=_throttle(flight, clock),
        rules=flight.rules,
        clock=clock,
        observer=lambda event: _tell(engine, observers, event),
        account=flight.account,
    )
    return engine


def _throttle(flight: Flight, clock: SystemClock) -> Throttle:
    long = [rate for rate in flight.rates if rate.seconds >= BOOKED]
    quota = _Quota(*flight.quota, long) if flight.quota and long else None
    start = clock.monotonic()

    def not_before(rate: Rate) -> float:
        # The minute's permits are in the book; of the last second nobody knows after a crash.
        return start + rate.seconds if flight.resumed and rate.seconds < BOOKED else float("-inf")

    return Throttle(flight.rates, clock, quota, not_before)


def _tell(engine: Engine, observers: Sequence[Observer], event: Event) -> None:
    for observer in observers:
        try:
            observer(event)
        except MailmergeError as error:
            # The result log cannot be written: the ledger knows all, but nobody should go on unseen.
            engine.fail(error)


def _on_signal(engine: Engine, observers: Sequence[Observer], heard: list[int], number: int) -> None:
    heard.append(number)
    if len(heard) == 1:
        text = "Stopping: mails on their way may finish (30 s at most). A second Ctrl-C leaves them in doubt."
        _tell(engine, observers, Trouble(text))
        engine.interrupt()
    else:
        engine.abort()


_HANG_UP = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
"""The terminal was closed: as good as SIGTERM, and a mail on its way need not be in doubt for it (K06)."""


class _Signals:
    """SIGINT and SIGTERM as long as the engine runs; where the loop knows no signals (Windows), by way of the signal module."""

    def __init__(self, react: Callable[[int], None]) -> None:
        self._react = react
        self._numbers = (signal.SIGINT, signal.SIGTERM, *_HANG_UP)
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in self._numbers:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._react, number)
                continue
            with suppress(ValueError):  # only the main thread may
                self._before[number] = signal.signal(
                    number, lambda seen, _: loop.call_soon_threadsafe(self._react, seen)
                )

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in self._numbers:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)
        for seen, before in self._before.items():
            signal.signal(seen, before)  # type: ignore[arg-type]
