"""python-calamine at work, in a process of its own: it panics, aborts, and asks for more memory than there is where a file is torn.

Rule: octets come in by a pipe and cells go out by one; nothing of them is written to a disk, not even when the process dies.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from mailmerge_cli.offspring import grow_deaf

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

ROWS = 256
"""Rows of a line that it writes."""

_MEMORY = 4 << 30  # twenty million cells take less than half of it
_SECONDS = 30  # of computing, until the workbook is opened; and more for a large one
_SECONDS_A_MB = 1


def main(inward: BinaryIO, outward: BinaryIO) -> None:
    """Read a line that says what is wanted, then the workbook; write lines of JSON, the last one `true`.

    Wanted is `null`: one line, of each sheet its name, whether it holds cells (a chart does not) and whether its tab is seen. Or the place of
    a sheet: one line with its first cell's place and its last one's, rows and columns from 0, or `null` if it is empty; then lines of
    `ROWS` rows, from its first column on. Where the library stumbles the last line is `false`; where it takes this process with it, there
    is no last line.
    """
    grow_deaf()
    sys.set_int_max_str_digits(0)
    wanted = json.loads(inward.readline())
    octets = inward.read()
    _bound(_SECONDS + _SECONDS_A_MB * (len(octets) >> 20))
    whole = False
    try:
        for line in _told(octets, wanted):
            _write(outward, line)
        whole = True
    except BaseException as fault:  # noqa: BLE001 - a panic of the library is no Exception, on purpose
        if isinstance(fault, BrokenPipeError):
            return  # nobody reads any more
    _write(outward, whole)


def _told(octets: bytes, wanted: int | None) -> Iterator[object]:
    from python_calamine import load_workbook

    workbook = load_workbook(io.BytesIO(octets))
    if wanted is None:
        yield [
            (sheet.name, str(sheet.typ) == "SheetTypeEnum.WorkSheet", str(sheet.visible) == "SheetVisibleEnum.Visible")
            for sheet in workbook.sheets_metadata
        ]  # fmt: skip
    else:
        yield from _rows(workbook, wanted)


def _rows(workbook: CalamineWorkbook, place: int) -> Iterator[object]:
    sheet = workbook.get_sheet_by_name(workbook.sheets_metadata[place].name)
    yield (sheet.start, sheet.end) if sheet.start and sheet.end else None
    _unbind()
    rows = iter(sheet.iter_rows()) if sheet.start and sheet.end else iter(())
    while block := list(islice(rows, ROWS)):
        yield block


def _bound(seconds: int) -> None:
    """Limits where the system has them: memory, time to compute, and no picture of the memory on a disk."""
    if sys.platform == "win32":
        return
    import resource

    # A limit of 0 does not hold where a program is given the picture by a pipe (core(5)); with 1 the kernel makes none.
    for kind, most in ((resource.RLIMIT_CORE, 1), (resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CPU, seconds)):  # fmt: skip
        with suppress(OSError, ValueError):  # a stricter limit is there, or none can be set
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _unbind() -> None:
    """What is left does not take for ever, and the other side takes the time that it needs."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


def _write(outward: BinaryIO, line: object) -> None:
    outward.write(json.dumps(line, default=_tagged).encode("ascii") + b"\n")
    outward.flush()


def _tagged(value: object) -> dict[str, object]:
    """Values that JSON has not; `untagged` knows them again."""
    match value:
        case datetime() | date() | time():
            return {type(value).__name__: value.isoformat()}
        case timedelta():
            return {"timedelta": (value.days, value.seconds, value.microseconds)}
    raise TypeError(type(value).__name__)


def untagged(tagged: dict[str, object]) -> object:
    """The value of a JSON object that the other side wrote. ValueError if there is none such."""
    match tagged:
        case {"datetime": str(text)}:
            return datetime.fromisoformat(text)
        case {"date": str(text)}:
            return date.fromisoformat(text)
        case {"time": str(text)}:
            return time.fromisoformat(text)
        case {"timedelta": [int(days), int(seconds), int(microseconds)]}:
            return timedelta(days, seconds, microseconds)
    raise ValueError("no such value")
