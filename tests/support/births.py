"""What a new process finds, told through a connection."""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection

from mailmerge_cli import offspring


def tell_signals(connection: Connection) -> None:
    """Whether `__main__` is empty, whether signals are ignored, and which are held back."""
    offspring.grow_deaf()
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ignored = all(signal.getsignal(number) is signal.SIG_IGN for number in numbers)
    held_back = [] if sys.platform == "win32" else sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    empty = not hasattr(sys.modules["__mp_main__"], "tell_signals")
    connection.send(("__main__ is empty" if empty else "run again", ignored, held_back))
    connection.close()
