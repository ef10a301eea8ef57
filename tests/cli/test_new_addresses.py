"""A person whose address is another one than the last time is told of before mails leave: payslips go out every month."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.ledger.draft import Draft
from support.arrivals import url
from support.program import people, run_here, write_list
from support.scripted_smtp import ScriptedServer
from support.terminal import run_on_terminal

NOTE = "1 recipient has another address than in run 2026-10: row 3 (key 2) new@example.org, was p2@example.org – right?"
FOUND = [
    {
        "row": 3,
        "key": "2",
        "address": "new@example.org",
        "was": "p2@example.org",
        "run": "2026-10",
        "others": "",
    },
]


def moved(number: int = 2, rows: int = 5) -> list[str]:
    """The same list, with a new address for one."""
    return [row.replace(f"p{number}@", "new@") for row in people(rows)]


@pytest.fixture
def october(campaign: Path) -> Path:
    """Everybody has his mail of October, and in November one has a new address."""
    assert run_here("send", "--yes", "--run", "2026-10").code == 0
    write_list(campaign, moved())
    return campaign


@pytest.mark.usefixtures("october")
def test_check_and_send_tell_of_it(server: ScriptedServer) -> None:
    """A note, no fault: 0, and the mails go; in JSON by row, key and both addresses."""
    for words in (["check"], ["send", "--yes"]):
        ran = run_here(*words, "--json", "--run", "2026-11")
        assert (0, 1, FOUND) == (ran.code, ran.json["new_addresses_total"], ran.json["new_addresses"])
        assert f"{'Warning' if '--yes' in words else 'Note'}: {NOTE}\n" in ran.err
    assert 10 == len(server.accepted)
    again = run_here("check", "--json", "--run", "2026-11")
    assert "new_addresses" not in again.json, "who has the mail is not told of again"


@pytest.mark.usefixtures("october")
def test_a_second_mail_is_meant_and_tells_nothing() -> None:
    """`resend --to` and a test are somebody's own words."""
    assert run_here("send", "--yes", "--run", "2026-11").code == 0
    for words in (["resend", "2", "--to", "p2@example.org"], ["send", "--test", "p2@example.org"]):
        ran = run_here(*words, "--yes", "--run", "2026-11")
        assert (0, False) == (ran.code, "another address" in ran.err)


def test_an_address_that_is_the_key_is_another_person(here: Path, server: ScriptedServer) -> None:
    """Without a key column nobody can have moved, and nothing is looked for."""
    words = ("-r", "people.csv", "-m", "letter.txt", "-a", url(server))
    assert run_here("send", "--yes", "--run", "2026-10", *words).code == 0
    write_list(here, moved())
    ran = run_here("check", "--json", "--run", "2026-11", *words)

    assert (0, False) == (ran.code, "new_addresses" in ran.json)


