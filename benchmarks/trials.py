"""Tables of time: a far server, the exactness of the throttle, and how soon a killed run goes on."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import contenders
import servers
from contenders import Contender, Place
from meter import Spread, environment, kill, measure, number

_WINDOW = 0.95  # seconds at the server; a second at our end, and the way is not always equally long


def distance(base: Path, shop: Path, *, seconds: float, mails: int, runs: int) -> None:
    """Round trips a message through a far server, `mails` on each connection."""
    settings = [
        (connections, contenders.ours(f"1:{connections}:{pipelining}"))
        for connections in (1, 10)
        for pipelining in ("off", "envelope", "next")
    ]
    pools = contenders.present([contenders.nodemailer(shop, 1), contenders.nodemailer(shop, 10)])
    settings += list(zip((1, 10), pools, strict=False))
    stamps = base / "stamps"
    measured: dict[tuple[int, str], list[float]] = {(each, racer.name): [] for each, racer in settings}
    with servers.recorder(stamps) as near, servers.far(near, seconds) as port:
        trip = servers.round_trip_to(port)
        places = {each: Place.write(base / f"far-{each}", mails * each, port) for each in (1, 10)}
        for _ in range(runs):
            for connections, racer in settings:
                events = _run_recorded(racer, places[connections], stamps, "E")
                measured[connections, racer.name].append(_seconds_a_message(events))
    print(f"### {seconds * 1000:.0f} ms of round-trip time\n")
    print(f"A NOOP took {trip * 1000:.1f} ms; ratios are to that. {mails} messages a connection.\n")
    print("| connections | program | messages/s | seconds a message on its connection ÷ round trip |")
    print("|---:|---|---:|---:|")
    for (connections, name), found in measured.items():
        trips = Spread.of([each / trip for each in found])
        rate = Spread.of([connections / each for each in found])
        print(f"| {connections} | {name} | {rate.text(1)} | {trips.text(2)} |")
    print()


def throttle(base: Path, *, rate: int, seconds: int, runs: int) -> None:
    """What `--rate` really comes to at the server."""
    limit = f"--rate={rate}/s"
    settings = [contenders.ours(each, limit) for each in ("1:1:envelope", "1:10:envelope", "2:10:envelope")]
    stamps = base / "stamps"
    measured: list[list[tuple[float, int]]] = [[] for _ in settings]
    with servers.recorder(stamps) as port:
        place = Place.write(base / "throttled", rate * seconds, port)
        for _ in range(runs):
            for racer, found in zip(settings, measured, strict=True):
                times = sorted(at for _, at in _run_recorded(racer, place, stamps, "M"))
                mean = (len(times) - 1) / (times[-1] - times[0])
                found.append((100 * (mean / rate - 1), _most_within(times, _WINDOW)))
    print(f"### `--rate {rate}/s` for {seconds} s\n")
    print("| setting | error of the mean, % | most MAIL within any 0.95 s |")
    print("|---|---:|---:|")
    for racer, found in zip(settings, measured, strict=True):
        error = Spread.of([each for each, _ in found])
        most = max(count for _, count in found)
        print(f"| {racer.name} | {error.text(2)} | {most} |")
    print()


def resume(base: Path, *, rows: int, runs: int, setting: str) -> None:
    """Seconds from the start of the process to the first whole mail at the server, after a kill -9 half-way."""
    racer = contenders.ours(setting)
    port = servers.free_port()
    place = Place.write(base / "resumed", rows, port)
    with servers.sink(port), _running(racer, place) as process:
        settled = _half(place.folder / "results", rows // 2, process)
    found = [_first_mail(racer, place, base / f"stamps-{run}") for run in range(runs)]
    print("### Resume after a kill -9 half-way\n")
    print(
        f"{number(rows)} rows, killed when {number(settled)} were settled; then resumed {runs} times, each killed at its first mail.\n"
    )
    print(
        f"| program | seconds to the first mail |\n|---|---:|\n| {racer.name} | {Spread.of(found).text(2)} |\n"
    )


def _run_recorded(racer: Contender, place: Place, stamps: Path, event: str) -> list[tuple[int, float]]:
    """Connection and second of each event of that kind in this run."""
    before = len(servers.stamps_in(stamps))
    place.clear()
    measure(racer.argv(place), env=racer.environment(place), cwd=racer.cwd)
    new = itertools.islice(servers.stamps_in(stamps), before, None)
    events = [(connection, at) for kind, connection, at in new if kind == event]
    if len(events) != place.rows:
        sys.exit(f"{racer.name}: {len(events)} mails arrived, {place.rows} were meant to.")
    return events


def _seconds_a_message(ends: Sequence[tuple[int, float]]) -> float:
    """Between two ends of data on the same connection, mean; connecting and leaving are not in it."""
    lines: dict[int, list[float]] = {}
    for connection, at in ends:
        lines.setdefault(connection, []).append(at)
    return sum(at[-1] - at[0] for at in lines.values()) / sum(len(at) - 1 for at in lines.values())


def _most_within(times: Sequence[float], window: float) -> int:
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _first_mail(racer: Contender, place: Place, stamps: Path) -> float:
    """Start it again, and kill it at its first mail."""
    with servers.recorder(stamps, port=place.port):
        start = time.monotonic()
        with _running(racer, place) as process:
            while not (first := [at for event, _, at in servers.stamps_in(stamps) if event == "E"]):
                _still(process)
                time.sleep(0.01)
    return first[0] - start


def _half(results: Path, wanted: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until the result log has so many lines; how many it has then."""
    lines, place = 0, 0
    while lines < wanted:
        _still(process)
        for log in results.glob("*.csv"):
            with log.open("rb") as file:
                file.seek(place)
                new = file.read()
            lines += new.count(b"\n")
            place += len(new)
        time.sleep(0.01)
    return lines


def _still(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        sys.exit(f"The run ended with {process.returncode} before it could be killed.")


@contextmanager
def _running(racer: Contender, place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """A run that is killed -9 with all its processes on the way out."""
    process = subprocess.Popen(
        racer.argv(place), env=environment(racer.environment(place)), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        kill(process.pid)
        process.wait()
