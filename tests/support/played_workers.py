"""A crew whose workers the test plays: real frames over a real pair, no process; and a worker whose main process the test plays."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from mailmerge_cli.engine import worker as workers
from mailmerge_cli.engine.birth import Born
from mailmerge_cli.engine.crew import Crew
from mailmerge_cli.engine.frames import Frames, Say, Word
from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.run import Ending, Engine
from mailmerge_cli.engine.throttle import Quota, Throttle
from mailmerge_cli.engine.worker import Recipe
from mailmerge_cli.events import Event
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.mail import Mail
from mailmerge_cli.model.rate import Rate
from mailmerge_cli.secret import Secret
from support.engine_parts import JumpingClock, MemoryLedger

_LONG = 20.0  # seconds for a word to come, on a machine however busy


class Played:
    """One end of a pair, in the hands of the test."""

    def __init__(self, sock: socket.socket) -> None:
        self.heard: list[Word] = []
        self._news = asyncio.Event()
        self._frames = Frames(sock, self._hear, self._lost)

    async def open(self) -> None:
        await self._frames.open()

    def says(self, what: Say, *parts: Any) -> None:
        """In a frame of its own."""
        self._frames.say(what, *parts)
        self._frames.flush()

    def says_together(self, *words: Word) -> None:
        """All in one frame."""
        for what, *parts in words:
            self._frames.say(what, *parts)
        self._frames.flush()

    def hangs_up(self) -> None:
        self._frames.close()

    async def hears(self, what: Say, seconds: float = _LONG) -> Word:
        """The parts of the next word of that kind; what came before it is not lost."""
        async with asyncio.timeout(seconds):
            while True:
                for word in self.heard:
                    if word[0] == what:
                        self.heard.remove(word)
                        return word[1:]
                self._news.clear()
                await self._news.wait()

    def _hear(self, words: list[Word]) -> None:
        self.heard += words
        self._news.set()

    def _lost(self) -> None:
        """Tests that mean it notice it by what is no longer said."""


class _Process:
    """What multiprocessing gives for a worker; like there, nothing can be asked of it once it was closed."""

    pid = 4711

    def __init__(self, stubborn: bool) -> None:
        self._stubborn = stubborn  # ends by force alone
        self._closed = False
        self.killed = False

    def is_alive(self) -> bool:
        if self._closed:
            raise ValueError("process object is closed")
        return self._stubborn and not self.killed

    def kill(self) -> None:
        self.killed = True

    def join(self) -> None: ...

    def close(self) -> None:
        self._closed = True


class OpenPurse:
    """Credentials that are simply there."""

    async def password(self) -> Secret:
        return Secret("open sesame")

    async def token(self, *, refresh: bool = False) -> Secret:
        return Secret("fresh" if refresh else "token")


Play = Callable[["PlayedStage"], Awaitable[None]]


class PlayedStage:
    """An engine and its crew; `play` is what the workers do."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        count: int,
        *,
        rules: Rules | None = None,
        rates: Sequence[Rate] = (),
        quota: Quota | None = None,
        credentials: Credentials | None = None,
        births: int = 1000,
        stubborn: bool = False,
    ) -> None:
        self.clock = JumpingClock()
        self.ledger = MemoryLedger(count, self.clock)
        self.events: list[Event] = []
        self.processes: list[_Process] = []
        self.engine: Engine
        self.running: asyncio.Task[Ending]
        self._rules, self._rates, self._quota = rules or Rules(), rates, quota
        self._credentials = credentials or OpenPurse()
        self._births, self._stubborn = births, stubborn
        self._pairs: asyncio.Queue[socket.socket] = asyncio.Queue()

    def _spawn(self) -> Born:
        if len(self.processes) == self._births:
            raise OSError(12, "Cannot allocate memory")
        ours, theirs = socket.socketpair()
        self.processes.append(_Process(self._stubborn))
        self._pairs.put_nowait(theirs)
        return Born(self.processes[-1], ours)  # type: ignore[arg-type]

    async def worker(self) -> Played:
        """The next one that is born."""
        async with asyncio.timeout(_LONG):
            played = Played(await self._pairs.get())
        await played.open()
        return played

    def run(self, play: Play | None = None) -> Ending:
        return asyncio.run(self._run(play))

    async def _run(self, play: Play | None) -> Ending:
        recipe = Recipe(_never, _never, Account("played"))
        throttle = Throttle(self._rates, self.clock, self._quota)
        async with Crew(recipe, self._credentials, 1, throttled=not throttle.free, bear=self._spawn) as crew:
            self.engine = Engine(
                transport=crew, tray=self.ledger, book=self.ledger, throttle=throttle,
                rules=self._rules, clock=self.clock, observer=self.events.append, account="test",
            )  # fmt: skip
            self.running = asyncio.create_task(self.engine.run())
            playing = asyncio.create_task(play(self)) if play else None
            try:
                if playing:
                    await playing
                async with asyncio.timeout(_LONG):
                    return await self.running
            finally:
                self.running.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await self.running


def _never(*_: object) -> Any:
    raise AssertionError("nobody runs this here")


class Left(BaseException):
    """The worker left; a process would be gone now."""


class Trial:
    """A worker in this process, and the main process that the test plays for it."""

    def __init__(self, main: Played, worker: workers._Worker) -> None:
        self.main = main
        self.worker = worker

    def starts(self, transport: Any, *, throttled: bool = False, lines: Sequence[int] = (0,)) -> None:
        """The recipe has come, and these lines are open."""
        self.worker.make = lambda parcel: parcel
        self.worker.throttled = throttled
        self.worker._transport = transport
        for line in lines:
            self.main.says(Say.OPEN, line)

    def gives(self, *mails: Mail) -> None:
        self.main.says(Say.WORK, list(mails))


@asynccontextmanager
async def played_main(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trial]:
    """A worker, and its main process in the hands of the test."""

    def leave() -> None:
        raise Left

    monkeypatch.setattr(workers, "_leave", leave)
    ours, theirs = socket.socketpair()
    main = Played(ours)
    await main.open()
    worker = workers._Worker(theirs)
    await worker.frames.open()
    try:
        yield Trial(main, worker)
    finally:
        worker.frames.drop()
        main._frames.drop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
