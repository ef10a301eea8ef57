"""What a person types after a send: status, resend, resolve, log, runs; and what each of them says to type next."""

from __future__ import annotations

from pathlib import Path

from support.program import ended, run_here, running
from support.scripted_smtp import Delay, ScriptedServer
from support.terminal import run_on_terminal


def on_terminal(answers: list[tuple[str, str]], *words: str) -> tuple[int, str]:
    """The program on a terminal of 80 columns, with somebody who answers."""
    script = f"import sys; from mailmerge_cli.cli.main import main; sys.exit(main({list(words)!r}))"
    return run_on_terminal(script, answers)


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


def test_a_second_mail_goes_to_people_who_were_named(campaign: Path, server: ScriptedServer) -> None:
    """`resend` shows row, key and addresses; y is enough for one, for more their number is typed."""
    run_here("send", "--yes", "--run", "r")
    code, shown = on_terminal([("Send it?", "y\n")], "resend", "2", "--to", "home@example.com")
    assert (0, 6) == (code, len(server.accepted)), shown
    assert "row 3, 2, to home@example.com (was p2@example.org)" in shown

    code, shown = on_terminal([("Type 2", "y\n"), ("quit: Type 2", "q\n")], "resend", "3", "4")
    assert (0, 6) == (code, len(server.accepted)), shown
    assert "row 4, 3, p3@example.org" in shown
    code, shown = on_terminal([("Type 2", "2\n")], "resend", "3", "4")
    assert (0, 8) == (code, len(server.accepted)), shown


def test_people_are_named_by_key_or_address(campaign: Path, server: ScriptedServer) -> None:
    """A campaign's folder may stand before the keys; an address serves as well; a wrong one is told the nearest keys."""
    run_here("send", "--yes", "--run", "r")
    assert run_here("resend", campaign, "P2@Example.org", "--yes").code == 0
    assert len(server.accepted) == 6
    wrong = run_here("resend", "-c", campaign, "p2@example.com", "22", "--yes")
    assert (65, True) == (wrong.code, "The nearest: 2." in wrong.err), wrong.err
    assert "Not in doubt" in run_here("resolve", "--sent", campaign, "p2@example.org", "--yes").err
    assert "Nothing is in doubt" in run_here("resolve", "--sent", campaign, "--all", "--yes").err
