"""One place in the crew: its process, its lines, and what was handed to it and has not come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mailmerge_cli.engine.birth import Born, gone
from mailmerge_cli.engine.desk import Parcel
from mailmerge_cli.engine.frames import Flow, Frames, Say, Word, whole
from mailmerge_cli.engine.line import Line, WorkerLost
from mailmerge_cli.engine.worker import portable
from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.model.account import Credentials
from mailmerge_cli.model.mail import Outcome, Verdict

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_AHEAD = 6  # parcels a line: the two that a pipelining connection may hold, and what the way to and fro takes
_Tuples = list[tuple[object, ...]]
_PATIENCE = 5.0  # seconds for a worker to do what it was told


@dataclass(slots=True)
class _Begun:
    """A content that may leave, or has left."""

    line: Line
    parcel: Parcel
    allowed: bool = False  # the worker was told that the intent is durable


_Mark = tuple[Frames | None, int, _Begun | None]
"""What a record is known by once it is durable: whose, the ticket that waits for it (0: none), the content that may leave then."""


class Post:
    """One worker process, or none as long as nobody needs it. See `Crew` for the arguments."""

    def __init__(
        self,
        recipe: bytes,
        credentials: Credentials,
        *,
        throttled: bool,
        trace: Callable[[str], None] | None,
        bear: Callable[[], Born],
        flat: bool,
    ) -> None:
        self._recipe = recipe
        self._credentials = credentials
        self._throttled = throttled
        self._trace = trace
        self._bear = bear
        self._flat = flat
        self._process: SpawnProcess | None = None
        self._frames: Frames | None = None
        self._starting = asyncio.Lock()
        self._lines: dict[int, tuple[Line, asyncio.Future[None]]] = {}
        self._stock: dict[int, Parcel] = {}
        self._begun: dict[int, _Begun] = {}
        self._dry = False
        self._flow = Flow.GO
        self._closed: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._answers: dict[Say, Callable[..., None]] = {
            Say.COMMIT: self._commit,
            Say.PERMIT: self._permit,
            Say.ENDED: self._ended,
            Say.ASK: self._ask,
            Say.TRACE: self._hear_trace,
            Say.STOP: self._stop,
        }

    @property
    def pid(self) -> int:
        """Of its process; 0 if there is none."""
        return (self._process.pid or 0) if self._process is not None and self._frames is not None else 0

    async def carry(self, line: Line) -> None:
        """The life of one connection. Raises what `Transport.carry` raises, and `WorkerLost`."""
        async with self._starting:
            if self._frames is None:
                await self._start()
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines[line.number] = (line, ended)
        self._say(Say.OPEN, line.number)
        self.follow()
        try:
            await self._until(ended, line.number)
        finally:
            self._lines.pop(line.number, None)
            if not self._lines:
                self._recall(line)

    def follow(self) -> None:
        """Tell the worker what the gate says now."""
        if self._lines and self._lines[max(self._lines)][0].closed:  # the highest numbers are too many first
            self._close_some()
        for line, _ in self._lines.values():
            if (flow := flow_of(line)) is not self._flow:
                self._flow = flow
                self._say(Say.FLOW, flow)
            self._restock(line)
            return

    def _close_some(self) -> None:
        for line, _ in self._lines.values():
            if line.closed and line.number not in self._closed:
                self._closed.add(line.number)
                self._say(Say.CLOSE, line.number)

    async def close(self) -> None:
        """The process ends; at the latest after some seconds, by force."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._frames is not None:
            self._frames.close()
        if self._process is not None:
            await gone(self._process, _PATIENCE)
            self._process = None

    # -- the process ---------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        if self._process is not None:
            await gone(self._process, _PATIENCE)
            self._process = None
        try:
            self._process, ours = self._bear()
        except OSError as error:
            raise WorkerLost(f"A worker process could not be started: {error.strerror or error}.") from error
        self._dry, self._flow = False, Flow.GO
        frames = Frames(ours, self._hear, self._on_lost)
        await frames.open()
        self._frames = frames
        self._say(Say.RECIPE, self._recipe, self._throttled, self._trace is not None)

    def _on_lost(self) -> None:
        """The process is gone: settle what it had, and let its lines know."""
        self._frames = None
        if self._closing:
            return
        lines, self._lines = self._lines, {}
        for begun in self._begun.values():
            begun.line.enter((begun.parcel, _left_by_the_dead(begun)), None, _nobody_waits, None)
        for line, _ in lines.values():
            self._put_back(line)
            break
        self._begun = {}
        lost = WorkerLost("A worker process ended unexpectedly.")
        # Behind the scribe, who writes at the end of this turn what was entered just now.
        asyncio.get_running_loop().call_soon(_end_all, [ended for _, ended in lines.values()], lost)

    async def _until(self, ended: asyncio.Future[None], number: int) -> None:
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._say(Say.CANCEL, number)
            try:
                await asyncio.wait([ended], timeout=_PATIENCE)
            finally:
                if not ended.done():
                    self._give_up()
                else:
                    ended.exception()  # heard: the cancellation is what counts
            raise

    def _give_up(self) -> None:
        """The worker does not do what it was told, or nobody wants to wait for it: it ends by force."""
        frames, self._frames = self._frames, None
        if frames is None or self._process is None:
            return
        self._process.kill()
        frames.drop()
        self._on_lost()

    def _say(self, what: Say, *parts: Any) -> None:
        if self._frames is not None:
            self._frames.say(what, *parts)

    # -- what is handed out --------------------------------------------------------------------------------------

    def _restock(self, line: Line) -> None:
        """A few parcels ahead, as long as the run goes on."""
        if self._frames is None or self._flow is not Flow.GO:
            return
        most = _AHEAD * len(self._lines)
        if 2 * len(self._stock) > most:
            return  # a few at a time cost as much on their way as many
        room = most - len(self._stock)
        parcels: list[Parcel] = []
        while len(parcels) < room and (parcel := line.draw()) is not None:
            parcels.append(parcel)
        if parcels:
            self._stock |= {parcel.delivery: parcel for parcel in parcels}
            self._say(Say.WORK, list(map(tuple, cast(_Tuples, parcels))) if self._flat else parcels)
            self._dry = False
        if len(parcels) < room and not self._dry:
            self._dry = True
            self._say(Say.DRY)

    def _recall(self, line: Line) -> None:
        """No line is left here that could take anything."""
        self._put_back(line)
        self._say(Say.RECALL)
        self._dry = False

    def _put_back(self, line: Line) -> None:
        stock, self._stock = self._stock, {}
        for parcel in stock.values():
            line.put_back(parcel)

    # -- what the worker says ------------------------------------------------------------------------------------

    def _hear(self, words: list[Word]) -> None:
        answers = self._answers
        for word in words:
            answers[word[0]](*word[1:])

    def _commit(self, ticket: int, number: int, done: int, outcome: Word | None, begun: int) -> None:
        line = self._lines[number][0]
        settled = (self._off(done), whole(outcome)) if outcome is not None else None
        doubtful = settled is not None and settled[1].verdict is not Verdict.ACCEPTED
        if begun and (doubtful or line.gate.error is not None):
            self._commit_apart(ticket, line, settled, begun)
        else:
            self._enter(ticket, line, settled, begun)

    def _commit_apart(
        self, ticket: int, line: Line, settled: tuple[Parcel, Outcome] | None, begun: int
    ) -> None:
        """An outcome that may stop the run is written by itself: if it does, or something did before, no further content leaves.

        The worker took the next mail from what it had ahead, and may not have heard of the stop.
        """
        frames = self._frames

        def go_on() -> None:
            if frames is None or frames is not self._frames or begun not in self._stock:
                return  # the worker is gone, or has given it back meanwhile
            if (error := line.gate.error) is not None:
                frames.say(Say.FAULT, ticket, portable(error))
            else:
                self._enter(ticket, line, None, begun)

        def told(_: list[object], fault: Exception | None) -> None:
            if fault is None:
                asyncio.get_running_loop().call_soon(go_on)  # by then the run knows whether it goes on
            elif frames is not None:
                frames.say(Say.FAULT, ticket, portable(fault))
            self._follow_soon()

        line.enter(settled, None, told, None)

    def _enter(self, ticket: int, line: Line, settled: tuple[Parcel, Outcome] | None, begun: int) -> None:
        if not begun:
            line.enter(settled, None, self._written, (self._frames, ticket, None))
            return
        parcel = self._stock.pop(begun)
        entry = self._begun[begun] = _Begun(line, parcel)
        line.enter(settled, parcel, self._written, (self._frames, ticket, entry))

    def _off(self, delivery: int) -> Parcel:
        begun = self._begun.pop(delivery, None)
        return begun.parcel if begun is not None else self._stock.pop(delivery)

    def _written(self, marks: list[_Mark], fault: Exception | None) -> None:
        """At once: contents wait for it. New parcels come behind what the run has to learn of the outcomes."""
        ours, tickets = self._frames, []
        for frames, ticket, begun in marks:
            if fault is not None:
                if ticket and frames is not None:
                    frames.say(Say.FAULT, ticket, portable(fault))
                continue
            if begun is not None:
                begun.allowed = True
            if ticket and frames is ours:  # this very worker's: its successor counts from 1 too
                tickets.append(ticket)
        if tickets and ours is not None:
            ours.say(Say.WRITTEN, tickets)
            ours.flush()
        self._follow_soon()

    def _follow_soon(self) -> None:
        if self._frames is not None:
            asyncio.get_running_loop().call_soon(self.follow)

    def _permit(self, number: int) -> None:
        self._do(self._ask_for_permit(self._frames, self._lines[number][0]))

    async def _ask_for_permit(self, frames: Frames | None, line: Line) -> None:
        granted = False
        try:
            granted = await line.permit()
        except Exception as error:  # noqa: BLE001  the worker's line waits for an answer, whatever happened here
            self._stop(error)
        if frames is not None:
            frames.say(Say.PERMITTED, line.number, granted)

    def _ended(self, number: int, error: Exception | None) -> None:
        if number in self._lines:
            _end_all([self._lines[number][1]], error)

    def _ask(self, ticket: int, kind: str, refresh: bool) -> None:
        if self._frames is not None:
            self._do(self._give_secret(self._frames, ticket, kind, refresh=refresh))

    async def _give_secret(self, frames: Frames, ticket: int, kind: str, *, refresh: bool) -> None:
        try:
            if kind == "token":
                secret = await self._credentials.token(refresh=refresh)
            else:
                secret = await self._credentials.password()
        except Exception as error:  # noqa: BLE001  the line that asked tells it
            frames.say(Say.FAULT, ticket, portable(error))
        else:
            frames.say(Say.SECRET, ticket, secret.reveal(), None)

    def _hear_trace(self, text: str) -> None:
        if self._trace is not None:
            self._trace(text)

    def _stop(self, error: Exception) -> None:
        """Something that no line is to blame for; or a bug, which the lines raise."""
        for line, ended in self._lines.values():
            if isinstance(error, MailmergeError):
                line.gate.stop("", error=error)
            else:
                _end_all([ended], error)

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def flow_of(line: Line) -> Flow:
    """What the gate says, in a word."""
    if line.gate.stopped:
        return Flow.STOP
    return Flow.HOLD if line.gate.holding else Flow.GO


def _left_by_the_dead(begun: _Begun) -> Outcome:
    if begun.allowed:
        text = "The worker process that was sending this ended; it may have been delivered."
        return Outcome(Verdict.UNKNOWN, text=text, phase="content")
    return Outcome(Verdict.RELEASED, text="the worker process ended", phase="content")


def _nobody_waits(_: list[object], __: Exception | None) -> None:
    """For these."""


def _end_all(lines: list[asyncio.Future[None]], error: Exception | None) -> None:
    for ended in lines:
        if ended.done():
            continue
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)
