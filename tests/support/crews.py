"""An engine whose lines live in real worker processes; what a worker's transport does is told by the account's name."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from mailmerge_cli.clock import SystemClock
from mailmerge_cli.engine.crew import Crew
from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.run import Ending, Engine
from mailmerge_cli.engine.throttle import Throttle
from mailmerge_cli.engine.worker import Recipe
from mailmerge_cli.errors import ConfigFault, CredentialsFault, Refused, Unreachable
from mailmerge_cli.events import Event
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.model.mail import Advice, Blame, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.rate import Rate
from mailmerge_cli.model.transport import Limits
from mailmerge_cli.secret import Secret
from support.engine_parts import MemoryLedger

ACCEPTED = Outcome(Verdict.ACCEPTED, code=250)
TROUBLE = Outcome(Verdict.DEFERRED, Blame.TRANSPORT, code=451)
CROWDED = Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.FEWER_CONNECTIONS, code=421)


def make(parcel: Mail) -> Mail:
    """The parcels of these tests are mails already; one of them cannot be made."""
    if parcel.message_id == "<13@example.org>" and parcel.envelope.sender == "unlucky":
        raise Refused("Row 13 is not what was checked.", reason="changed")
    return parcel


class WorkersTransport:
    """Carries each mail by a plain script and notes in a file: pid, delivery, when its content left."""

    name = "scripted"
    limits = Limits()

    def __init__(self, account: Account, credentials, trace) -> None:
        self._script = account.name
        self._notes = account.folder
        self._credentials = credentials
        self._trace = trace
        if self._script == "no transport":
            raise ConfigFault("There is no such transport.")

    async def check(self) -> None: ...

    async def carry(self, feed) -> None:
        if self._script == "refused login":
            raise CredentialsFault(f"login refused: {(await self._credentials.password()).reveal()}")
        if self._script == "unreachable":
            raise Unreachable("nobody there")
        if self._trace:
            self._trace(f"carrying in {os.getpid() != 0}")
        while (mail := await feed.take()) is not None:
            await feed.commit(None, mail)
            self._note(mail)
            if self._script == "slow":
                await asyncio.sleep(0.01)
            await feed.commit(Settlement(mail, self._outcome(mail)), None)

    def _outcome(self, mail: Mail) -> Outcome:
        if self._script == "bug" and mail.delivery == 5:
            raise ZeroDivisionError("a bug")
        if self._script == "dies" and mail.delivery == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._script in ("trouble", "crowded") and mail.delivery == 7 and self._first("once"):
            return TROUBLE if self._script == "trouble" else CROWDED
        return ACCEPTED

    def _first(self, name: str) -> bool:
        try:
            (self._notes / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _note(self, mail: Mail) -> None:
        with (self._notes / f"{os.getpid()}.sent").open("a") as file:
            file.write(f"{mail.delivery} {time.monotonic()}\n")


class _Credentials:
    async def password(self) -> Secret:
        return Secret("open sesame")

    async def token(self, *, refresh: bool = False) -> Secret:
        return Secret("token")


class CountingLedger(MemoryLedger):
    """Counts what the engine draws ahead of what it has begun."""

    def __init__(self, count: int, clock) -> None:
        super().__init__(count, clock)
        self.drawn = 0
        self.most_ahead = 0
        self.sender = "office@example.org"

    def due(self, now: datetime) -> Iterator[tuple[Delivery, Mail]]:
        for delivery, mail in super().due(now):
            self.drawn += 1
            begun = sum(record.begun is not None for batch in self.batches for record in batch)
            self.most_ahead = max(self.most_ahead, self.drawn - begun)
            envelope = type(mail.envelope)(self.sender, mail.envelope.recipients)
            yield delivery, Mail(mail.delivery, mail.message_id, envelope, mail.content, mail.attempt)


class CrewStage:
    """An engine, its crew, a ledger in memory, and a folder for the workers' notes."""

    def __init__(
        self, folder: Path, count: int, script: str = "", *, workers: int = 2, rules: Rules | None = None,
        rates: Sequence[Rate] = (), traced: bool = False,
    ) -> None:  # fmt: skip
        self.clock = SystemClock()
        self.ledger = CountingLedger(count, self.clock)
        self.folder = folder
        self.events: list[Event] = []
        self.traces: list[str] = []
        self.engine: Engine | None = None
        self._script, self._workers, self._rates, self._traced = script, workers, rates, traced
        self._rules = rules or Rules(connections=4)

    def run(self, meanwhile: Callable[[Engine, Crew], None] | None = None, after: float = 0.1) -> Ending:
        return asyncio.run(self._run(meanwhile, after))

    async def _run(self, meanwhile, after: float) -> Ending:
        recipe = Recipe(make, WorkersTransport, Account(self._script, folder=self.folder))
        trace = self.traces.append if self._traced else None
        throttled = bool(self._rates)
        async with Crew(recipe, _Credentials(), self._workers, throttled=throttled, trace=trace) as crew:
            engine = self.engine = Engine(
                transport=crew, tray=self.ledger, book=self.ledger, throttle=Throttle(self._rates, self.clock),
                rules=self._rules, clock=self.clock, observer=self.events.append, account="test",
            )  # fmt: skip
            interruption = asyncio.create_task(self._in_the_middle(meanwhile, engine, crew, after))
            try:
                return await engine.run()
            finally:
                interruption.cancel()

    async def _in_the_middle(self, meanwhile, engine: Engine, crew: Crew, after: float) -> None:
        """Once the run is under way, however busy the machine is: the first mail was sent, and a moment has passed."""
        if meanwhile is None:
            return
        while not any(one.state is State.SENT for one in self.ledger.deliveries.values()):
            await asyncio.sleep(0.01)
        await asyncio.sleep(after)
        meanwhile(engine, crew)

    @property
    def sent(self) -> dict[str, list[tuple[int, float]]]:
        """By worker: which deliveries' content left, and when."""
        return {
            file.stem: [(int(n), float(at)) for n, at in map(str.split, file.read_text().splitlines())]
            for file in self.folder.glob("*.sent")
        }

    @property
    def all_sent(self) -> list[int]:
        return sorted(number for notes in self.sent.values() for number, _ in notes)
