"""An old or binary workbook as another process reads it, so that whatever becomes of that one, this one has a sentence."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing, suppress
from shutil import copyfileobj
from subprocess import Popen
from typing import Any, BinaryIO, NamedTuple

from mailmerge_cli import offspring
from mailmerge_cli.sources.legacy.foreign import untagged

_FOREIGN = "mailmerge_cli.sources.legacy.foreign"


class Torn(ValueError):
    """The library cannot read the workbook."""


class Died(Exception):
    """The process that read the workbook died of it."""


class NoProcess(Exception):
    """None can be had; the text says why."""


class Tab(NamedTuple):
    """A sheet: its name, whether it holds cells (a chart does not), and whether its tab is seen."""

    name: str
    cells: bool
    seen: bool


def tabs(stream: BinaryIO) -> list[Tab]:
    """All sheets of a workbook. Torn, Died or NoProcess if it cannot be read."""
    with closing(_answers(stream, None)) as answers:
        told = list(answers)
    try:
        return [Tab(*sheet) for sheet in told[0]]
    except (IndexError, TypeError) as fault:
        raise Torn("its sheets cannot be counted") from fault


def rows(stream: BinaryIO, place: int) -> Generator[list[object], None, None]:
    """The rows of the sheet at a place among all of them, from row 1 and column A to its last cell.

    Raises:
        Torn, Died: it cannot be read, or not to its end.
        NoProcess: see there.
    """
    with closing(_answers(stream, place)) as answers:
        corners = next(answers, None)
        if corners is None:
            return
        (_, left), (bottom, _) = corners
        count = 0
        for block in answers:
            for values in block:
                count += 1
                yield [*[""] * left, *values]
        if count != bottom + 1:
            # It tells a person which row is meant, and finds those that are hidden.
            raise Torn("its rows cannot be counted")


def _answers(stream: BinaryIO, wanted: int | None) -> Generator[Any, None, None]:
    """The lines that the other process writes, without the last one."""
    try:
        process = offspring.hire(_FOREIGN)
    except OSError as fault:
        raise NoProcess(f"no process can be started that reads it ({fault.strerror})") from fault
    try:
        _give(process, stream, wanted)
        assert process.stdout is not None
        for line in process.stdout:
            if line == b"true\n":
                return
            if line == b"false\n":
                raise Torn("the library stumbled")
            yield json.loads(line, object_hook=untagged)
        raise Died(f"its process ended with {process.wait()}")
    finally:
        _end(process)


def _give(process: Popen[bytes], stream: BinaryIO, wanted: int | None) -> None:
    """What is wanted, and the workbook: the other one reads all of it before it says a word."""
    assert process.stdin is not None
    stream.seek(0)
    with suppress(BrokenPipeError), process.stdin as pipe:  # it died; that is met where it should answer
        pipe.write(json.dumps(wanted).encode() + b"\n")
        copyfileobj(stream, pipe, 1 << 20)


def _end(process: Popen[bytes]) -> None:
    process.kill()  # nothing is lost: it only reads
    with process:
        pass
