"""The log file of a cron job: one line an event, private, harmless, and never in the way."""

from __future__ import annotations

import re
import shlex
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.cli.logfile import LogFile
from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.events import Connected, Trouble, Waiting
from mailmerge_cli.model.delivery import State
from mailmerge_cli.report.escape import visible
from support.deliveries import MOMENT, settled

ZONE = ZoneInfo("Asia/Shanghai")


def test_each_event_is_a_line_with_a_time(tmp_path: Path) -> None:
    """Time with offset, a dotted name, the identity first, empty fields left out."""
    path = tmp_path / "cron.log"
    began = datetime.now(UTC)
    with LogFile(path, ZONE) as log:
        log(settled(1))
        log(settled(2, State.FAILED, code=550, enhanced="5.1.1", reply='no "such" user\n'))
        log(Waiting("throttle", MOMENT, "30/min"))
        log(Connected(2))
        log(Trouble("connection lost"))
        log.talk("warning", "w")
        log.event("run.started", run="2026-10", due=298)
    lines = path.read_text(encoding="utf-8").splitlines()
    times, events = zip(*(line.split(" ", 1) for line in lines), strict=True)

    sent = (
        "delivery.sent row=2 key=00001 to=person1@example.org attempt=1 code=250 enhanced=2.0.0 account=hr "
        'message_id=<1.1@example.org> reply="2.0.0 Ok: queued as 4ABC"'
    )
    failed = (
        "delivery.failed row=3 key=00002 to=person2@example.org attempt=1 code=550 enhanced=5.1.1 account=hr "
        'message_id=<2.1@example.org> reply="no \\"such\\" user\\n"'
    )

    assert events == (
        sent,
        failed,
        "run.waiting why=throttle until=2026-11-21T10:00:00+08:00 text=30/min",
        "run.connected connections=2",
        'run.trouble text="connection lost"',
        "screen.warning text=w",
        "run.started run=2026-10 due=298",
    )  # fmt: skip
    for time in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", time)
        assert began - timedelta(seconds=1) <= datetime.fromisoformat(time) <= datetime.now(UTC)


@given(value=st.text(st.characters()))
def test_L02_no_value_forges_a_line(value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the key or the reply holds, it is one line and one word for a shell-like reader."""
    path = tmp_path_factory.mktemp("log") / "cron.log"
    with LogFile(path, UTC) as log:
        log.event("a.b", key=value, after="end")
    (line,) = path.read_bytes().decode("utf-8").splitlines()

    assert visible(line) == line
    words = shlex.split(line)
    assert words[1] == "a.b"
    assert words[-1] == "after=end"
    assert len(words) == (4 if value else 3)


def test_C14_the_file_is_private_and_appended_to(tmp_path: Path) -> None:
    """0600 when made; a second run writes behind the first."""
    path = tmp_path / "cron.log"
    for _ in range(2):
        with LogFile(path, UTC) as log:
            log.event("a")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2


def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    """74 and a sentence before anything is sent; a symbolic link is not followed."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path, tmp_path / "no" / "folder", tmp_path / "link"):
        with pytest.raises(LedgerFault, match=r"the log file .* cannot be written"):
            LogFile(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_K09_a_full_disk_ends_the_log_and_not_the_run() -> None:
    """An observer must not raise: the cause is kept once, later events are dropped."""
    with LogFile(Path("/dev/full")) as log:
        log.event("a")
        log.event("b")

        assert log.failed == "No space left on device"
