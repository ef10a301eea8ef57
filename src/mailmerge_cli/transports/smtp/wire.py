"""The bytes of one connection: an asyncio protocol that writes groups of commands and wakes its session when replies are in.

Rule 1: what had arrived before a reset is never lost: replies are parsed as they come, and what the kernel still holds when
the connection breaks is read then (a 421 mostly comes right before the reset, and `StreamReader` throws it away).
Rule 2: no task and no timer for each reply: one future a wait, and one slow tick that looks at the deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
from collections import deque
from collections.abc import Callable

from mailmerge_cli.transports.smtp.conversation import Conversation
from mailmerge_cli.transports.smtp.reply import Reply, escape
from mailmerge_cli.transports.smtp.states import State
from mailmerge_cli.transports.smtp.tls import TlsLayer

TICK = 0.25
"""Seconds between two looks at the deadline; so exact are all time-outs."""

_NEVER = math.inf
_ALL = 1 << 30
_LEFTOVER = 65536
_HIGH_WATER = 64 * 1024
_ROOM = 16 * 1024


class Broken(Exception):
    """The connection can no longer be used; `why` says it to a person. `silent`: nothing came in time, rather than an end."""

    def __init__(self, why: str, *, silent: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.silent = silent


class Wire(asyncio.BufferedProtocol):
    """One connection.

    Attributes:
        talk: the conversation that its bytes belong to.
        replies: the conversation's, not picked up yet.
        lost: nothing more will come in: end of file, reset, a reply that did not come in time, or closed by us.
        timeout: seconds for each reply where nothing else is said.
    """

    def __init__(
        self, sock: socket.socket, timeout: float, trace: Callable[[str], None] | None = None
    ) -> None:
        self.talk = Conversation()
        self.replies: deque[Reply] = self.talk.replies
        self.lost = False
        self.timeout = timeout
        self._room = memoryview(bytearray(_ROOM))
        self._pace = max(0.01, min(TICK, timeout / 4))
        self._trace = trace
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._ours = False
        self._why = ""
        self._silent = False
        self._tls: TlsLayer | None = None
        self._tls_error: ssl.SSLError | None = None
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._want = 0
        self._deadline = _NEVER
        self._soft = _NEVER
        self._tick: asyncio.TimerHandle | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER, low=0)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's door has it
        """Where asyncio puts what comes; for a plain `Protocol` it would take 256 KB from the system for each reply."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """So many octets have come."""
        self._received(bytes(self._room[:nbytes]))

    def _received(self, data: bytes) -> None:
        """Bytes from the server."""
        before = len(self.replies)
        if self._tls is None:
            self.talk.receive(data)
        else:
            self._receive_secured(self._tls, data)
        if self._enough():
            self._wake()
        elif len(self.replies) > before:
            # A deadline is for one reply as a whole: it moves when a reply is complete, not when a byte drips in.
            self._deadline = self._loop.time() + self.timeout

    def eof_received(self) -> bool:
        """The server says no more; asyncio closes."""
        self._lose("the server closed the connection")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone; but the kernel may hold replies that came before the reset, or before our failed write."""
        if error is not None and not self._ours:
            self._read_leftover()
        self._lose(f"the connection was lost ({_plain(error)})" if error else "the connection was closed")
        self._transport = None
        self._stop()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        """The server takes our bytes slower than we write them."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._paused = False
        self._wake()

    # What the session calls.

    def write(self, chunk: bytes) -> bool:
        """Hand bytes to the system, encrypted if TLS is on; what does not fit is buffered.

        Returns:
            False if for certain no octet of it has left: the connection was gone. True is no promise; reading tells.
        """
        if self._transport is None or self.lost or self._transport.is_closing():
            return False
        if self._tls is not None:
            try:
                chunk = self._tls.encrypt(chunk)
            except ssl.SSLError as error:
                self._lose(f"the encryption broke down ({_plain(error)})")
                return False
        self._transport.write(chunk)
        return not self._transport.is_closing()

    async def until(self, want: int, seconds: float = 0.0, patience: float = 0.0) -> None:
        """Wait until `want` replies are there, or until no more can come.

        Args:
            want: replies in all, those that are there already counted.
            seconds: for the first reply that is missing, `timeout` if 0; each later one has `timeout`. A reply that does not
                come in time makes the connection lost.
            patience: seconds after which to return anyway, with nothing lost; 0: none.
        """
        self._want = want
        if self._enough():
            return
        now = self._loop.time()
        self._soft = now + patience if patience else _NEVER
        self._deadline = now + (seconds or self.timeout)
        while True:
            await self._turn()
            if self._enough():
                return
            now = self._loop.time()
            if now >= self._deadline:
                self._give_up("the server did not answer in time")
                return
            if now >= self._soft:
                return

    async def reply(self, seconds: float = 0.0, *, quiet: bool = False) -> Reply:
        """The next reply; `quiet`: the trace is told by somebody who knows what to mask. Raises `Broken` where there is none."""
        if not self.replies:
            await self.until(1, seconds)
        return self.pick(quiet=quiet)

    def pick(self, *, quiet: bool = False) -> Reply:
        """The next of the replies that have come. Raises `Broken` where there is none, and never will be."""
        if not self.replies:
            raise self.broken()
        reply = self.replies.popleft()
        if self._trace and not quiet:
            self._trace(f"S: {reply}")
        return reply

    def pass_over(self, count: int) -> None:
        """Pick up so many replies that say nothing new."""
        if self._trace:
            for _ in range(count):
                self.pick()
        else:
            for _ in range(count):
                self.replies.popleft()

    async def drained(self, *, to_the_last: bool = False) -> None:
        """Wait until the write buffer is short again (or empty), or until writing has become pointless.

        The loop gets its turn in any case: the server may have said something, or our last write may have failed, and
        asyncio tells neither before.
        """
        await asyncio.sleep(0)
        if to_the_last and self._transport is not None:
            self._transport.set_write_buffer_limits(high=0)
        if self._paused:
            await self._resumed()
        if to_the_last and self._transport is not None:
            self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=0)

    async def _resumed(self) -> None:
        self._want, self._soft = _ALL, _NEVER
        self._deadline = self._loop.time() + self.timeout
        while self._paused and not self._enough():
            await self._turn()
            if self._loop.time() >= self._deadline:
                self._give_up("the server did not take our bytes in time")

    def broken(self) -> Broken:
        """Why there is no (further) reply."""
        return Broken(
            self.talk.fault or self._why or "the server ended the conversation", silent=self._silent
        )

    async def secure(self, tls: TlsLayer, seconds: float) -> None:
        """Shake hands. Raises `ssl.SSLError`, or `Broken` where the server was silent or left."""
        self._tls = tls
        self._want, self._soft = _ALL, _NEVER
        self._deadline = self._loop.time() + seconds
        self._shake(tls)
        while not (tls.done or self._enough()):
            await self._turn()
            if self._loop.time() >= self._deadline and not tls.done:
                self._give_up("the server did not answer in time")
        error: ssl.SSLError | None = self._tls_error
        if error is not None:
            raise error
        if not tls.done:
            raise self.broken()

    def abort(self) -> None:
        """Leave at once; what is buffered is dropped."""
        self._ours = True
        self._lose("the connection was closed")
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Leave in order: what was written goes out first, if the server takes it within a second."""
        self._ours = True
        transport, self.lost = self._transport, True
        if transport is not None:
            with contextlib.suppress(ssl.SSLError):
                if self._tls is not None and self._tls.done:
                    transport.write(self._tls.goodbye())
            transport.close()
            await asyncio.wait([self._closed], timeout=1.0)
            transport.abort()
            await asyncio.wait([self._closed], timeout=1.0)
        self._stop()

    # Within.

    def _receive_secured(self, tls: TlsLayer, data: bytes) -> None:
        tls.put(data)
        if not tls.done and not self._shake(tls):
            return
        if plain := tls.decrypt():
            self.talk.receive(plain)
        if (own := tls.outgoing()) and self._transport is not None:
            self._transport.write(own)
        if tls.eof:
            self._lose("the server closed the connection")

    def _shake(self, tls: TlsLayer) -> bool:
        """Go on with the handshake; whether it is done."""
        try:
            out = tls.shake()
        except ssl.SSLError as error:
            self._tls_error = error
            out = tls.outgoing()
            self._lose("the TLS handshake failed")
        if out and self._transport is not None:
            self._transport.write(out)
        if tls.done:
            self._wake()
        return tls.done

    def _read_leftover(self) -> None:
        """What came before the break, as far as the system still gives it; asyncio stops reading at a failed write."""
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._socket.recv(_LEFTOVER):
                self._received(chunk)

    def _enough(self) -> bool:
        """Whether a wait for replies is over: they are there, or never will be."""
        return len(self.replies) >= self._want or self.lost or self.talk.state is State.OVER

    def _give_up(self, why: str) -> None:
        self._silent = True
        self._lose(why)

    def _lose(self, why: str) -> None:
        self._why = self._why or why
        self.lost = True
        self._wake()

    def _turn(self) -> asyncio.Future[None]:
        """What to wait for; the tick looks after it."""
        if self._tick is None:
            self._tick = self._loop.call_later(self._pace, self._look)
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _look(self) -> None:
        """The tick: it goes on only while somebody waits."""
        self._tick = None
        if self._waiter is None or self._waiter.done():
            return
        self._tick = self._loop.call_later(self._pace, self._look)
        if self._loop.time() >= min(self._deadline, self._soft):
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None


def _plain(error: Exception) -> str:
    return escape(str(getattr(error, "strerror", "") or str(error) or type(error).__name__), 200)
