"""Processes below a process, as the kernel tells them (Linux): a sender's workers, their memory, and whether they still live."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.soon import wait_for


def workers_of(parent: int) -> list[int]:
    """The worker processes of a sender."""
    return [pid for pid in _children(parent) if b"multiprocessing-fork" in _read(pid, "cmdline")]


def alive(pid: int) -> bool:
    """Whether it is there and no zombie."""
    stat = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(stat) and stat[0] != b"Z"


def wait_until_gone(pids: list[int], seconds: float) -> float:
    """Seconds until all of them have ended; AssertionError if they have not in time."""
    start = time.monotonic()
    while any(map(alive, pids)):
        assert time.monotonic() - start < seconds, "still alive"
        time.sleep(0.002)
    return time.monotonic() - start


def shown(pid: int) -> dict[int, bytes]:
    """What the process list shows of a process and of all below it: command lines and environments."""
    own = {pid: _read(pid, "cmdline") + _read(pid, "environ")}
    return own | {one: text for child in _children(pid) for one, text in shown(child).items()}


@contextmanager
def with_hands(argv: Sequence[str], **more: Any) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process in a group of its own, as a terminal makes one, at the moment when its three helpers are born; killed on the way out. `more` is for Popen."""
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **more
    )  # fmt: skip
    hands: list[int] = []

    def born() -> bool:
        assert process.poll() is None, process.communicate()
        hands[:] = workers_of(process.pid)
        return len(hands) >= 3

    try:
        wait_for(born)
        yield process, hands
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def owner_of(port: int, among: list[int]) -> int:
    """Whose the connection is whose own end has this port on 127.0.0.1; 0 if it is nobody's of these."""
    end = f"0100007F:{port:04X}".encode()
    inodes = {
        words[9]
        for line in Path("/proc/net/tcp").read_bytes().splitlines()
        if (words := line.split())[1:2] == [end]
    }
    for pid in among:
        for descriptor in _descriptors(pid):
            if descriptor.startswith("socket:[") and descriptor[8:-1].encode() in inodes:
                return pid
    return 0


def _descriptors(pid: int) -> list[str]:
    found = []
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.append(str(link.readlink()))
    return found


def memory(pid: int) -> int:
    """Resident kilobytes of a process and all below it."""
    return _resident(pid) + sum(_resident(child) for child in _children(pid))


def _resident(pid: int) -> int:
    for line in _read(pid, "status").splitlines():
        if line.startswith(b"VmRSS:"):
            return int(line.split()[1])
    return 0


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            stat = _read(int(folder.name), "stat").rpartition(b")")[2].split()
            if len(stat) > 1 and int(stat[1]) == parent:
                found.append(int(folder.name))
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
