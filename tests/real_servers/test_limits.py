"""A real Postfix that says not now, too large, too fast, too many; and one whose processes are killed: nobody is lost, nobody has two."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from real_servers.trial import Trial, a_trial, hurry, kill_and_settle, numbers
from support import refused
from support.policy import Greylist
from support.postfix import Postfix
from support.program import run_here

pytestmark = pytest.mark.servers

SOON = 'retry_after = "1s"'
TIMES = 16.0
"""How much faster the program's clock goes. What it waits a minute for, it waits 3.75 s for: longer than our Postfix counts, as in life."""


@pytest.fixture
def trial(tmp_path: Path, postfix: Postfix) -> Trial:
    """Twelve people."""
    return a_trial(tmp_path / "c", postfix, 12, sending=SOON)


def test_P10_greylisted_ones_go_with_the_next_pass(
    trial: Trial, greylist: Greylist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second one is put off at first; the others go at once, and these a minute later, in the same run."""
    greylist.forget()
    greylist.spared.update(f"p{n}@example.org" for n in range(1, 13, 2))
    hurry(monkeypatch, TIMES)
    trial.account("greylisted", connections=2)
    ran = trial.send("--max-wait", "15min")

    assert (0, "complete", 12, 0) == (
        ran.code,
        ran.json["outcome"],
        ran.json["sent_now"],
        ran.json["counts"]["deferred"],
    ), ran.err
    trial.each_once()
    for number, line in trial.log().items():
        assert ("sent", 250, 2 - number % 2) == (line["state"], line["code"], line["attempts"])
    assert 18 == len(greylist.asked), "nobody was asked for before his time"
    attempts = run_here("log", trial.folder, "--attempts", "--json").json["lines"]
    assert 6 == sum("Greylisted" in (line["reply"] or "") and line["code"] == 450 for line in attempts)


@pytest.mark.parametrize("workers", [1, 2])
def test_P10_greylisted_and_no_time_to_wait(
    trial: Trial, greylist: Greylist, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """75 with the time to come back; the same command too early asks for nobody; in time it sends the rest, and only them."""
    greylist.forget()
    greylist.spared.update(f"p{n}@example.org" for n in range(1, 5))
    trial.account("greylisted", connections=3)
    first = trial.send("--max-wait", "0s", "--workers", workers)

    assert (75, "incomplete", "deferred", 4) == (
        first.code,
        first.json["outcome"],
        first.json["reason"],
        first.json["sent_now"],
    ), first.err
    assert first.json["resume_at"]
    assert {"sent": 4, "deferred": 8} == trial.counts()
    assert (75, 12) == (trial.send("--max-wait", "0s", "--workers", workers).code, len(greylist.asked))
    hurry(monkeypatch, TIMES)
    later = trial.send("--max-wait", "5min", "--workers", workers)
    assert (0, 8) == (later.code, later.json["sent_now"]), later.err
    trial.each_once()


def test_B07_the_one_that_is_too_large_is_not_even_tried(trial: Trial) -> None:
    """SIZE is offered: two rows are larger, fail by themselves (1) before an octet of them leaves; the others go."""
    trial.big(3, 7)
    trial.account("small", connections=2)
    ran = trial.send()

    assert (1, 10, 2) == (ran.code, ran.json["sent_now"], ran.json["counts"]["failed"]), ran.err
    assert [3, 7] == numbers(trial, "failed")
    assert "60,000" in trial.log()[3]["reply"]
    trial.each_once(*(n for n in range(1, 13) if n not in (3, 7)))


@pytest.mark.parametrize("pipelining", ["envelope", "next", "off"])
@pytest.mark.parametrize("workers", [1, 2])
def test_B07_a_server_that_does_not_tell_its_limit(trial: Trial, pipelining: str, workers: int) -> None:
    """552 5.3.4 after the end of data: that row fails with the server's words, the others go, over the same connection."""
    trial.big(3, 7)
    trial.account("small, not told", pipelining=pipelining)
    ran = trial.send("--workers", workers)

    assert (1, 10, 2) == (ran.code, ran.json["sent_now"], ran.json["counts"]["failed"]), ran.err
    failed = [line for line in trial.log().values() if line["state"] == "failed"]
    assert [("3", 552, "5.3.4"), ("7", 552, "5.3.4")] == [
        (each["key"], each["code"], each["enhanced_code"]) for each in failed
    ]
    trial.each_once(*(n for n in range(1, 13) if n not in (3, 7)))
    again = trial.send("--workers", workers)
    assert (1, 0) == (again.code, again.json["sent_now"])
    for number in (3, 7):
        (trial.folder / f"slips/{number}.bin").write_bytes(b"small " + trial.slip(number)[:9])
    mended = trial.send("--workers", workers, "--retry-failed", "--accept-changes")
    assert (0, 2) == (mended.code, mended.json["sent_now"]), mended.err
    trial.each_once()


@pytest.mark.parametrize(("door", "connections"), [("slow", 2), ("slow recipients", 1)])
def test_P25_four_mails_in_so_many_seconds_and_no_more(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, door: str, connections: int
) -> None:
    """450 4.7.1 Error: too much mail: the run holds off, goes on, and comes to its end; nobody is failed for it, nobody has two."""
    hurry(monkeypatch, TIMES)
    trial.account(door, connections=connections)
    started = time.monotonic()
    ran = trial.send("--wait")

    assert (0, 12, "complete") == (ran.code, ran.json["sent_now"], ran.json["outcome"]), ran.err
    assert time.monotonic() - started > 4, "so many cannot go faster"
    assert {1} == {line["attempts"] for line in trial.log().values()}, "no row is to blame"
    trial.each_once()


def test_P25_too_fast_and_no_time_to_wait(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """75: what was accepted is sent, the rest is still to be sent, and is, when there is time."""
    trial.account("slow")
    ran = trial.send("--max-wait", "0s")

    assert (75, "incomplete") == (ran.code, ran.json["outcome"]), ran.err
    assert ran.json["sent_now"] in range(1, 11)
    assert {"sent", "deferred", "pending"} >= set(trial.counts())
    trial.account_for_everybody()
    hurry(monkeypatch, TIMES)
    assert 0 == trial.send("--wait").code
    trial.each_once()


@pytest.mark.parametrize("workers", [1, 2])
def test_P24_two_connections_where_we_want_five(
    tmp_path: Path, postfix: Postfix, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """421 4.7.0 Error: too many connections at the banner: fewer are used, all go."""
    hurry(monkeypatch, TIMES)
    trial = a_trial(tmp_path / "c", postfix, 60, sending=SOON)
    trial.account("crowded", connections=5)
    ran = trial.send("--workers", workers)

    assert (0, 60) == (ran.code, ran.json["sent_now"]), ran.err
    trial.each_once()


def test_P24_three_new_connections_in_so_many_seconds(
    tmp_path: Path, postfix: Postfix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """421 4.7.0 Error: too many connections (by rate), with a reconnect after each fourth mail: slower, and all go."""
    hurry(monkeypatch, TIMES)
    trial = a_trial(tmp_path / "c", postfix, 30, sending=SOON)
    trial.account("slow connections", max_per_connection=4)
    ran = trial.send("--wait")

    assert (0, 30) == (ran.code, ran.json["sent_now"]), ran.err
    trial.each_once()


@pytest.mark.parametrize("pipelining", ["envelope", "next", "auto", "off"])
def test_too_many_errors_end_a_connection_and_cost_nobody_his_mail(
    tmp_path: Path, postfix: Postfix, pipelining: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown users in between; after three errors Postfix says 421 4.7.0 and hangs up: those alone fail, the rest goes over new connections."""
    hurry(monkeypatch, TIMES)
    trial = a_trial(tmp_path / "c", postfix, 24, sending=SOON)
    unknown = {4, 5, 9, 10, 11, 12, 17, 18, 23}
    people = trial.folder / "people.csv"
    # 4 and 5 are one after the other, 9 to 12 more than one connection may refuse.
    text = people.read_text()
    for number in unknown:
        text = text.replace(f",p{number}@", f",{refused.RECIPIENT.partition('@')[0]}+{number}@")
    people.write_text(text)
    trial.account("strict", pipelining=pipelining)
    ran = trial.send("--wait")

    assert (1, 15, 9) == (ran.code, ran.json["sent_now"], ran.json["counts"]["failed"]), ran.err
    assert unknown == set(numbers(trial, "failed"))
    assert {(550, "5.1.1")} == {
        (line["code"], line["enhanced_code"]) for line in trial.log().values() if line["state"] == "failed"
    }
    trial.each_once(*(set(range(1, 25)) - unknown))


@pytest.mark.parametrize(("pipelining", "workers"), [("envelope", 2), ("next", 1)])
def test_servers_processes_killed_in_the_middle(
    tmp_path: Path, postfix: Postfix, pipelining: str, workers: int
) -> None:
    """kill -9 at all smtpd, three times: nobody twice; in doubt one a connection and kill at most; the maildir settles the doubts."""
    trial = a_trial(tmp_path / "c", postfix, 150, sending=SOON)
    trial.log_in(pipelining=pipelining, connections=3)
    kill_and_settle(trial, "--workers", workers, connections=3)
