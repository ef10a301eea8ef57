"""What the main process and a worker say to each other: lists of words over a socket pair, pickled, in frames with a length.

Rule 1: only our own two processes hold the ends of the pair, so what comes is trusted like our own memory.
Rule 2: what is said within one turn of the event loop travels in one frame.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Any

from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict

_HEAD = 4
_LEFTOVER = 1 << 16
_SHORT = 5  # words of an outcome that is `accepted`
_VERDICTS = {str(each): each for each in Verdict}
_BLAMES = {str(each): each for each in Blame}
_ADVICE = {str(each): each for each in Advice}

Word = tuple[Any, ...]
"""The number of a `Say` and what belongs to it."""


class Say(IntEnum):
    """What a word is about; its parts stand behind it."""

    # to a worker
    RECIPE = 1  # recipe, throttled, traced
    OPEN = 2  # line
    CANCEL = 3  # line: leave now
    CLOSE = 4  # line: take no more
    WORK = 5  # parcels; see `Recipe.parcel`
    DRY = 6  # there is no more for now
    FLOW = 7  # Flow
    RECALL = 8  # forget what was not taken
    WRITTEN = 9  # tickets that are durable
    FAULT = 10  # ticket, error
    PERMITTED = 11  # line, whether
    SECRET = 12  # ticket, text, error
    # to the main process
    COMMIT = 20  # ticket, line, settled delivery, outcome, begun delivery; 0 and None for none
    PERMIT = 21  # line
    ENDED = 22  # line, error
    ASK = 23  # ticket, kind, refresh
    TRACE = 24  # text
    STOP = 25  # error: the whole run must stop


class Flow(IntEnum):
    """Whether mails may be taken."""

    GO = 0
    HOLD = 1
    STOP = 2


class Frames(asyncio.Protocol):
    """One end of the pair.

    Args:
        sock: this end.
        hear: gets the words of each frame.
        lost: called once when the other end is gone.
    """

    def __init__(
        self, sock: socket.socket, hear: Callable[[list[Word]], None], lost: Callable[[], None]
    ) -> None:
        self._sock = sock
        self._hear = hear
        self._lost = lost
        self._buffer = bytearray()
        self._words: list[Word] = []
        self._ended = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    async def open(self) -> None:
        """Begin to listen."""
        await self._loop.create_connection(lambda: self, sock=self._sock)

    def say(self, what: Say, *parts: Any) -> None:
        """Say it at the end of this turn."""
        if not self._words:
            self._loop.call_soon(self.flush)
        # The bare number: an enum's member takes ten times as long to travel.
        self._words.append((int(what), *parts))

    def flush(self) -> None:
        """Say now what waits."""
        words, self._words = self._words, []
        if words and self._transport is not None and not self._transport.is_closing():
            octets = pickle.dumps(words, 5)
            self._transport.write(len(octets).to_bytes(_HEAD, "little") + octets)

    def close(self) -> None:
        """Say what waits, and hang up."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        """Hang up at once, and hear nothing more, not even of the end."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's word."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Asyncio's word."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD and not self._ended:
            end = _HEAD + int.from_bytes(buffer[:_HEAD], "little")
            if len(buffer) < end:
                return
            words = pickle.loads(memoryview(buffer)[_HEAD:end].tobytes())  # noqa: S301  rule 1
            del buffer[:end]
            self._hear(words)

    def eof_received(self) -> None:
        """Asyncio's word."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Asyncio's word. After a failed write it does not read what had come before, so that is done here."""
        with suppress(OSError, ValueError):
            while not self._ended and (chunk := self._sock.recv(_LEFTOVER)):
                self.data_received(chunk)
        self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._lost()


def flat(outcome: Outcome) -> Word:
    """An outcome in plain words, which travel three times faster; fewer words where a mail was accepted and there is no more to say."""
    verdict, blame, advice, code, enhanced, text, phase, remote_id, wait, hint = outcome
    if (
        verdict is Verdict.ACCEPTED
        and blame is Blame.NOBODY
        and advice is Advice.NONE
        and not wait
        and not hint
    ):
        return code, enhanced, text, phase, remote_id
    return verdict.value, blame.value, advice.value, code, enhanced, text, phase, remote_id, wait, hint


def whole(words: Word) -> Outcome:
    """The outcome again."""
    if len(words) == _SHORT:
        code, enhanced, text, phase, remote_id = words
        return Outcome(Verdict.ACCEPTED, Blame.NOBODY, Advice.NONE, code, enhanced, text, phase, remote_id)
    verdict, blame, advice, *rest = words
    return Outcome(_VERDICTS[verdict], _BLAMES[blame], _ADVICE[advice], *rest)
