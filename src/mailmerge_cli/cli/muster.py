"""Processes that are there before the first mail: they help to check the list, and then they are the crew's workers.

Rule 1: the campaign's lock is given to whoever becomes a worker, before its first word: who only helps has promised nothing.
Rule 2: whoever is not needed is gone when the muster ends, whatever signal comes meanwhile.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from mailmerge_cli import offspring
from mailmerge_cli.campaign.hands import Aid, lend_until_dismissed
from mailmerge_cli.engine.birth import Born, born
from mailmerge_cli.engine.worker import work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class Muster:
    """Processes at hand; a context manager.

    Args:
        number: of processes that are born at once; fewer if there are no more to be had.
        lock: the descriptor of the campaign's lock; -1 for none.
    """

    def __init__(self, number: int, lock: int) -> None:
        self._lock = lock
        self._idle: deque[_Idle] = deque()
        self._asked = 0
        with suppress(OSError):
            for _ in range(number):
                self._idle.append(_called())

    @property
    def hand(self) -> Callable[[], Aid] | None:
        """What gives hands for the check, each process once; None where nobody is there."""
        return self._hand if self._idle else None

    def worker(self) -> Born:
        """One that was here before, else a new one. OSError if there can be none."""
        while self._idle:
            one = self._idle.popleft()
            one.connection.close()  # by this it knows that the check is over
            with suppress(OSError):
                if one.born.process.is_alive():
                    _entrust(one.born.sock, self._lock)
                    return one.born
            one.end()
        return born(self._lock)

    def keep(self, number: int) -> None:
        """No more than so many will be wanted."""
        with offspring.undisturbed():
            while len(self._idle) > number:
                self._idle.pop().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.keep(0)

    def _hand(self) -> Aid:
        if self._asked == len(self._idle):
            raise OSError("all of them help already")
        self._asked += 1
        one = self._idle[self._asked - 1]
        return Aid(one.connection, one.born.process, lives_on=True)


class _Idle(NamedTuple):
    """One that nobody has taken for a worker yet."""

    connection: Connection
    born: Born

    def end(self) -> None:
        """It holds nothing that anybody needs."""
        self.connection.close()
        self.born.sock.close()
        self.born.process.kill()
        self.born.process.join()
        self.born.process.close()


def _called() -> _Idle:
    import multiprocessing

    ours, theirs = multiprocessing.Pipe()
    try:
        return _Idle(ours, born(-1, serve, theirs))
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


def serve(sock: socket.socket, _: object, connection: Connection) -> None:
    """The whole life of such a process: a hand until it is dismissed, then a worker, if it is wanted."""
    try:
        lend_until_dismissed(connection)
        wanted = _entrusted(sock)
    except BaseException:  # noqa: BLE001  whatever it was, the main process meets it again, where it can be told
        wanted = False
    if not wanted:
        os._exit(0)
    work(sock)


_WORD = b"."


def _entrust(sock: socket.socket, lock: int) -> None:
    """Make it a worker. Windows gives a lock to no other process; there a worker is gone as soon as its main process hangs up."""
    if lock >= 0 and sys.platform != "win32":
        socket.send_fds(sock, [_WORD], [lock])
    else:
        sock.sendall(_WORD)


def _entrusted(sock: socket.socket) -> bool:
    """Wait for that; False: the main process is gone, or nobody is wanted. What comes with it stays open as long as the process."""
    if sys.platform == "win32":
        return sock.recv(1) == _WORD
    word, *_ = socket.recv_fds(sock, 1, 1)
    return word == _WORD
