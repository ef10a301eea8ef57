"""What `sources.legacy.foreign` becomes when its library is never done, or dies half-way; run by `offspring.hire`."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from typing import BinaryIO

from mailmerge_cli.sources.legacy import foreign


def endless(*_: object) -> Iterator[object]:
    """No end, and no answer."""
    while True:
        pass


def half(octets: bytes, wanted: int | None) -> Iterator[object]:
    """It dies in the middle of the rows."""
    yield ((0, 0), (3, 0)) if wanted is not None else [("Pay", True, True)]
    if wanted is not None:
        yield [["E-mail"], ["a@example.com"]]
        os.abort()


def limits(*_: object) -> Iterator[object]:
    """It tells its limits."""
    kinds = (resource.RLIMIT_CORE, resource.RLIMIT_AS, resource.RLIMIT_CPU)
    yield [resource.getrlimit(kind)[0] for kind in kinds]
    yield [name for name in os.environ if name.startswith("MAILMERGE_")]


def signals(*_: object) -> Iterator[object]:
    """It tells which signals it ignores, and which are held back."""
    minded = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    yield [signal.getsignal(number) is signal.SIG_IGN for number in minded]
    yield len(signal.pthread_sigmask(signal.SIG_BLOCK, ()).intersection(minded))


def main(inward: BinaryIO, outward: BinaryIO) -> None:
    """As the first line of the workbook says."""
    foreign._SECONDS = 1
    foreign._told = lambda octets, wanted: globals()[octets.decode()](octets, wanted)
    foreign.main(inward, outward)
