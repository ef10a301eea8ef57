"""One process from start to exit: seconds, processor time and peak memory of it and all below it; and medians of several.

Processor time is what the kernel charges to the process and to every child that it has waited for. Memory is the resident size of
all its processes added, sampled from /proc every 20 ms, so pages that they share are counted once for each.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE = 0.02  # seconds
_LOOK = 10  # samples between two looks for new processes


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. Seconds of the clock, seconds of processors, octets of memory."""

    seconds: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Several runs of the same."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int = 0) -> str:
        return f"{number(self.median, digits)} ({number(self.least, digits)}–{number(self.most, digits)})"


def number(value: float, digits: int = 0) -> str:
    """A figure with thin groups: 12 345.6."""
    return f"{value:,.{digits}f}".replace(",", " ")


def measure(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Measured:
    """Run it to its end, output thrown away; ends this program if the exit code is not 0."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(argv), cwd=cwd, env=environment(env or {}), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
        memory = _Memory(process.pid)
        memory.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # Ctrl-C does not reach another session
            kill(process.pid)
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        memory.stop()
        if process.returncode != 0:
            errors.seek(0)
            said = errors.read()[-2000:].decode(errors="replace")
            sys.exit(f"{' '.join(argv)} ended with {process.returncode}:\n{said}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, memory.peak)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's, with more; compiled Python modules are kept, as they are for people."""
    return {name: word for name, word in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(more)


def tree(session: int) -> list[int]:
    """All processes of a session; every measured process leads one."""
    found = []
    for folder in os.listdir("/proc"):  # noqa: PTH208 - half the time of Path.iterdir, and it is done often
        if folder.isdecimal():
            stat = _read(f"/proc/{folder}/stat").rpartition(b")")[2].split()
            if len(stat) > 3 and int(stat[3]) == session:
                found.append(int(folder))
    return found


def kill(session: int) -> None:
    """kill -9 for all processes of a session."""
    for pid in tree(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class _Memory(threading.Thread):
    """Samples until stopped."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._over = threading.Event()
        self.peak = 0

    def run(self) -> None:
        processes: list[int] = []
        count = 0
        while not self._over.is_set():
            if count % _LOOK == 0:
                processes = tree(self._session)
            self.peak = max(self.peak, sum(map(_resident, processes)))
            count += 1
            self._over.wait(_SAMPLE)

    def stop(self) -> None:
        self._over.set()
        self.join()


def _resident(pid: int) -> int:
    sizes = _read(f"/proc/{pid}/statm").split()
    return int(sizes[1]) * _PAGE if sizes else 0


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            return file.read()
    except OSError:
        return b""
