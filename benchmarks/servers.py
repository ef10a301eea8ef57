"""The servers of a measurement as processes that end with their `with`: smtp-sink, the recorder, and the way that makes them far."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent
_SBIN = "/usr/sbin:/usr/lib/postfix/sbin"


def postfix_program(name: str) -> str | None:
    """Where smtp-sink and smtp-source are; None: Debian's postfix package is not installed."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), _SBIN)))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def sink(port: int = 0) -> Iterator[int]:
    """smtp-sink, which takes all and keeps nothing; its port."""
    program = postfix_program("smtp-sink")
    if program is None:
        sys.exit("smtp-sink is missing; it comes with Debian's postfix package.")
    port = port or free_port()
    user = ["-u", "nobody"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    with _ended(subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1000"])):
        _wait_for(port)
        yield port


@contextmanager
def recorder(stamps: Path | None = None, keep: Path | None = None, port: int = 0) -> Iterator[int]:
    """The recorder; its port."""
    words = [f"--port={port}"]
    words += [f"--stamps={stamps}"] if stamps else []
    words += [f"--keep={keep}"] if keep else []
    with _script("recorder.py", *words) as found:
        yield found


@contextmanager
def far(to: int, round_trip: float) -> Iterator[int]:
    """A port that leads to that port, half a round trip away."""
    with _script("far.py", f"--to={to}", f"--round-trip={round_trip}") as found:
        yield found


def round_trip_to(port: int, times: int = 20) -> float:
    """Seconds between a NOOP and its reply, median: what the way and the server really take."""
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as line, line.makefile("rb") as replies:
        replies.readline()
        for _ in range(times):
            start = time.perf_counter()
            line.sendall(b"NOOP\r\n")
            replies.readline()
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def stamps_in(path: Path) -> list[tuple[str, int, float]]:
    """What a recorder wrote: event, connection, second."""
    lines = path.read_text(encoding="ascii").splitlines()
    return [(event, int(number), float(at)) for event, number, at in map(str.split, lines)]


@contextmanager
def _script(name: str, *words: str) -> Iterator[int]:
    argv = [sys.executable, str(_HERE / name), *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process, _ended(process):
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said.strip().isdigit():
            sys.exit(f"{name} did not start.")
        yield int(said)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    for _ in range(250):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit("smtp-sink did not start.")