def test_without_an_earlier_run_nothing_is_looked_for(
    campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither without a ledger nor in its first run is the draft laid beside it."""

    def never(*_: object) -> None:
        raise AssertionError("the ledger was asked")

    monkeypatch.setattr(Draft, "beside", never)
    for words in (["check"], ["send", "--yes", "--limit", "2"], ["check"], ["send", "--yes"]):
        ran = run_here(*words, "--run", "2026-10")
        assert ran.code == (75 if "--limit" in words else 0), ran.err
    assert (campaign / ".mailmerge" / "ledger.sqlite3").exists()


def test_the_others_are_counted_and_the_runs_named(campaign: Path) -> None:
    """Seven of two runs: five with their runs, and how many more."""
    write_list(campaign, people(5))
    assert run_here("send", "--yes", "--run", "2026-09").code == 0
    write_list(campaign, people(7)[3:])
    assert run_here("send", "--yes", "--run", "2026-10").code == 0
    write_list(campaign, [row.replace("@example.org", "@example.com") for row in people(7)])
    ran = run_here("check", "--run", "2026-11")

    assert ran.code == 0
    assert (
        "7 recipients have another address than in the run before: row 2 (key 1) p1@example.com, " in ran.err
    )
    assert (
        "was p3@example.org in run 2026-09; row 5 (key 4) p4@example.com, was p4@example.org in run 2026-10; "
        in ran.err
    )
    assert "; and 2 more – right?" in ran.err


@pytest.mark.usefixtures("october")
def test_with_yes_and_quiet_it_is_said_all_the_same(campaign: Path) -> None:
    """Cron sends its owner what is printed: the note is a warning then, and the log file has row, key and addresses."""
    ran = run_here("send", "--yes", "--quiet", "--run", "2026-11", "--log-file", "send.log")
    log = (campaign / "send.log").read_text(encoding="utf-8")

    assert (0, "", f"Warning: {NOTE}\n") == (ran.code, ran.out, ran.err)
    assert (
        " notice.new_address row=3 key=2 to=new@example.org was=p2@example.org run=2026-10 total=1\n" in log
    )


@pytest.fixture
def shifted(campaign: Path) -> Path:
    """In November the column of addresses has moved down by one: the classic way to a wrong payslip."""
    assert run_here("send", "--yes", "--run", "2026-10").code == 0
    addresses = ["p5", "p1", "p2", "p3", "p4"]
    rows = [
        row.replace(f"p{at}@", f"{other}@")
        for at, (row, other) in enumerate(zip(people(5), addresses, strict=True), 1)
    ]
    write_list(campaign, rows)
    return campaign


MOVED = "5 recipients have an address that was another person's in run 2026-10: row 2 (key 1): p5@example.org was key 5's; "


@pytest.mark.usefixtures("shifted")
def test_each_others_addresses_are_refused_with_yes(server: ScriptedServer) -> None:
    """65 and no mail, be all quiet or not; with --accept-changes they go."""
    ran = run_here("send", "--yes", "--run", "2026-11", "--json")

    assert (65, "changed", 5, 5) == (
        ran.code, ran.json["reason"], ran.json["problems_total"], len(server.accepted),
    )  # fmt: skip
    assert "key 1: p5@example.org was key 5's in run 2026-10" == ran.json["problems"][0]["message"]
    assert "mailmerge check --run 2026-11. Send without --yes, or say --accept-changes" in ran.err
    right = run_here("send", "--yes", "--run", "2026-11", "--accept-changes", "--quiet")
    assert (0, 10) == (right.code, len(server.accepted)), right.err
    assert right.err.startswith(f"Warning: {MOVED}")


@pytest.mark.usefixtures("shifted")
def test_check_says_that_it_will_be_refused() -> None:
    """A note, 0; in JSON apart from the addresses that are merely new."""
    ran = run_here("check", "--run", "2026-11", "--json")

    assert (0, 5, False) == (ran.code, ran.json["moved_addresses_total"], "new_addresses" in ran.json)
    assert {"row": 2, "key": "1", "address": "p5@example.org", "was": "p1@example.org", "run": "2026-10", "others": "5"} == (
        ran.json["moved_addresses"][0]
    )  # fmt: skip
    assert f"Note: {MOVED}" in ran.err
    assert "`send --yes` will refuse (65), unless you say --accept-changes" in ran.err
    assert "will refuse" not in run_here("check", "--run", "2026-11", "--accept-changes").err


@pytest.mark.usefixtures("shifted")
def test_files_in_an_outbox_may_have_them() -> None:
    """Nobody gets these: a trial is a way to look at them."""
    assert run_here("send", "--yes", "--run", "2026-11", "--account", "outbox:tried").code == 0


def test_who_is_asked_reads_whose_it_was(shifted: Path, server: ScriptedServer) -> None:
    """At the prompt a note: a person decides."""
    script = f"import os, sys; os.chdir({str(shifted)!r}); from mailmerge_cli.cli.main import main; sys.exit(main(['send', '--run', '2026-11']))"
    code, shown = run_on_terminal(script, [("Type 5", "5\n")], columns=200)
    assert (0, 10) == (code, len(server.accepted)), shown
    assert "Note: 5 recipients have an address that was another person's" in shown
