"""Catalogue O, as the program meets it: two at once, clocks, quotas, cron."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from faults.trial import Trial, move_clock, once, send_over_a_jump, sending
from support.program import command
from support.scripted_smtp import Delay
from support.witness import Witness

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


def test_O01_O04_several_at_the_same_instant(trial: Trial) -> None:
    """Three starts at once, again and again: each row is one process's, the others leave with 75, `locked`, and nobody has two."""
    trial.write(40)
    trial.server.replies["END"] = lambda _: Delay(0.04)
    reasons: Counter[str] = Counter()
    for _ in range(2):
        for sender in [sending(trial, "--limit", "10") for _ in range(3)]:
            out, err = sender.communicate(timeout=60)
            told = json.loads(out)
            assert sender.returncode in (0, 75), err.decode()
            reasons[told["reason"]] += 1
            assert told["sent_now"] == (0 if told["reason"] == "locked" else min(10, told["sent_now"]))
    last = trial.send()

    assert (0, once(*range(1, 41))) == (last.code, trial.got()), last.err
    assert 1 <= reasons["locked"] <= 4
    assert 6 == reasons.total()


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(days=1)])
def test_O05_a_clock_that_jumps_neither_hangs_nor_bursts(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, witness: Witness, jump: timedelta
) -> None:
    """The wall clock is set back an hour, or a day forward, in the middle of a run: the rate holds, nothing waits for it."""
    trial.write(16, sending='rate = "10/s"')
    ran = send_over_a_jump(monkeypatch, trial, jump)

    assert (0, once(*range(1, 17))) == (ran.code, trial.got()), ran.err
    assert trial.server.peak(witness.window) <= 10
    for line in trial.log().values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", line["last_attempt"])


def test_O06_an_hour_that_comes_twice_is_one_day(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started at 02:30 before and after the clocks go back, and in the gap of spring: one run a day, each gets one mail a day."""
    trial.write(3, top='timezone = "Europe/Berlin"\nrun = "{{ today }}"')
    for moment, total in (
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 3),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 3),
        (datetime(2027, 3, 28, 1, 0, tzinfo=UTC), 6),
        (datetime(2027, 3, 28, 1, 1, tzinfo=UTC), 6),
    ):
        with monkeypatch.context() as patch:
            move_clock(patch, lambda: moment)  # noqa: B023  # used up within this turn
            ran = trial.send()
        assert (0, total) == (ran.code, len(trial.server.accepted)), ran.err


def test_O08_a_days_quota_outlives_the_run(trial: Trial) -> None:
    """4/day: four go, then 75 with a time a day later; another call, another run: none; nobody has two."""
    trial.write(6, sending='rate = "4/day"')
    first, second, third = trial.send(), trial.send(), trial.send("--new-run")

    assert (75, "quota", 4) == (first.code, first.json["reason"], first.json["sent_now"]), first.err
    assert (75, 0) == (second.code, second.json["sent_now"])
    assert 0 == third.json["sent_now"], third.err
    resume = datetime.fromisoformat(first.json["resume_at"])
    assert timedelta(hours=23) < resume - datetime.now().astimezone() <= timedelta(hours=24, minutes=1)
    trial.nobody_twice()


def test_O09_cron_needs_no_environment(trial: Trial) -> None:
    """No HOME, PATH, terminal, locale; umask 022; cwd /: a name beyond ASCII arrives and is told in UTF-8, nobody is asked."""
    trial.write(["1,Jürgen 王,p1@example.org,tök1", "2,Ann,p2@example.org,tok2"])
    trial.server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    done = subprocess.run(
        ["/bin/sh", "-c", 'umask 022; cd /; exec "$@"', "sh", *command("send", trial.folder, "--yes")], env={"LANG": "C"},
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60,
    )  # fmt: skip

    assert (1, once(1)) == (done.returncode, trial.got()), done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert "Jürgen 王" == trial.mail()["To"].addresses[0].display_name
    shown = subprocess.run(
        command("log", trial.folder), cwd="/", env={"LANG": "C"}, capture_output=True, check=False, timeout=60
    )
    assert 0 == shown.returncode, shown.stderr.decode()
    assert 0 == (trial.folder / ".mailmerge/ledger.sqlite3").stat().st_mode & 0o077
