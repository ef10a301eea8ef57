"""What a person types after a send: status, resend, resolve, log, runs; and what each of them says to type next."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailmerge_cli.campaign.runs import Choice, other_unfinished
from mailmerge_cli.errors import Refused
from mailmerge_cli.model.campaign import Campaign
from mailmerge_cli.model.delivery import Counts, Run
from support.arrivals import url
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
        server.wait_for(lambda s: len(s.accepted) >= 1, 60)
        shown, told = run_here("status"), run_here("status", "--json").json
        assert ended(sender).code == 0

    assert "A send is at work on it now" in shown.out
    assert "resolve" not in shown.out
    assert "mailmerge send" not in shown.out
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

    code, shown = on_terminal([("Type 2", "y\nq\n")], "resend", "3", "4")
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


def test_q_at_the_first_question_begins_nothing(campaign: Path) -> None:
    """The hint is the command as it was typed, --new-run and all, and nothing is called interrupted."""
    code, shown = on_terminal([("Type 5", "q\n")], "send", "--new-run", "--run", "r")

    assert code == 130, shown
    assert "To send: mailmerge send --new-run --run r" in shown
    assert "interrupted" not in shown.lower()


def test_before_the_first_run_there_is_none(campaign: Path) -> None:
    """A ledger without a run is told like no ledger; `log`, `runs` and `status` take the words of a `send`."""
    on_terminal([("Type 5", "q\n")], "send")
    ran = run_here("status", "--account", "hr")

    assert (65, True) == (ran.code, "There is no run of this campaign yet" in ran.err), ran.err
    run_here("send", "--yes")
    assert [run_here(name, "-a", "hr").code for name in ("status", "log", "runs")] == [0, 0, 0]


def test_without_a_campaign_file_the_hint_says_what_it_lacks(here: Path, server: ScriptedServer) -> None:
    """`status -r -m` gives the command as far as it knows it, and says that it is not all."""
    words = ("-r", "people.csv", "-m", "letter.txt")
    run_here("send", *words, "-a", url(server), "--yes", "--limit", "1")
    shown = run_here("status", *words).out

    assert "mailmerge send -r people.csv -m letter.txt" in shown
    assert "with the same options as before (--encoding, --exclude, …)" in shown
    known = run_here("status", *words, "-a", "hr").out
    assert "mailmerge send -r people.csv -m letter.txt -a hr" in known
    assert "(--encoding, --exclude, …)" in known


def test_log_and_runs_fit_a_terminal_of_80_columns(campaign: Path) -> None:
    """No word is broken and no line is longer: short times, no column that tells nothing, sentences alone are folded."""
    run_here("send", "--yes", "--run", "2026-10")
    run_here("send", "--yes", "--run", "2026-11", "--limit", "2")

    for words, whole in (
        (("log",), ("p5@example.org", "pending", "address")),
        (("log", "--attempts"), ("p2@example.org", "accepted")),
        (("runs",), ("2026-10", "pending", "opened")),
    ):
        code, shown = on_terminal([], *words)
        assert code == 0
        assert all(word in shown for word in whole), shown
        assert max(map(len, re.sub("\x1b\\[[0-9;]*m", "", shown).splitlines())) <= 80
    assert "attempts" not in run_here("log").out
    assert re.search(r"\b[0-9]{2}:[0-9]{2}\b", run_here("log").out)


def test_log_says_when_there_is_nothing_to_list(campaign: Path) -> None:
    """A state that nobody has is told in words; a file in a folder that does not exist is refused, not made."""
    run_here("send", "--yes")
    assert run_here("log", "--state", "failed").out == "No such deliveries.\n"
    ran = run_here("log", "--out", "nowhere/log.csv")

    assert (66, True) == (ran.code, "no folder nowhere" in ran.err), ran.err
    assert not Path("nowhere").exists()


def test_hints_carry_the_folder(campaign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is advised from another folder can be typed there as it stands."""
    monkeypatch.chdir(tmp_path)
    run_here("send", "c", "--yes", "--run", "r", "--limit", "1")

    assert "mailmerge send c\n" in run_here("status", "c").out
    assert "mailmerge log c --state in_doubt" in run_here("resolve", "--sent", "c", "1", "--yes").err
    assert "mailmerge send c --retry-failed" in run_here("resend", "c", "5", "--yes").err
    assert "by: mailmerge log c" in run_here("resend", "c", "qqqq", "--yes").err


