"""This program and its peers, measured in one call on this machine: same list, same message, same sink.

    python benchmarks/compare.py [peers] [slips] [lengths] [distance] [throttle] [resume]
        [--rows 5000] [--peer-rows 1000] [--runs 5] [--settings auto:10:envelope …] …

Without a word, all tables. Prints Markdown. `benchmarks/README.md` tells what is needed, what is measured, and the figures so far.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import races
import trials

_TABLES = ("peers", "slips", "lengths", "distance", "throttle", "resume")
_SETTINGS = ["auto:10:envelope", "auto:10:next", "auto:40:envelope", "1:10:envelope"]


def options(words: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="This program and its peers: same list, message and sink.")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(_TABLES)}; default: all")
    parser.add_argument(
        "--rows", type=int, default=5000, help="for this program and smtp-source; 100000 on request"
    )
    parser.add_argument("--peer-rows", type=int, default=1000, help="for the slower peers")
    parser.add_argument("--slip-rows", type=int, default=500, help="rows with a PDF each, for all")
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=[1000, 10_000], help="100000 1000000 on request"
    )
    parser.add_argument("--resume-rows", type=int, default=10_000, help="1000000 on request")
    parser.add_argument("--far-mails", type=int, default=20, help="messages a connection over the far server")
    parser.add_argument("--round-trip", type=float, default=0.05, help="seconds to the far server and back")
    parser.add_argument("--rate", type=int, default=200, help="mails a second for the throttle's table")
    parser.add_argument("--rate-seconds", type=int, default=5, help="how long; 30 on request")
    parser.add_argument("--runs", type=int, default=5, help="of each; medians are shown")
    parser.add_argument(
        "--settings", nargs="+", default=_SETTINGS, metavar="WORKERS:CONNECTIONS:PIPELINING",
        help="this program's; ratios, lengths and resume are for the first",
    )  # fmt: skip
    parser.add_argument(
        "--folder", type=Path, help="where lists and ledgers stand while it runs; default: temporary"
    )
    parser.add_argument(
        "--peers-folder", type=Path, help="where peers are installed and kept; default: temporary"
    )
    chosen = parser.parse_args(words)
    unknown = [name for name in chosen.tables if name not in _TABLES]
    if unknown:
        parser.error(f"no such table: {', '.join(unknown)}; there are {', '.join(_TABLES)}")
    if min(chosen.far_mails, chosen.rate_seconds, chosen.resume_rows) < 2 or chosen.runs < 1:
        parser.error("fewer than two mails, seconds or rows measure nothing")
    return chosen


def tables(chosen: argparse.Namespace, base: Path, shop: Path) -> dict[str, Callable[[], None]]:
    """Name → what measures and prints it."""
    runs, settings = chosen.runs, chosen.settings
    return {
        "peers": lambda: races.peers(
            base / "peers", shop, rows=chosen.rows, peer_rows=chosen.peer_rows, runs=runs, settings=settings
        ),
        "slips": lambda: races.slips(
            base / "slips", shop, rows=chosen.slip_rows, runs=runs, settings=settings
        ),
        "lengths": lambda: races.lengths(
            base / "lengths", rows=chosen.lengths, runs=runs, setting=settings[0]
        ),
        "distance": lambda: trials.distance(
            base / "distance", shop, seconds=chosen.round_trip, mails=chosen.far_mails, runs=runs
        ),
        "throttle": lambda: trials.throttle(
            base / "throttle", rate=chosen.rate, seconds=chosen.rate_seconds, runs=runs
        ),
        "resume": lambda: trials.resume(
            base / "resume", rows=chosen.resume_rows, runs=runs, setting=settings[0]
        ),
    }


def main() -> None:
    chosen = options()
    if not Path("/proc/self/statm").exists():
        sys.exit("This needs Linux: memory is read from /proc.")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as base:
        shop = chosen.peers_folder or Path(base) / "shop"
        print(f"{_machine(Path(base))}; median of {chosen.runs} (least–most).\n")
        for name, measured in tables(chosen, Path(base), shop).items():
            if not chosen.tables or name in chosen.tables:
                (Path(base) / name).mkdir()
                measured()
                print(f"*{name}: load {_load()} at its end.*\n", flush=True)


def _machine(base: Path) -> str:
    """Date, cores, load, Python, and the file system that the ledger's commits go to."""
    now = datetime.now().astimezone()
    return (
        f"{now:%Y-%m-%d %H:%M} {time.tzname[0]}, {len(os.sched_getaffinity(0))} cores ({_processor()}), load {_load()}, "
        f"Python {platform.python_version()}, ledger on {_file_system(base)}"
    )


def _load() -> str:
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """On tmpfs a durable commit costs nothing, so this belongs beside the figures."""
    found = ("", "an unknown file system")
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, point, kind, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) > len(found[0]):
            found = (point, kind)
    return found[1]


if __name__ == "__main__":
    main()
