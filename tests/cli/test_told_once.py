"""Sentences as a person would say them: one is one, and nothing is said twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import openpyxl
import pytest

from mailmerge_cli.campaign.trials import refuse_after_trial
from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Run
from support.arrivals import url
from support.program import people, run_here, write_list, write_toml
from support.scripted_smtp import ScriptedServer
from support.terminal import run_on_terminal


@pytest.fixture
def two(here: Path, server: ScriptedServer) -> Path:
    """A list of two."""
    write_list(here, people(2))
    write_toml(here, url(server))
    return here


def test_one_bad_row_is_left_out(two: Path) -> None:
    """`send --on-invalid send-others`."""
    write_list(two, [*people(1), "2,B,nonsense,tok000002x"])
    ran = run_here("send", "--yes", "--on-invalid", "send-others")
    assert "1 row is invalid and left out:" in ran.err
    assert "1 rows" not in ran.err


def test_one_mail_is_written(two: Path) -> None:
    """`preview --out`."""
    write_list(two, people(1))
    assert "1 mail written to drafts." in run_here("preview", "--out", "drafts").out


def test_one_mail_is_left(two: Path, server: ScriptedServer) -> None:
    """`log --failed-rows` before the run has ended, another run's start, and `cancel`."""
    server.replies["RCPT TO:<p1@"] = "550 5.1.1 no such user"
    run_here("send", "--yes", "--limit", "1", "--run", "a")
    ran = run_here("log", "--failed-rows", "failed.csv")
    assert ran.code == 0, ran.err
    assert "1 mail of the run is still to be sent." in ran.err
    ran = run_here("send", "--yes", "--run", "b")
    assert ran.code == 65
    assert "“a” has 1 row left" in ran.err
    assert "1 rows" not in ran.err
    write_toml(two, url(server), top='unfinished = "cancel"')
    ran = run_here("send", "--yes", "--run", "b")
    assert "1 mail that was left is cancelled." in ran.err
    server.replies["RCPT TO:<p1@"] = "250 ok"
    run_here("send", "--yes", "--limit", "1", "--run", "c")
    code, shown = run_on_terminal(_typed(two, "cancel", "--run", "c"), [("Give", "n\n")])
    assert "1 is not sent yet. Give it up?" in shown, (code, shown)


def test_one_has_his_already(two: Path) -> None:
    """The question before the rest of a run; another number; a single test."""
    run_here("send", "--yes", "--limit", "1")
    _, shown = run_on_terminal(_typed(two, "send"), [("Type", "7\n"), ("another", "q\n")])
    assert "1 has theirs already and gets nothing." in shown
    assert "there is 1 mail." in shown
    _, shown = run_on_terminal(
        _typed(two, "send", "--test", "me@example.org", "--row", "2"), [("Send", "n\n")]
    )
    assert "Send 1 test mail to me@example.org" in shown


def test_one_row_differs(two: Path) -> None:
    """A list that was changed after its run."""
    run_here("send", "--yes")
    write_list(two, [people(1)[0], "2,Other,p2@example.org,tok000002x"])
    ran = run_here("send", "--yes")
    assert "1 has other content or another address (sent): 2 (row 3) – this person has the mail" in ran.err
    write_list(two, [people(1)[0], "3,C,p2@example.org,tok000003x"])
    ran = run_here("send", "--yes", "--accept-changes")
    assert "1 new or changed row has an address that already got a mail" in ran.err, ran.err


def test_one_trial_is_one() -> None:
    """A run of which one mail was a trial, and that would go on through an account that sends."""

    class Tried:
        def tried_out(self, run: Run, account: str) -> int:
            return 1

    with pytest.raises(Refused, match="1 mail of run a was a trial: it became a file on this machine"):
        refuse_after_trial(cast("Ledger", Tried()), Run(1, "a", datetime(2026, 11, 1, tzinfo=UTC), ""))


def test_titles_that_are_not_clear_are_told_once(here: Path, server: ScriptedServer) -> None:
    """The sentence has the row already; it does not come a second time below itself. JSON has it as a problem."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["name", "email", "pay"], *([f"P{at}", f"p{at}@example.org", at] for at in range(8))):
        sheet.append(row)
    sheet.merge_cells("D1:D8")
    book.save(here / "list.xlsx")
    words = ("check", "-r", "list.xlsx", "-m", "letter.txt", "-a", url(server))
    ran = run_here(*words)
    assert ran.code == 65
    assert ran.err.count("which rows hold the titles is not clear") == 1
    assert len(ran.err.splitlines()) == 2
    assert [problem["row"] for problem in run_here(*words, "--json").json["problems"]] == [1]


def _typed(folder: Path, *words: str) -> str:
    return (
        f"import os, sys; os.chdir({str(folder)!r}); from mailmerge_cli.cli.main import main; "
        f"sys.exit(main({['-', *words][1:]!r}))"
    )
