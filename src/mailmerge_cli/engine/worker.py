"""A worker process: it makes mails of parcels and carries them over its share of the connections.

Rule 1: no content leaves before the main process has said that its intent is durable; a worker whose main process is gone
sends nothing more and ends at once.
Rule 2: it hears no signal of a terminal; the main process tells it what to do.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from mailmerge_cli import offspring
from mailmerge_cli.engine.desk import Parcel
from mailmerge_cli.engine.frames import Flow, Frames, Say, Word, flat
from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.mail import Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.transport import Transport
from mailmerge_cli.secret import Secret

Trace = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a worker needs to do its part; every value can be pickled.

    Attributes:
        make: makes the mail of a parcel; raises a MailmergeError that stops the run.
        parcel: makes a parcel of a plain tuple, if parcels are tuples and travel as plain ones; None: they travel as they are.
        connect: makes the transport; a function of a module.
        account: through which it sends. The secret is no part of this: the worker asks for it when the server does.
    """

    make: Callable[[Any], Mail]
    connect: Callable[[Account, Credentials, Trace | None], Transport]
    account: Account
    parcel: Callable[[Any], Parcel] | None = None


class WorkerBug(Exception):
    """A bug that showed itself in a worker; the text is its traceback, without any value."""


def work(sock: socket.socket, _: object = None) -> None:
    """The whole life of a worker process.

    Args:
        sock: its end of the pair.
        _: what must stay open as long as the process lives (the campaign's lock).
    """
    offspring.grow_deaf()
    asyncio.run(_work(sock))


async def _work(sock: socket.socket) -> None:
    worker = _Worker(sock)
    await worker.frames.open()
    await asyncio.get_running_loop().create_future()  # until the main process hangs up


def _leave() -> NoReturn:
    """At once: nothing here is worth a farewell, and no line may go on."""
    os._exit(0)


