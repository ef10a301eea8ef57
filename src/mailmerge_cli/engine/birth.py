"""How a worker's process begins and ends.

Rule: it keeps the campaign's lock as long as it lives, so that no other `send` begins while one of its mails may still be on its way.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from mailmerge_cli import offspring
from mailmerge_cli.engine.worker import work

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess


class Born(NamedTuple):
    """A worker that waits for its first word: its process, and our end of the socket pair."""

    process: SpawnProcess
    sock: socket.socket


Life = Callable[..., None]
"""What a worker's process does from its birth on: a function of a module that gets its end of the pair, the lock, and more."""


def born(lock: int, life: Life = work, *parts: Any) -> Born:
    """A new worker; `lock` is the descriptor that it keeps, -1 for none. OSError if there can be none.

    Args:
        lock: of the campaign.
        life: begins with something else, and calls `work` in the end.
        parts: what that takes beside the socket and the lock.
    """
    # Windows gives a lock to no other process; there a worker is gone as soon as its main process hangs up.
    kept = _Kept(lock) if lock >= 0 and sys.platform != "win32" else None
    ours, theirs = socket.socketpair()
    try:
        return Born(offspring.bear(life, theirs, kept, *parts), ours)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


async def gone(process: SpawnProcess, patience: float) -> None:
    """Wait for its end; after so many seconds, force it."""
    clock = asyncio.get_running_loop().time
    end = clock() + patience
    while process.is_alive() and clock() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.005)  # the end of a process is no event that all systems tell alike
    if process.is_alive():
        process.kill()
        process.join()
    with suppress(ValueError):
        process.close()


class _Kept:
    """A descriptor that a new process gets and keeps."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.reduction import DupFd

        return _keep, (DupFd(self._descriptor),)


def _keep(dup: Any) -> int:
    return int(dup.detach())
