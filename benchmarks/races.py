"""Tables of speed: this program and the peers, with and without a PDF for each row; and this program over the list's length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import contenders
import sameness
import servers
from contenders import Contender, Place
from meter import Measured, Spread, measure, number

_MB = 1024 * 1024


def peers(base: Path, shop: Path, *, rows: int, peer_rows: int, runs: int, settings: Sequence[str]) -> None:
    """The first table: one message of 2 KB, ten connections where a program knows connections."""
    own = [contenders.ours(each) for each in settings]
    others = [contenders.nodemailer(shop), *contenders.python_peers(shop), contenders.smtp_source()]
    print("### This program and its peers\n")
    _race([*own, *contenders.present(others)], base, rows=rows, peer_rows=peer_rows, runs=runs)


def slips(base: Path, shop: Path, *, rows: int, runs: int, settings: Sequence[str]) -> None:
    """The same with a PDF of 50 KB that differs for each row."""
    others = [contenders.nodemailer(shop, slips=True), contenders.smtp_source(octets=70_000)]
    print("### With a PDF of 50 KB that differs for each row\n")
    own = [contenders.ours(each) for each in settings]
    _race([*own, *contenders.present(others)], base, rows=rows, peer_rows=rows, runs=runs, slips=True)


def lengths(base: Path, *, rows: Sequence[int], runs: int, setting: str) -> None:
    """Speed and memory over the length of the list."""
    racer = contenders.ours(setting)
    workers = ("--workers", setting.partition(":")[0])
    with servers.sink() as port:
        places = [Place.write(base / f"rows-{count}", count, port) for count in rows]
        checks: dict[int, list[Measured]] = {count: [] for count in rows}
        sends: dict[int, list[Measured]] = {count: [] for count in rows}
        for _ in range(runs):
            for place in places:
                env = racer.environment(place)
                place.clear()
                checks[place.rows].append(
                    measure(contenders.program("check", place, "--quiet", *workers), env=env)
                )
                place.clear()
                sends[place.rows].append(measure(racer.argv(place), env=env))
    print("### Over the length of the list\n")
    print(f"`send` with {racer.name}; `check` of the same list.\n")
    print("| rows | messages/s | send: peak MB | check: rows/s | check: peak MB |")
    print("|---:|---:|---:|---:|---:|")
    for count in rows:
        cells = [
            _rate(sends[count], count).text(), _peak(sends[count]).text(),
            _rate(checks[count], count).text(), _peak(checks[count]).text(),
        ]  # fmt: skip
        print(f"| {number(count)} | {' | '.join(cells)} |")
    short = 10_000 if 10_000 in rows else min(rows)
    ratio = _peak(sends[max(rows)]).median / _peak(sends[short]).median
    print(f"\nPeak memory of `send` at {number(max(rows))} rows ÷ at {number(short)} rows: {ratio:.2f}.\n")


def _race(
    racers: Sequence[Contender], base: Path, *, rows: int, peer_rows: int, runs: int, slips: bool = False
) -> None:
    octets = sameness.compare(racers, base / "same", slips=slips)
    with servers.sink() as port:
        one = Place.write(base / "one", 1, port, slips=slips)
        long = Place.write(base / "long", rows, port, slips=slips)
        short = long if peer_rows == rows else Place.write(base / "short", peer_rows, port, slips=slips)

        def place(racer: Contender) -> Place:
            return long if racer.fast else short

        starts = _in_turn(racers, lambda _: one, runs)
        whole = _in_turn(racers, place, runs)
    _print_race(racers, {racer.name: place(racer).rows for racer in racers}, starts, whole, octets)


def _in_turn(
    racers: Sequence[Contender], place_of: Callable[[Contender], Place], runs: int
) -> dict[str, list[Measured]]:
    """All of them once, then all of them again: a busy machine is equally unfair to all."""
    measured: dict[str, list[Measured]] = {racer.name: [] for racer in racers}
    for _ in range(runs):
        for racer in racers:
            place = place_of(racer)
            place.clear()
            measured[racer.name].append(
                measure(racer.argv(place), env=racer.environment(place), cwd=racer.cwd)
            )
    return measured


def _print_race(
    racers: Sequence[Contender],
    rows: Mapping[str, int],
    starts: Mapping[str, list[Measured]],
    whole: Mapping[str, list[Measured]],
    octets: Mapping[str, int],
) -> None:
    """Ratios are of medians, first line ÷ this line; "after start-up" leaves out what a list of one row takes."""
    print(
        "| program | octets a mail | rows | messages/s | first ÷ this | CPU µs a message | peak MB | start-up s "
        "| messages/s after start-up | first ÷ this |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    first: tuple[float, float] | None = None
    for racer in racers:
        count, runs, start = rows[racer.name], whole[racer.name], _seconds(starts[racer.name])
        rate = _rate(runs, count)
        steady = (count - 1) / max(_seconds(runs).median - start.median, 1e-9)
        first = first or (rate.median, steady)
        cpu = Spread.of([each.cpu / count * 1e6 for each in runs])
        cells = [
            racer.name, number(octets[racer.name]), number(count), rate.text(), f"{first[0] / rate.median:.2f}",
            number(cpu.median), _peak(runs).text(), start.text(2), number(steady), f"{first[1] / steady:.2f}",
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
    print()


def _rate(runs: Sequence[Measured], rows: int) -> Spread:
    return Spread.of([rows / each.seconds for each in runs])


def _peak(runs: Sequence[Measured]) -> Spread:
    return Spread.of([each.peak / _MB for each in runs])


def _seconds(runs: Sequence[Measured]) -> Spread:
    return Spread.of([each.seconds for each in runs])
