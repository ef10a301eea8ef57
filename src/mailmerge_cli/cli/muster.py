"""Processes that are there before the first mail: they help to check the list, and then they are the crew's workers.

Rule 1: the campaign's lock is given to whoever becomes a worker, before its first word: who only helps has promised nothing.
Rule 2: whoever is not needed is gone when the muster ends, whatever signal comes meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from mailmerge_cli import offspring
from mailmerge_cli.campaign.hands import Aid
from mailmerge_cli.cli.recruit import entrust, serve
from mailmerge_cli.engine.birth import Born, born

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
                    entrust(one.born.sock, self._lock)
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
