"""What a person types after a send: status, resend, resolve, log, runs; and what each of them says to type next."""

from __future__ import annotations

from pathlib import Path

from support.program import ended, run_here, running
from support.scripted_smtp import Delay, ScriptedServer


def test_status_beside_a_send_advises_nothing(campaign: Path, server: ScriptedServer) -> None:
    """While a send is at work its begun rows are on their way: not in doubt, and nothing is to be resolved or sent."""
    server.replies["END"] = lambda _: Delay(0.5)
    with running("send", "--yes", "--run", "r", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 1, 20)
        shown, told = run_here("status"), run_here("status", "--json").json
        assert ended(sender).code == 0

    assert "A send is at work on it now" in shown.out
    assert "resolve" not in shown.out and "mailmerge send" not in shown.out
    assert (True, "locked", 0, 5) == (
        told["at_work"],
        told["reason"],
        told["counts"]["in_doubt"],
        told["counts"]["rows"],
    )
    assert run_here("status", "--json").json["at_work"] is False


def test_the_reason_fits_the_counts(campaign: Path) -> None:
    """Rows that nobody has tried yet are not deferred: `reason` is null."""
    run_here("send", "--yes", "--limit", "2")
    told = run_here("status", "--json").json

    assert (None, 75, 3) == (told["reason"], told["exit_code"], told["counts"]["pending"])
