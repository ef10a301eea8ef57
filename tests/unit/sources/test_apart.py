"""Old workbooks are read in a process of their own: whatever becomes of it, this one has a sentence."""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import signal
import struct
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli import offspring
from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.legacy import apart
from mailmerge_cli.sources.legacy.foreign import _tagged, untagged
from support.legacy_books import write_xlsb, xlsb_number, xlsb_row, xlsb_text
from support.program import run_process

PLAIN = Path(__file__).parent.parent.parent / "data" / "legacy" / "plain.xls"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")


def aborting() -> bytes:
    """A sheet that says of itself that it begins a thousand million rows below its end: the library asks for that room, and aborts."""
    octets = bytearray(PLAIN.read_bytes())
    at = octets.index(struct.pack("<HHII", 0x0200, 14, 2, 7))  # Dimensions, of rows 3 to 7
    struct.pack_into("<I", octets, at + 4, 0x4B000002)
    return bytes(octets)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [("abort", "damaged, or takes more memory or time"), ("cut", "is damaged, or no workbook")],
)
def test_F23_a_torn_workbook_ends_no_program(
    tmp_path: Path, own_home: Path, damage: str, sentence: str
) -> None:
    """What makes the library abort, or panic, is one sentence and exit code 65; not a word of the library's own."""
    octets = aborting() if damage == "abort" else PLAIN.read_bytes()[:6600]
    (tmp_path / "pay.xls").write_bytes(octets)
    (tmp_path / "m.txt").write_text("From: a@example.org\nSubject: Pay\n\nHello\n")
    ran = run_process("check", "-r", "pay.xls", "-m", "m.txt", cwd=tmp_path)

    assert (ran.code, ran.out) == (65, "")
    lines = ran.err.splitlines()
    assert sentence in lines[0]
    assert len(lines) == 2
    assert ".xlsx" in lines[1]


@POSIX
def test_F23_what_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over which the library computes for ever costs a time that is set, and no more."""
    monkeypatch.setattr(apart, "_FOREIGN", "support.foreign_troubles")
    with pytest.raises(apart.Died):
        apart.tabs(io.BytesIO(b"endless"))


@POSIX
def test_half_of_the_rows_are_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A death in the middle is no end of the list."""
    monkeypatch.setattr(apart, "_FOREIGN", "support.foreign_troubles")
    assert apart.tabs(io.BytesIO(b"half")) == [("Pay", True, True)]
    rows = apart.rows(io.BytesIO(b"half"), 0)
    assert [next(rows), next(rows)] == [["E-mail"], ["a@example.com"]]
    with pytest.raises(apart.Died):
        next(rows)


@POSIX
def test_limits_hold_and_no_secret_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and time are bounded, no core is dumped, and the program's own variables stay here."""
    monkeypatch.setattr(apart, "_FOREIGN", "support.foreign_troubles")
    monkeypatch.setenv("MAILMERGE_LIST_PASSWORD", "x1")
    (core, memory, seconds), names = apart._answers(io.BytesIO(b"limits"), None)
    assert core in {0, 1}
    assert 0 < memory <= 4 << 30
    assert (seconds, names) == (1, [])


@POSIX
def test_it_minds_nobody_but_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C in the terminal, its end, or a SIGTERM to the group is not for it: the list is read on while a send stops in order."""
    monkeypatch.setattr(apart, "_FOREIGN", "support.foreign_troubles")
    assert list(apart._answers(io.BytesIO(b"signals"), None)) == [[True, True, True], 0]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_pass_that_is_left_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at the first rows only ends what read them."""
    begun: list[subprocess.Popen[bytes]] = []
    hire = offspring.hire

    def noted(module: str) -> subprocess.Popen[bytes]:
        begun.append(hire(module))
        return begun[-1]

    monkeypatch.setattr(offspring, "hire", noted)
    rows = b"".join(
        xlsb_row(at, [xlsb_text(0, "E-mail") if at == 1 else xlsb_number(0, at)]) for at in range(1, 5001)
    )
    path = write_xlsb(tmp_path / "pay.xlsb", rows, last=(4999, 0))
    with open_source(path) as source:
        some = source.rows()
        assert next(some).number == 2
        del some
        gc.collect()
    assert len(begun) == 3
    assert all(one.returncode is not None for one in begun)


def test_without_a_process_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be started the file is not to blame."""

    def none(module: str) -> subprocess.Popen[bytes]:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(offspring, "hire", none)
    with pytest.raises(Refused, match=r"plain\.xls cannot be read: no process can be started"):
        open_source(PLAIN)


VALUES = st.one_of(
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=("Cs",))),
    st.booleans(),
    st.dates(),
    st.times().map(lambda moment: moment.replace(fold=0)),
    st.datetimes().map(lambda moment: moment.replace(fold=0)),
    st.timedeltas(),
)


@given(st.lists(VALUES))
def test_values_come_over_as_they_are(values: list[object]) -> None:
    """Numbers, texts, dates, times and durations: the same value of the same type."""
    line = json.dumps(values, default=_tagged)
    assert [*map(repr, values)] == [*map(repr, json.loads(line, object_hook=untagged))]


@pytest.mark.parametrize("tagged", [{}, {"date": 7}, {"x": "2026-01-01"}, {"time": "noon"}])
def test_what_is_no_value_is_refused(tagged: dict[str, object]) -> None:
    """Nothing that the other side might say becomes anything but a value."""
    with pytest.raises(ValueError):
        untagged(tagged)


@pytest.mark.parametrize(
    "value", [date(2026, 10, 30), time(8, 30), datetime(2026, 10, 30, 17, 5), timedelta(hours=37, minutes=30)]
)
def test_a_moment_says_what_it_is(value: object) -> None:
    """A date is no date with a time: one prints without."""
    assert type(untagged(json.loads(json.dumps(_tagged(value))))) is type(value)
