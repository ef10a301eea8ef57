"""Where the time of one `send` or `check` goes in this program's main process, by room and by function.

    python benchmarks/hotspots.py [--rows 5000] [--command send] [--workers 1] [--slips] [--exact]

A signal a millisecond of the clock looks at the stack: nearly free, so a cheap function called often is not overrated. A sample counts the
time since the one before (no signal comes through while C code runs, a durable commit above all) and belongs to the innermost frame of this package, so that a library's time is its caller's. `--exact` is cProfile instead: call counts, and times that
are inflated by its own cost. With workers, what they render and send is not seen here; the main process's own share is.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import signal
import sys
import tempfile
import time
from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from types import FrameType
from typing import Self

import servers
import workload

import mailmerge_cli
from mailmerge_cli.cli.main import main as run

_PACKAGE = str(Path(mailmerge_cli.__file__).parent) + os.sep
_STEP = 0.001  # seconds
_WAITING = "(waiting for the server)"


class Samples:
    """What the clock's signal found: by room, by function, and before, in or after the sending itself."""

    def __init__(self) -> None:
        self.rooms: dict[tuple[str, str], float] = defaultdict(float)
        self.functions: dict[tuple[str, str], float] = defaultdict(float)
        self.count = 0
        self._launched = False
        self._last = time.perf_counter()

    def __enter__(self) -> Self:
        self._last = time.perf_counter()
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, _STEP, _STEP)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _look(self, _: int, frame: FrameType | None) -> None:
        before, self._last = self._last, time.perf_counter()
        passed = self._last - before
        self.count += 1
        library, own, sending = "", None, False
        waits = frame is not None and frame.f_code.co_filename.endswith("selectors.py")
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(_PACKAGE):
                own = own or frame
                sending = sending or (name.endswith("launch.py") and frame.f_code.co_name == "launch")
            elif own is None:
                library = _library(name)
            frame = frame.f_back
        self._launched = self._launched or sending
        phase = "sending" if sending else "after" if self._launched else "before"
        if waits:
            self.rooms[phase, _WAITING] += passed
        elif own is None:
            self.rooms[phase, f"({library or 'start of Python'})"] += passed
        else:
            place = own.f_code.co_filename.removeprefix(_PACKAGE)
            room = _room(place, library, own)
            self.rooms[phase, room] += passed
            via = f" → {library}" if library else ""
            self.functions[phase, f"{place}:{own.f_code.co_qualname}{via}"] += passed


def _room(place: str, library: str, own: FrameType) -> str:
    """The folder; but the loop's own work below `launch` is asyncio's."""
    if library == "asyncio" and own.f_code.co_filename.endswith("launch.py"):
        return "(asyncio)"
    room = Path(place).parts[0]
    return room if not room.endswith(".py") else "(the floor: " + room + ")"


def _library(name: str) -> str:
    """The first folder or module of a foreign file."""
    if name.startswith("<"):
        return "jinja2 template" if "template" in name else name
    parts = Path(name).parts
    for root in ("site-packages", "lib-dynload", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        if root in parts:
            return parts[parts.index(root) + 1].removesuffix(".py")
    return Path(name).stem


def main() -> None:
    parser = argparse.ArgumentParser(description="Where the time of one send or check goes.")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--command", choices=["send", "check"], default="send")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--pipelining", choices=["off", "envelope", "next"], default="envelope")
    parser.add_argument("--slips", action="store_true", help="each row with a PDF of 50 KB")
    parser.add_argument("--functions", type=int, default=25, help="how many are listed")
    parser.add_argument("--exact", action="store_true", help="cProfile instead of samples")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as base, servers.sink() as port:
        home = Path(base) / "home"
        os.environ["MAILMERGE_HOME"] = str(home)
        workload.write_accounts(home, port)
        folder = workload.write(Path(base) / "campaign", chosen.rows, port, slips=chosen.slips)
        words = [chosen.command, str(folder), "--quiet", f"--account={chosen.pipelining}"]
        if chosen.command == "send":
            words += ["--yes", f"--workers={chosen.workers}", f"--connections={chosen.connections}"]
        if chosen.exact:
            _count(words, chosen.functions)
        else:
            _sample(words, chosen.rows, chosen.functions)


def _sample(words: list[str], rows: int, functions: int) -> None:
    start = time.perf_counter()
    with Samples() as samples:
        code = run(words)
    seconds = time.perf_counter() - start
    if code != 0:
        sys.exit(f"It ended with {code}.")
    print(f"{rows} rows in {seconds:.2f} s, {seconds / rows * 1e6:.0f} µs a row, {samples.count} samples.\n")
    for title, found in (("room", samples.rooms), ("function → library", samples.functions)):
        print(f"| phase | {title} | µs a row | % |\n|---|---|---:|---:|")
        for (phase, name), spent in sorted(found.items(), key=itemgetter(1), reverse=True)[:functions]:
            print(f"| {phase} | {name} | {spent / rows * 1e6:.1f} | {100 * spent / seconds:.1f} |")
        print()


def _count(words: list[str], functions: int) -> None:
    profile = cProfile.Profile()
    code = profile.runcall(run, words)
    if code != 0:
        sys.exit(f"It ended with {code}.")
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(functions)


if __name__ == "__main__":
    main()