def test_another_unfinished_run_is_told_with_the_words_that_find_it() -> None:
    """The commands of the hint name the campaign as it was typed."""
    now = datetime(2026, 11, 21, tzinfo=UTC)

    class Past:
        def runs(self) -> list[Run]:
            return [Run(1, "r", now, "")]

        def unfinished(self, except_label: str) -> list[tuple[Run, Counts]]:
            return [(self.runs()[0], Counts(pending=2))]

    campaign = Campaign("c", Path())
    with pytest.raises(Refused) as caught:
        other_unfinished(Past(), campaign, Choice("s", None, now), "-c payslips", "-c payslips -a hr")
    assert "`mailmerge send -c payslips -a hr --run r`" in caught.value.hint
    assert "`mailmerge cancel -c payslips --run r`" in caught.value.hint


@pytest.mark.parametrize("command", [("send", "--yes"), ("check",)])
def test_the_command_that_finishes_another_run_ends_well_as_it_is_told(
    here: Path, server: ScriptedServer, command: tuple[str, ...]
) -> None:
    """Account, encoding and all else that reads the list is in it; typed as told with --yes, it ends with 0."""
    (here / "west.csv").write_bytes(
        "id;email;name\n1;p1@example.org;Jürgen\n2;p2@example.org;Zoë\n".encode("cp1252")
    )
    read = ("-r", "west.csv", "-m", "m.txt", "-a", url(server), "--encoding", "cp1252", "--from", "hr@example.com",
            "--set", "period=May 2026", "--exclude", "a.txt", "--exclude", "b.txt", "--workers", "1")  # fmt: skip
    (here / "m.txt").write_text("Subject: {{ period }}\n\n{{ name }}\n", encoding="utf-8")
    for name in ("a.txt", "b.txt"):
        (here / name).write_text(f"{name[0]}@example.net\n", encoding="utf-8")
    assert run_here("send", *read, "--yes", "--limit", "1", "--run", "r5").code == 75

    told = run_here(*command, *read, "--run", "r6").err
    [words] = re.findall(r"`mailmerge (send .*? --run r5)`", told)

    assert run_here(*shlex.split(words), "--yes").code == 0, told
    assert "`mailmerge cancel -r west.csv -m m.txt --run r5`" in told


def test_a_guessed_encoding_is_looked_at_with_the_words_that_were_typed(
    here: Path, server: ScriptedServer
) -> None:
    """`send -r -m --yes` of a guess names the `preview` of this very list."""
    (here / "west.csv").write_bytes("id;email;name\n1;p1@example.org;Jürgen Müller\n".encode("cp1252"))
    (here / "m.txt").write_text("From: hr@example.com\nSubject: Hi\n\n{{ name }}\n", encoding="utf-8")
    told = run_here("send", "-r", "west.csv", "-m", "m.txt", "-a", url(server), "--yes").err
    assert f"`mailmerge preview -r west.csv -m m.txt -a {url(server)}`" in told, told


def test_resend_of_what_has_changed_names_the_way_that_there_is(
    campaign: Path, server: ScriptedServer
) -> None:
    """`resend` has no --accept-changes: the hint is a `send` that has it, and after that the same `resend` goes."""
    run_here("send", "--yes", "--run", "r")
    letter = campaign / "letter.txt"
    letter.write_text(letter.read_text() + "One more line.\n")
    words = ("resend", "2", "--run", "r", "--yes")

    refused = run_here(*words)
    assert refused.code == 65
    assert "`mailmerge send --run r --accept-changes`" in refused.err
    assert "--run LABEL" not in refused.err
    assert run_here("send", "--run", "r", "--accept-changes", "--yes").code == 0
    assert (run_here(*words).code, len(server.accepted)) == (0, 6)


def test_a_second_mail_goes_where_the_person_was_told(campaign: Path, server: ScriptedServer) -> None:
    """The question shows where the last mail went; where the list has another address by now, the person says which one is right."""
    run_here("send", "--yes", "--run", "r")
    people = campaign / "people.csv"
    people.write_text(people.read_text().replace("p2@example.org", "new2@example.org"))
    run_here("send", "--run", "r", "--accept-changes", "--yes")
    words = ("resend", "2", "--run", "r", "--yes")

    refused = run_here(*words)
    assert (refused.code, len(server.accepted)) == (65, 5)
    assert "2 (in the list new2@example.org, its mail went to p2@example.org)" in refused.err
    assert run_here(*words, "--to", "new2@example.org").code == 0
    assert server.accepted[5].recipients == ("new2@example.org",)
