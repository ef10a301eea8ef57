"""The rate at the server: never more than it in any window, across connections, kills and resumes; long quotas across campaigns."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.program import ended, people, run_here, running, states, write_campaign, write_toml
from support.scripted_smtp import ScriptedServer
from support.witness import Witness


def campaign(folder: Path, server: ScriptedServer, count: int, sending: str = "") -> Path:
    write_campaign(folder, people(count))
    write_toml(folder, f"smtp+insecure://127.0.0.1:{server.port}", sending=sending)
    return folder


def stamps(server: ScriptedServer) -> list[float]:
    return [command.at for command in server.commands if command.verb == "MAIL"]


@pytest.mark.parametrize("connections", [1, 4])
def test_fifty_a_second_are_never_more(
    tmp_path: Path, server: ScriptedServer, witness: Witness, connections: int
) -> None:
    """A hundred rows at 50/s, through one connection or four: at most 50 within any 0.95 s at the server."""
    folder = campaign(tmp_path / "c", server, 100)
    ran = run_here("send", folder, "--yes", "--rate", "50/s", "--connections", connections)

    assert (ran.code, len(server.accepted)) == (0, 100), ran.err
    assert server.peak(witness.window) <= 50


def test_all_limits_hold_together(tmp_path: Path, server: ScriptedServer, witness: Witness) -> None:
    """The campaign's 20/s and the command line's 1000/s and 15/day: the slowest binds, the quota ends the day."""
    folder = campaign(tmp_path / "c", server, 30, sending='rate = ["20/s"]')
    ran = run_here("send", folder, "--yes", "--json", "--rate", "1000/s", "--rate", "15/day")

    assert (ran.code, ran.json["reason"], ran.json["sent_now"]) == (75, "quota", 15), ran.err
    assert server.peak(witness.window) <= 20


def test_O08_a_days_quota_is_the_accounts_and_outlives_the_run(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """3/day: three go, then 75 with resume_at a day later; again none; another campaign of the account gets none either."""
    first = campaign(tmp_path / "a", server, 5, sending='rate = "3/day"')
    second = campaign(tmp_path / "b", server, 5, sending='rate = "3/day"')
    began = datetime.now(UTC)
    ran = run_here("send", first, "--yes", "--json")

    assert (
        ran.code,
        ran.json["outcome"],
        ran.json["reason"],
        ran.json["sent_now"],
    ) == (75, "incomplete", "quota", 3), ran.err
    resume = datetime.fromisoformat(ran.json["resume_at"])
    assert timedelta(hours=23) < resume - began < timedelta(hours=25)
    for folder in (first, second):
        again = run_here("send", folder, "--yes", "--json")
        assert (again.code, again.json["reason"], again.json["sent_now"]) == (75, "quota", 0)
    assert len(server.accepted) == 3
    assert {"sent", "pending"} == set(states(first).values())


def test_a_retry_takes_a_permit_too(tmp_path: Path, server: ScriptedServer) -> None:
    """What the server puts off and is tried again counts like any other: 4/day are four MAILs."""
    folder = campaign(tmp_path / "c", server, 6, sending='rate = "4/day"')
    server.replies["RCPT TO:<p1@"] = "450 4.2.0 mailbox busy"
    ran = run_here("send", folder, "--yes", "--json", "--max-wait", "1s")

    assert ran.code == 75
    assert len(stamps(server)) == 4


def test_a_limit_is_no_throttle(tmp_path: Path, server: ScriptedServer) -> None:
    """Rates are no input: another rate for the rest of a run is no difference."""
    folder = campaign(tmp_path / "c", server, 10)
    assert run_here("send", folder, "--yes", "--limit", "5", "--rate", "100/s").code == 75
    assert run_here("send", folder, "--yes", "--rate", "200/s", "--connections", "2").code == 0


@pytest.mark.slow
def test_five_a_second_over_two_hundred_rows(
    tmp_path: Path, server: ScriptedServer, witness: Witness
) -> None:
    """At most 5 within any 0.95 s at the server, and the mean is 5/s within one per cent."""
    folder = campaign(tmp_path / "c", server, 200)
    with running("send", folder, "--yes", "--rate", "5/s", cwd=tmp_path) as sender:
        assert ended(sender, 90).code == 0
    seen = stamps(server)

    assert 200 == len(server.accepted) == len(seen)
    assert server.peak(witness.window) <= 5
    assert (len(seen) - 1) / (seen[-1] - seen[0]) == pytest.approx(5, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [5, 20])
def test_a_run_that_is_killed_and_resumed_keeps_its_rate(
    tmp_path: Path, server: ScriptedServer, witness: Witness, rate: int
) -> None:
    """Kill -9 five times, each time started again at once: the window knows nothing of processes."""
    folder = campaign(tmp_path / "c", server, rate * 16)
    words = ("send", folder, "--yes", "--rate", f"{rate}/s", "--connections", 3)
    for kill in range(1, 6):
        with running(*words, cwd=tmp_path) as sender:
            server.wait_for(lambda s, wanted=rate * 2 * kill: len(s.accepted) >= wanted, 30)  # type: ignore[misc]
            time.sleep(0.04 * kill)
            sender.kill()
            sender.wait()
    ran = run_here(*words)

    assert ran.code in (0, 3), ran.err
    assert server.peak(witness.window) <= rate
    gone = {mail.recipients[0] for mail in server.accepted}
    assert len(gone) == len(server.accepted)
    assert len(gone) + sum(state == "in_doubt" for state in states(folder).values()) >= rate * 16