class _Worker:
    """One worker."""

    def __init__(self, sock: socket.socket) -> None:
        self.frames = Frames(sock, self._hear, _leave)
        self.queue: deque[Parcel] = deque()
        self.dry = False
        self.flow = Flow.GO
        self.throttled = False
        self.make: Callable[[Any], Mail] = _nothing
        self._parcel: Callable[[Any], Parcel] | None = None
        self._transport: Transport | None = None
        self._lines: dict[int, _WorkerLine] = {}
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._ticket = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._parent = os.getppid()
        self._answers: dict[Say, Callable[..., None]] = {
            Say.RECIPE: self._start,
            Say.OPEN: self._open,
            Say.CANCEL: self._cancel,
            Say.CLOSE: self._close,
            Say.WORK: self._take_in,
            Say.DRY: self._run_dry,
            Say.FLOW: self._flow,
            Say.RECALL: self._recall,
            Say.WRITTEN: self._written,
            Say.FAULT: self._fail,
            Say.PERMITTED: self._permitted,
            Say.SECRET: self._answer,
        }

    # -- what lines do -------------------------------------------------------------------------------------------

    async def commit(self, line: int, settled: Settlement | None, begun: Mail | None) -> None:
        """Have it written; returns when it is durable."""
        ticket, written = self._new_ticket()
        done = settled.mail.delivery if settled else 0
        outcome = flat(settled.outcome) if settled else None
        self.frames.say(Say.COMMIT, ticket, line, done, outcome, begun.delivery if begun else 0)
        await written
        if os.getppid() != self._parent:
            _leave()  # the last word of a main process that is gone: nobody would write down what comes of it

    async def ask(self, kind: str, *, refresh: bool) -> Secret:
        """The account's secret, from the main process."""
        ticket, answer = self._new_ticket()
        self.frames.say(Say.ASK, ticket, kind, refresh)
        return Secret(await answer)

    async def change(self) -> None:
        """Wait until there may be something to take, or a reason to end."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def _new_ticket(self) -> tuple[int, asyncio.Future[Any]]:
        self._ticket += 1
        answer = self._asked[self._ticket] = asyncio.get_running_loop().create_future()
        return self._ticket, answer

    # -- what the main process says ------------------------------------------------------------------------------

    def _hear(self, words: list[Word]) -> None:
        for say, *parts in words:
            self._answers[say](*parts)

    def _start(self, recipe: bytes, throttled: bool, traced: bool) -> None:
        try:
            made: Recipe = pickle.loads(recipe)  # noqa: S301  from our own main process
            trace = (lambda text: self.frames.say(Say.TRACE, text)) if traced else None
            self.make, self._parcel = made.make, made.parcel
            self._transport = made.connect(made.account, _Credentials(self), trace)
        except Exception as error:  # noqa: BLE001  told where somebody hears it
            self.frames.say(Say.STOP, portable(error))
        self.throttled = throttled

    def _open(self, number: int) -> None:
        line = self._lines[number] = _WorkerLine(self, number)
        line.task = asyncio.get_running_loop().create_task(self._carry(line))

    async def _carry(self, line: _WorkerLine) -> None:
        error: BaseException | None = None
        line.begun = True
        try:
            if self._transport is not None:
                await self._transport.carry(line)
        except asyncio.CancelledError:
            pass
        except Exception as caught:  # noqa: BLE001  told where somebody hears it
            error = portable(caught)
        self._lines.pop(line.number, None)
        self.frames.say(Say.ENDED, line.number, error)

    def _cancel(self, number: int) -> None:
        line = self._lines.get(number)
        if line is None or line.task is None:
            return
        line.task.cancel()
        if (
            not line.begun
        ):  # what is cancelled before its first step never takes one, and could not say that it ended
            del self._lines[number]
            self.frames.say(Say.ENDED, number, None)

    def _close(self, number: int) -> None:
        if line := self._lines.get(number):
            line.closed = True
            self._wake()

    def _take_in(self, parcels: list[Any]) -> None:
        self.queue.extend(parcels if self._parcel is None else map(self._parcel, parcels))
        self.dry = False
        self._wake()

    def _run_dry(self) -> None:
        self.dry = True
        self._wake()

    def _flow(self, flow: Flow) -> None:
        self.flow = flow
        self._wake()

    def _recall(self) -> None:
        self.queue.clear()
        self.dry = False

    def _written(self, tickets: list[int]) -> None:
        for ticket in tickets:
            self._answer(ticket, None, None)

    def _permitted(self, number: int, granted: bool) -> None:
        line = self._lines.get(number)
        if line is not None and line.permit is not None and not line.permit.done():
            line.permit.set_result(granted)

    def _answer(self, ticket: int, answer: Any, error: Exception | None) -> None:
        waiting = self._asked.pop(ticket)
        if waiting.done():
            return  # whoever waited was cancelled
        if error is None:
            waiting.set_result(answer)
        else:
            waiting.set_exception(error)

    def _fail(self, ticket: int, error: Exception) -> None:
        self._answer(ticket, None, error)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class _WorkerLine:
    """The feed of one connection in a worker."""

    def __init__(self, worker: _Worker, number: int) -> None:
        self._worker = worker
        self.number = number
        self.closed = False
        self.begun = False
        self.task: asyncio.Task[None] | None = None
        self.permit: asyncio.Future[bool] | None = None

    def ready(self) -> bool:
        worker = self._worker
        # Whether the throttle would permit one is the main process's to know.
        return bool(worker.queue) and worker.flow is Flow.GO and not worker.throttled and not self.closed

    async def take(self) -> Mail | None:
        worker = self._worker
        while True:
            if self.closed or worker.flow is Flow.STOP:
                return None
            if worker.flow is Flow.GO:
                if worker.queue:
                    return await self._make(worker.queue.popleft())
                if worker.dry:
                    return None
            await worker.change()

    async def commit(self, settled: Settlement | None, begun: Mail | None) -> None:
        await self._worker.commit(self.number, settled, begun)

    async def _make(self, parcel: Parcel) -> Mail | None:
        """The mail, permitted; where that cannot be, the parcel goes back."""
        worker = self._worker
        try:
            mail = worker.make(parcel)
            if not worker.throttled or await self._permitted():
                return mail
        except MailmergeError as error:
            worker.frames.say(Say.STOP, portable(error))
        except BaseException:
            self._give_back(parcel)
            raise
        self._give_back(parcel)
        return None

    async def _permitted(self) -> bool:
        self.permit = asyncio.get_running_loop().create_future()
        self._worker.frames.say(Say.PERMIT, self.number)
        return await self.permit

    def _give_back(self, parcel: Parcel) -> None:
        """Nobody waits for the answer: nothing is written of what was never begun."""
        released = flat(Outcome(Verdict.RELEASED))
        self._worker.frames.say(Say.COMMIT, 0, self.number, parcel.delivery, released, 0)


class _Credentials:
    """The account's secret stays with the main process until a server asks for it."""

    def __init__(self, worker: _Worker) -> None:
        self._worker = worker

    async def password(self) -> Secret:
        return await self._worker.ask("password", refresh=False)

    async def token(self, *, refresh: bool = False) -> Secret:
        return await self._worker.ask("token", refresh=refresh)


def portable(error: Exception) -> Exception:
    """An error that survives the way to another process: ours as they are, others as a traceback without values."""
    if isinstance(error, MailmergeError):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))  # noqa: S301  our own octets
            return error
    return WorkerBug(_where(error))


def _where(error: BaseException) -> str:
    """Frames and kind of an exception and of what it came from; not their texts, which may hold a cell."""
    came_from = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = _where(came_from) if came_from is not None else ""
    return before + "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__name__}\n"


def _nothing(_: object) -> NoReturn:
    raise AssertionError("work came before the recipe")
