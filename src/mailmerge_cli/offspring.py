"""Processes that this one starts to work for it: how they are born, and how they mind nobody but the one who started them.

Rule 1: a Ctrl-C in the terminal, its end (SIGHUP), or a SIGTERM to the whole group, is for the process that the person started; it
tells the others.
Rule 2: nothing of a child's troubles reaches the person's screen from the child itself; who started it notices its end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_SIGNALS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))


def bear(target: Callable[..., None], *parts: Any) -> SpawnProcess:
    """Start a new process that runs a function of a module; it calls `grow_deaf` first of all. OSError if there can be none.

    It is spawned, not forked, so it is the same on all systems and inherits no lock, file or socket but those of `parts`. What began
    this process is not run again there, so classes of a `__main__` are not known to it.
    """
    import multiprocessing

    process = multiprocessing.get_context("spawn").Process(target=target, args=parts, daemon=True)
    with _held_back(), _nameless():
        process.start()
    return process


_SECRETS = "MAILMERGE_"
_ENTRY = (
    "import sys; sys.path[:] = sys.argv[2:]; from importlib import import_module; "
    "import_module(sys.argv[1]).main(sys.stdin.buffer, sys.stdout.buffer)"
)


def hire(module: str) -> subprocess.Popen[bytes]:
    """Start a new process that runs `main` of a module, given its ends of two pipes, one to read and one to write; its errors go nowhere. OSError if there can be none.

    `main` calls `grow_deaf` first of all. A process that was itself born here may have one, and it may die of anything: nothing that it
    does touches this process. It gets none of the program's own variables, for a secret may be among them.
    """
    with undisturbed():
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _ENTRY, module, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


@contextmanager
def _nameless() -> Iterator[None]:
    """A spawned process runs the file of `__main__` again. That takes time; and a script that is not made for it would send twice."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def grow_deaf() -> None:
    """In the new process: from now on it ignores what the terminal says."""
    for number in _SIGNALS:
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)
    if sys.platform != "win32":
        # They were held back from the birth of this process until it could say that it ignores them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextmanager
def _held_back() -> Iterator[None]:
    """As `undisturbed`, for what multiprocessing starts."""
    if sys.platform != "win32":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # it lets signals through again, so it comes first
    with undisturbed():
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals wait: a Ctrl-C must not reach a new process before it can say that it ignores it, nor break the end of old ones half-way."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_all() -> None:
    """Whoever is still there ends by force. At the exit, multiprocessing would ask them with a SIGTERM, which they ignore, and wait for ever."""
    if multiprocessing := sys.modules.get("multiprocessing"):
        for child in multiprocessing.active_children():
            child.kill()


def cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))  # type: ignore[attr-defined,unused-ignore]
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
