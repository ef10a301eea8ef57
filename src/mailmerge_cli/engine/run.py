"""The loop: connections pull mails, the ledger hears of each before and after, and trouble decides when to go on.

Rule 1: nothing here knows SMTP, SQL, a cell or a screen; parts are handed in, what happens is told as events.
Rule 2: a mail that was taken is settled or handed back on every way out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mailmerge_cli.clock import Clock
from mailmerge_cli.engine.desk import Desk, Parcel, Tray
from mailmerge_cli.engine.gate import Gate
from mailmerge_cli.engine.line import Carrier, Line, WorkerLost
from mailmerge_cli.engine.patience import Breaker, Rules
from mailmerge_cli.engine.scribe import Scribe, Told
from mailmerge_cli.engine.throttle import Throttle
from mailmerge_cli.errors import (
    ConfigFault,
    CredentialsFault,
    MailmergeError,
    Stopped,
    Unreachable,
)
from mailmerge_cli.events import Connected, Observer, Settled, Trouble, Waiting
from mailmerge_cli.ledger.records import Answer, Intent, Record
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict

_GRACE = 30.0  # seconds for what is in flight after the first Ctrl-C
_DAY = timedelta(days=1)
_GUILTY_AFTER = 3  # connections that one mail has broken
_WORKERS_LOST = 5  # so many in one call are no accident

Settlement = tuple[Parcel, Outcome]
"""What was handed out, and what came of it."""


class Book(Protocol):
    """What the engine asks of the ledger."""

    def write(self, batch: Sequence[Record], at: datetime) -> list[Delivery]:
        """All begins and settlements of the batch in one durable transaction; the settled deliveries, in order."""
        ...

    def undo(self, deliveries: Sequence[int]) -> int:
        """Take back refusals: FAILED → PENDING."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How this call ended.

    Attributes:
        sent: mails accepted in this call.
        begun: mails whose attempt was recorded in this call.
        reason: why rows are left, in the words of `--json`; empty if it simply came to its end.
        resume_at: when it makes sense to go on; None if now or never.
        error: what stopped it; None if nothing did.
    """

    sent: int
    begun: int
    reason: str = ""
    resume_at: datetime | None = None
    error: MailmergeError | None = None


class Engine:
    """One `send`, from the first connection to the last outcome."""

    def __init__(
        self,
        *,
        transport: Carrier,
        tray: Tray,
        book: Book,
        throttle: Throttle,
        rules: Rules,
        clock: Clock,
        observer: Observer,
        account: str,
    ) -> None:
        self._transport = transport
        self._tray = tray
        self._book = book
        self._throttle = throttle
        self._rules = rules
        self._clock = clock
        self._tell = observer
        self._account = account
        self._desk = Desk(tray, rules.limit)
        self.gate = Gate(clock, observer, rules.max_wait)
        self._scribe = Scribe(self._write, self._after_write, lambda: self._open)
        self._breaker = Breaker(rules.stop_after)
        self._width = rules.connections
        self._open = 0
        self._sent = 0
        self._begun = 0
        self._carriers: set[asyncio.Task[None]] = set()
        self._lost_workers: list[WorkerLost] = []
        self._in_flight: set[int] = set()  # begun, no outcome on disk yet
        self._troubled: dict[int, tuple[int, int]] = {}  # delivery → times, mails sent at the first of them

    # -- from outside --------------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Send until nothing is due, or until something stops it. Never raises a MailmergeError: it is in the ending."""
        try:
            self._desk.open_pass(self._clock.now())
            while await self._round():
                pass
        except MailmergeError as error:
            self.gate.stop("", error=error)
        finally:
            self._scribe.work()
        self._undo_burnt()
        return Ending(self._sent, self._begun, self.gate.reason, self.gate.resume_at, self.gate.error)

    def interrupt(self) -> None:
        """First signal: nothing new is begun, what is in flight may finish (30 s)."""
        self.gate.stop("interrupted")
        asyncio.get_running_loop().call_later(_GRACE, self.abort)

    def fail(self, error: MailmergeError) -> None:
        """Something outside, such as the result log, cannot go on: nothing new is begun."""
        self.gate.stop("", error=error)

    def abort(self) -> None:
        """Second signal: leave now; what has no answer is in doubt."""
        for carrier in self._carriers:
            carrier.cancel()

    # -- rounds --------------------------------------------------------------------------------------------------

    async def _round(self) -> bool:
        """All connections until the desk is empty; True if there may be more after that."""
        width = min(self._width, max(1, self._tray.left()))
        self._carriers = {asyncio.create_task(self._carry(number)) for number in range(width)}
        try:
            done, _ = await asyncio.wait(self._carriers)
        finally:
            self._tell(Connected(0))
        # All of them are asked: what nobody asks for asyncio prints, and the text of a bug may hold a cell.
        errors = [carrier.exception() for carrier in done if not carrier.cancelled()]
        for error in filter(None, errors):
            raise error
        if self.gate.stopped:
            return False
        if self._desk.limit_reached:
            self.gate.stop("limit")
            return False
        return self._desk.more() or await self._await_deferred()

    async def _carry(self, number: int) -> None:
        """One connection after the other, as long as there is something to carry."""
        line = Line(self, number)
        while number < self._width and not self.gate.stopped:
            if await self.gate.held() or not self._has_more():
                return
            self._open += 1
            self._tell(Connected(self._open))
            before = self._sent
            try:
                await self._transport.carry(line)
            except WorkerLost as lost:
                self._lose_worker(lost)
            except Unreachable as error:
                self._width -= error.fewer_connections and self._width > 1
                self.gate.lost(error)
            except MailmergeError as error:
                self.gate.stop("", error=error)
            else:
                if self._sent == before and self._desk.more() and number < self._width:
                    self.gate.trouble("the server closed the connection")
            finally:
                self._open -= 1

    def _lose_worker(self, lost: WorkerLost) -> None:
        """All lines of the worker come here with the same `lost`."""
        if lost in self._lost_workers:
            return
        self._lost_workers.append(lost)
        if len(self._lost_workers) < _WORKERS_LOST:
            self._tell(Trouble(f"{lost} Another takes its place."))
            return
        hint = "Is there enough memory? --workers 1 sends without worker processes."
        self.gate.stop("failed", error=Stopped(f"{lost} Too many did.", hint=hint, reason="failed"))

    def _has_more(self) -> bool:
        try:
            return self._desk.more()
        except MailmergeError as error:
            self.gate.stop("", error=error)
            return False

    async def _await_deferred(self) -> bool:
        """This pass is through: wait for the next deferred row, or stop for today. True: another pass is open."""
        if not self._tray.left():
            return False
        due = self._tray.next_due()
        now = self._clock.now()
        wait = (due - now).total_seconds() if due else 0.0
        if due and not self.gate.may_stand_still(wait):
            self.gate.stop("deferred", resume_at=due)
            return False
        if due and wait > 0:
            self._tell(Waiting("deferred", due, "the server asked to try these again later"))
            if await self.gate.pause(wait):
                return False
        self._desk.open_pass(self._clock.now())
        if not self._desk.more():
            raise Stopped("Rows are left that the list does not give any more.", reason="changed")
        return True

    # -- one mail ------------------------------------------------------------------------------------------------

    async def take(self, number: int) -> Parcel | None:
        """The next parcel for that connection, once the throttle permits it; None: end the connection."""
        if self.closed(number) or await self.gate.held() or not self._has_more():
            return None
        parcel = self._desk.next()
        if parcel is None:
            return None
        if not await self._throttle.permit(self.gate.pause, self.gate.quota_used):
            self._desk.give_back(parcel)
            return None
        return parcel

    def ready(self, number: int) -> bool:
        """Whether `take` would give one at once."""
        return (
            not self.closed(number) and not self.gate.holding and self._throttle.ready() and self._has_more()
        )

    def closed(self, number: int) -> bool:
        """The server wants fewer connections, and this one is too many."""
        return number >= self._width

    def draw(self) -> Parcel | None:
        """The next parcel, without a permit."""
        try:
            return self._desk.next()
        except MailmergeError as error:
            self.gate.stop("", error=error)
            return None

    def put_back(self, parcel: Parcel) -> None:
        """Drawn, and not begun."""
        self._desk.give_back(parcel)

    async def permit(self, number: int) -> bool:
        """Wait until a drawn parcel may go; False: it may not, give it back."""
        if await self.gate.held() or self.closed(number):
            return False
        return await self._throttle.permit(self.gate.pause, self.gate.quota_used)

    async def commit(self, settled: Settlement | None, begun: Parcel | None) -> None:
        """One durable transaction for an outcome and an intent."""
        record = self._record(settled, begun)
        if record is not None:
            await self._scribe.put(record)

    def enter(self, settled: Settlement | None, begun: Parcel | None, told: Told, mark: object) -> None:
        """The same, with a word when it is durable; see `Scribe.add`."""
        record = self._record(settled, begun)
        if record is None:
            told([mark], None)
        else:
            self._scribe.add(record, told, mark)

    def _record(self, settled: Settlement | None, begun: Parcel | None) -> Record | None:
        """What is to be written; None where nothing is: what was taken and never begun is only handed back."""
        if settled is not None and settled[1].verdict is Verdict.RELEASED and self._never_begun(settled[0]):
            self._desk.give_back(settled[0])
            settled = None
        if settled is None and begun is None:
            return None
        return Record(self._intent(begun), self._answer(*settled) if settled else None)

    def _never_begun(self, parcel: Parcel) -> bool:
        return parcel.delivery not in self._in_flight

    def _intent(self, parcel: Parcel | None) -> Intent | None:
        if parcel is None:
            return None
        self._in_flight.add(parcel.delivery)
        first = self._desk.on_the_way[parcel.delivery].delivery.last_attempt is None
        return Intent(parcel.delivery, parcel.message_id, self._account, first)

    def _answer(self, parcel: Parcel, outcome: Outcome) -> Answer:
        if outcome.blame is Blame.TRANSPORT:
            outcome = _unburnt(self._blame_again(parcel, outcome))
        delivery = self._desk.on_the_way[parcel.delivery].delivery
        if outcome.verdict is not Verdict.DEFERRED:
            return Answer(parcel.delivery, outcome, self._account, parcel.message_id, None, "", delivery)
        next_attempt, give_up = self._rules.next_attempt(outcome, delivery, parcel.attempt, self._clock.now())
        return Answer(parcel.delivery, outcome, self._account, parcel.message_id, next_attempt, give_up)

    def _blame_again(self, parcel: Parcel, outcome: Outcome) -> Outcome:
        """A mail that breaks connection after connection, for which the transport is blamed, while others get through is itself to blame."""
        if outcome.advice is not Advice.NONE:
            return outcome
        times, sent_then = self._troubled.get(parcel.delivery, (0, self._sent))
        self._troubled[parcel.delivery] = (times + 1, sent_then)
        guilty = times + 1 >= _GUILTY_AFTER and self._sent > sent_then
        return outcome._replace(blame=Blame.MESSAGE) if guilty else outcome

    # -- after the ledger has it ---------------------------------------------------------------------------------

    def _write(self, batch: Sequence[Record]) -> list[Delivery]:
        return self._book.write(batch, self._clock.now())

    def _after_write(self, deliveries: list[Delivery], batch: list[Record]) -> None:
        self._begun += len(batch) - [begun for begun, _ in batch].count(None)
        outcomes = [settled.outcome for _, settled in batch if settled is not None]
        if not outcomes:
            return
        attempts = list(zip(deliveries, outcomes, strict=True))
        if any(outcome.blame is not Blame.TRANSPORT for outcome in outcomes):
            self.gate.progress()
        for delivery, outcome in attempts:
            self._digest(delivery, outcome)
        self._tell(Settled(attempts))

    def _digest(self, delivery: Delivery, outcome: Outcome) -> None:
        """What an outcome means for this mail and for the run."""
        self._in_flight.discard(delivery.id)
        comes_again = delivery.state is State.PENDING  # released, or refused for no fault of its own
        carried = self._desk.done(delivery.id, keep=comes_again)
        if comes_again:
            self._desk.give_back(carried.parcel, delivery)
        if outcome.verdict is Verdict.ACCEPTED:
            self._sent += 1
            self.gate.success()
        if outcome.blame is Blame.TRANSPORT:
            self._heed(outcome)
        elif self._breaker.hear(outcome, delivery.id):
            self._trip(outcome)

    def _heed(self, outcome: Outcome) -> None:
        """The account or the server is in trouble: slow down, wait or stop."""
        said = f"{outcome.code} {outcome.enhanced} {outcome.text}".strip()
        hint, text = outcome.hint, f"{said} {outcome.hint}".strip()
        match outcome.advice:
            case Advice.QUOTA:
                wait = timedelta(seconds=outcome.wait) or _DAY
                error: MailmergeError = Stopped(f"Quota used up: {said}", hint=hint, reason="quota")
                self.gate.stop("quota", resume_at=self._clock.now() + wait, error=error)
            case Advice.STOP:
                error = Stopped(f"The server wants no mail from us now: {said}", hint=hint, reason="breaker")
                self.gate.stop("breaker", error=error)
            case Advice.STOP_CONFIG:
                error = ConfigFault(f"The server refuses this sender: {said}", hint=hint)
                self.gate.stop("config", error=error)
            case Advice.STOP_CREDENTIALS:
                error = CredentialsFault(f"The server refuses this login: {said}", hint=hint)
                self.gate.stop("credentials", error=error)
            case Advice.FEWER_CONNECTIONS if self._width > 1:
                self._width -= 1
                self._tell(Trouble(f"The server wants fewer connections; going on with {self._width}."))
                self.gate.trouble(text, outcome)
            case _:
                self.gate.trouble(text, outcome)

    def _trip(self, outcome: Outcome) -> None:
        count = len(self._breaker.burnt)
        said = f"{outcome.code} {outcome.enhanced} {outcome.text}".strip()
        self.gate.stop(
            "breaker",
            error=Stopped(
                f"{count} refusals in a row that are alike ({said}): this is hardly the recipients' fault, so these "
                "rows are pending again.",
                hint=outcome.hint
                or "Look at the sender, the account and the message; then run the same command again.",
                reason="breaker",
            ),
        )

    def _undo_burnt(self) -> None:
        if self.gate.reason == "breaker" and self._breaker.burnt:
            self._book.undo(self._breaker.burnt)


def _unburnt(outcome: Outcome) -> Outcome:
    """A fault of the account that stops the run leaves its row pending, as if it had never been shown to the server (law 5)."""
    stops = outcome.advice in (Advice.QUOTA, Advice.STOP, Advice.STOP_CONFIG, Advice.STOP_CREDENTIALS)
    if stops and outcome.blame is Blame.TRANSPORT and outcome.verdict is Verdict.DEFERRED:
        return outcome._replace(verdict=Verdict.REFUSED)
    return outcome
