"""Signals, pipes that close, the bare environment of cron."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.arrivals import got, once, read, url
from support.program import (
    LETTER,
    command,
    ended,
    people,
    run_here,
    running,
    write_list,
    write_toml,
)
from support.scripted_smtp import Delay, Hang, Keep, ScriptedServer


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_K04_a_signal_settles_what_is_in_flight(
    campaign: Path, server: ScriptedServer, number: int, code: int
) -> None:
    """First SIGINT or SIGTERM: no new message, those in flight settled, one object, 130 or 143; again: the rest."""
    write_list(campaign, people(60))
    server.replies["END"] = lambda _: Delay(0.05)
    with running("send", "--yes", "--json", "--run", "r", "--connections", "2", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 4, 60)
        sender.send_signal(number)
        ran = ended(sender)

    assert (code, "interrupted", "interrupted") == (ran.code, ran.json["outcome"], ran.json["reason"]), (
        ran.err
    )
    counts = ran.json["counts"]
    assert (0, len(server.accepted)) == (counts["in_doubt"], counts["sent"])
    assert 0 < counts["pending"] < 60
    assert len((campaign / "results/r.csv").read_text(encoding="utf-8-sig").splitlines()) == 61
    server.replies.clear()
    assert run_here("send", "--yes").code == 0
    assert once(*range(1, 61)) == got(server)


def test_K05_a_second_signal_leaves_at_once(campaign: Path, server: ScriptedServer) -> None:
    """The server hangs at the end of data: the second Ctrl-C ends within seconds, the one without an answer is in doubt."""
    server.replies["END"] = {2: Keep(Hang())}
    with running("send", "--yes", "--json", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 2, 60)
        time.sleep(0.3)
        sender.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            sender.wait(1)
        sender.send_signal(signal.SIGINT)
        ran = ended(sender)

    assert (
        ran.code,
        ran.json["counts"]["sent"],
        ran.json["counts"]["in_doubt"],
        ran.json["counts"]["pending"],
    ) == (130, 1, 1, 3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_first_mail_sends_nothing(
    campaign: Path, server: ScriptedServer, number: int, code: int
) -> None:
    """While the server is silent at the login: 130 or 143, one object, nothing begun."""
    server.replies["EHLO"] = Hang()
    with running("send", "--yes", "--json", cwd=campaign) as sender:
        server.wait_for(lambda s: "EHLO" in s.verbs(), 60)
        time.sleep(0.2)
        sender.send_signal(number)
        ran = ended(sender)

    assert (code, code, "interrupted") == (ran.code, ran.json["exit_code"], ran.json["reason"]), ran.err
    server.replies.clear()
    assert run_here("send", "--yes").code == 0
    assert once(1, 2, 3, 4, 5) == got(server)


@pytest.mark.parametrize("why", ["throttle", "quota", "deferred", "back-off"])
def test_a_run_that_waits_ends_at_once(campaign: Path, server: ScriptedServer, why: str) -> None:
    """SIGTERM while the run stands still, whatever for: 143 within seconds, one object, nobody in doubt."""
    rate = {"throttle": "2/min", "quota": "2/h"}.get(why, "100/s")
    if why in ("deferred", "back-off"):
        server.replies["RCPT TO:<p2@"] = {
            "deferred": "450 4.2.0 busy",
            "back-off": "451 4.7.1 sending too fast, slow down",
        }[why]
    with running("send", "--yes", "--json", "--wait", "--rate", rate, cwd=campaign) as sender:
        server.wait_for(
            lambda s: len(s.accepted) >= 1 and s.verbs().count("MAIL") >= (1 if why == "throttle" else 2), 20
        )
        time.sleep(0.7)
        sender.terminate()
        ran = ended(sender)

    assert (ran.code, ran.json["reason"], ran.json["counts"]["in_doubt"]) == (143, "interrupted", 0), ran.err
    assert ran.json["counts"]["sent"] == len(server.accepted)
    assert ran.json["counts"]["failed"] == 0


def test_K06_a_reader_that_goes_away_ends_no_run(campaign: Path, server: ScriptedServer) -> None:
    """Standard output closed in the middle of a send: everybody gets his mail, no traceback, the ledger is right."""
    write_list(campaign, people(300))
    read_end, write_end = os.pipe()
    sender = subprocess.Popen(
        command("send", "--yes"),
        cwd=campaign,
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=subprocess.PIPE,
    )
    os.close(write_end)
    os.close(read_end)
    _, err = sender.communicate(timeout=60)

    assert (0, once(*range(1, 301))) == (sender.returncode, got(server))
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


def test_log_into_head_is_quiet(campaign: Path) -> None:
    """`mailmerge log --format csv | head -1`: the line, and no complaint."""
    write_list(campaign, people(3000))
    run_here("send", "--yes", "--limit", "0")
    reader = subprocess.Popen(["head", "-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    teller = subprocess.Popen(
        command("log", "--format", "csv"), cwd=campaign, stdout=reader.stdin, stderr=subprocess.PIPE
    )
    out, _ = reader.communicate(timeout=60)
    _, err = teller.communicate(timeout=60)

    assert out.startswith(b"run,row,key")
    assert (teller.returncode, err) == (0, b"")


def test_O09_it_works_in_the_bare_environment_of_cron(
    here: Path, server: ScriptedServer, tmp_path: Path
) -> None:
    """No HOME, no PATH, LANG=C, no terminal, cwd /: names outside ASCII arrive, and the log is UTF-8."""
    write_list(here, ["1,Jürgen 王,p1@example.org,tök1", "2,Ann,p2@example.org,tok2"])
    write_toml(here, url(server), sending='rate = "50/s"')
    bare = {"LANG": "C"}
    done = subprocess.run(
        command("send", here, "--yes", "--json"), cwd="/", env=bare, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
    )  # fmt: skip

    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout.decode("utf-8"))["sent_now"] == 2
    assert "Jürgen 王" in read(server.accepted[0]).get_content()
    shown = subprocess.run(
        command("log", here), cwd="/", env=bare, capture_output=True, check=False, timeout=60
    )
    assert shown.returncode == 0


def test_the_account_is_asked_for_in_a_sentence(here: Path) -> None:
    """No account anywhere: 78 and how to name one."""
    ran = run_here("send", "-r", "people.csv", "-m", "letter.txt", "--yes")

    assert ran.code == 78
    assert "--account" in ran.err
    assert (here / "letter.txt").read_text() == LETTER
