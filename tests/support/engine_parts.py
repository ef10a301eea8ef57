"""The engine's surroundings for tests: a clock that jumps, a list in memory, a ledger in memory, a server that answers by script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.run import Ending, Engine
from mailmerge_cli.engine.throttle import Throttle
from mailmerge_cli.events import Event
from mailmerge_cli.ledger.records import Record
from mailmerge_cli.ledger.states import Event as StateEvent
from mailmerge_cli.ledger.states import after, event_of
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.model.mail import Envelope, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.rate import Rate
from mailmerge_cli.model.transport import Feed, Limits

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


class JumpingClock:
    """Time passes only when everybody sleeps, and then at once."""

    def __init__(self) -> None:
        self.time = 0.0
        self._wakes: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        wake = self.time + max(seconds, 0.0)
        self._wakes.append(wake)
        try:
            spins = 0
            while self.time < wake:
                await asyncio.sleep(0.0005 if spins > 3 else 0)
                spins += 1
                if spins > 6 and wake == min(self._wakes):
                    self.time = wake
        finally:
            self._wakes.remove(wake)


class MemoryLedger:
    """Deliveries by number; keeps the law of states like the real one, and what was written in which order."""

    def __init__(self, count: int, clock: JumpingClock) -> None:
        self._clock = clock
        self.deliveries = {
            n: Delivery(n, 1, n + 1, f"k{n}", f"p{n}@example.org", b"h", State.PENDING)
            for n in range(1, count + 1)
        }
        self.batches: list[list[Record]] = []
        self.fault: Exception | None = None

    def write(self, batch: Sequence[Record], at: datetime) -> list[Delivery]:
        if self.fault is not None:
            raise self.fault
        self.batches.append(list(batch))
        settled = []
        for record in batch:
            if (answer := record.settled) is not None:
                one = self.deliveries[answer.delivery]
                if one.state is not State.SENDING and answer.outcome.verdict is not Verdict.RELEASED:
                    one = one._replace(state=after(one.state, StateEvent.BEGIN), attempts=one.attempts + 1)
                state = after(one.state, event_of(answer.outcome))
                if answer.give_up:
                    state = State.FAILED
                one = one._replace(
                    state=state, next_attempt=answer.next_attempt, first_attempt=one.first_attempt or at
                )
                self.deliveries[one.id] = one
                settled.append(one)
            if record.begun is not None:
                one = self.deliveries[record.begun.delivery]
                state = after(one.state, StateEvent.BEGIN)
                self.deliveries[one.id] = one._replace(state=state, attempts=one.attempts + 1)
        return settled

    def undo(self, deliveries: Sequence[int]) -> int:
        for number in deliveries:
            self.deliveries[number] = self.deliveries[number]._replace(state=State.PENDING)
        return len(deliveries)

    # the tray

    def due(self, now: datetime) -> Iterator[tuple[Delivery, Mail]]:
        for one in list(self.deliveries.values()):
            one = self.deliveries[one.id]
            ready = one.state is State.DEFERRED and (one.next_attempt or now) <= now
            if one.state is State.PENDING or ready:
                envelope = Envelope("office@example.org", (one.address,))
                yield one, Mail(one.id, f"<{one.id}@example.org>", envelope, (b"x\r\n",), one.attempts + 1)

    def next_due(self) -> datetime | None:
        moments = [
            one.next_attempt or self._clock.now()
            for one in self.deliveries.values()
            if one.state is State.DEFERRED
        ]
        return min(moments, default=None)

    def left(self) -> int:
        return sum(one.state in (State.PENDING, State.DEFERRED) for one in self.deliveries.values())

    def states(self) -> dict[State, int]:
        found: dict[State, int] = {}
        for one in self.deliveries.values():
            found[one.state] = found.get(one.state, 0) + 1
        return found


Script = Callable[[Mail], Outcome]


class ScriptedTransport:
    """Answers each mail by a function; keeps who got content, when, on which connection."""

    name = "scripted"
    limits = Limits()

    def __init__(self, script: Script, clock: JumpingClock) -> None:
        self._script = script
        self._clock = clock
        self.carried: list[tuple[float, int]] = []
        self.taken: list[float] = []
        self.connections = 0

    async def check(self) -> None:
        return

    async def carry(self, feed: Feed) -> None:
        self.connections += 1
        while (mail := await feed.take()) is not None:
            self.taken.append(self._clock.monotonic())
            await feed.commit(None, mail)
            self.carried.append((self._clock.monotonic(), mail.delivery))
            await asyncio.sleep(0)
            await feed.commit(Settlement(mail, self._script(mail)), None)


def accept(_: Mail) -> Outcome:
    return Outcome(Verdict.ACCEPTED, code=250)


class Stage:
    """An engine with its surroundings."""

    def __init__(
        self,
        count: int,
        script: Script = accept,
        *,
        rules: Rules | None = None,
        rates: Sequence[Rate] = (),
        quota=None,
    ) -> None:
        self.clock = JumpingClock()
        self.ledger = MemoryLedger(count, self.clock)
        self.transport = ScriptedTransport(script, self.clock)
        self.rules = rules or Rules()
        self.rates = rates
        self.quota = quota
        self.events: list[Event] = []
        self.engine: Engine | None = None

    def run(self, meanwhile: Callable[[Engine], None] | None = None) -> Ending:
        async def go() -> Ending:
            self.engine = Engine(
                transport=self.transport, tray=self.ledger, book=self.ledger,
                throttle=Throttle(self.rates, self.clock, self.quota), rules=self.rules, clock=self.clock,
                observer=self.events.append, account="test",
            )  # fmt: skip
            if meanwhile is not None:
                asyncio.get_running_loop().call_later(0.02, meanwhile, self.engine)
            return await self.engine.run()

        return asyncio.run(go())
