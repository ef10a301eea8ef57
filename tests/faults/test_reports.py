"""Catalogue L, as the program meets it: what is told is whole, true, harmless and no more than anybody may read."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import openpyxl
import pytest

from faults.trial import HEAD, Trial, once
from support.program import people, run_here, run_process, running
from support.scripted_smtp import Close, Delay, Keep

HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
KEYS = ("=1+1", "+1", "-1", "@SUM(A1)", "|calc", "%0A", "a;=1+1", "'=1")


def test_L01_no_cell_of_the_result_log_runs(trial: Trial) -> None:
    """Keys and replies that a spreadsheet would take for formulas: defused in CSV, text cells in a workbook, exact in JSON."""
    trial.write([f'"{key}",P,p{n}@example.org,t' for n, key in enumerate(KEYS, 1)])
    trial.server.replies["RCPT TO:<p2@"] = "550 5.1.1 =cmd|' /C calc'!A0"
    ran = trial.send()
    assert 1 == ran.code, ran.err
    exported = run_here("log", trial.folder, "--format", "csv").out
    for text in (Path(ran.json["results"]).read_text(encoding="utf-8-sig"), exported):
        lines = list(csv.reader(text.splitlines()))
        assert 1 + len(KEYS) == len(lines)
        for line in lines:
            assert not any(cell[:1] in tuple("=+-@|%\t\r") for cell in line if cell), line
    assert 0 == run_here("log", trial.folder, "--out", trial.folder / "log.xlsx").code
    sheet = openpyxl.load_workbook(trial.folder / "log.xlsx").active
    assert sheet is not None
    assert 1 + len(KEYS) == sheet.max_row
    assert not any(cell.data_type in "fe" for row in sheet.iter_rows() for cell in row)
    assert set(KEYS) == set(trial.states())


def test_L02_nothing_that_is_told_commands_a_terminal(trial: Trial, tmp_path: Path) -> None:
    """Direction marks in a key, a name and a file's name, escapes in a reply: written out, one line each, on the screen and in the log file."""
    trial.write(
        ["a\u202eb,Ann\u202e,p1@example.org,t", "c\u2066d,Bob,p2@example.org,t"], letter=HEAD + "\nx\n"
    )
    trial.server.replies["RCPT TO:<p2@"] = b"550 5.1.1 \x1b[2J\x1b]0;title\x07 no\x9b31m\r\n"
    told = [
        trial.send("--verbose", "--debug", "--log-file", tmp_path / "run.log"), run_here("log", trial.folder), run_here("log", trial.folder, "--attempts"),
        run_here("status", trial.folder), run_here("send", trial.folder, "--yes", "-m", "no\x1b[31m\u202efile.txt"), run_here("preview", trial.folder),
    ]  # fmt: skip

    for ran in told:
        assert not HIDDEN.search(ran.err + ran.out), ran
    assert not HIDDEN.search((tmp_path / "run.log").read_text())
    assert 1 == (tmp_path / "run.log").read_text().count("delivery.failed")


def test_L03_no_cell_but_address_and_key_is_told(trial: Trial, tmp_path: Path) -> None:
    """--debug, --verbose, a log file, the result log, failures of several kinds: no salary, no name in a body, no subject."""
    pay = ("70011.22", "70012.33", "70013.44")
    trial.write(
        [f"{n},Xaveria Quux,p{n}@example.org,{figure}" for n, figure in enumerate(pay, 1)],
        letter="From: office@example.org\nSubject: Pay {{ token }}\n\n{{ name }} gets {{ token }}\n",
    )
    trial.server.replies |= {"RCPT TO:<p1@": "550 5.1.1 no", "END": {1: Keep(Close())}}
    loud = ("--debug", "--verbose", "--log-file", tmp_path / "run.log")
    told = [
        run_here("check", trial.folder, *loud), trial.send(*loud), trial.send(*loud, "--where", "token > nothing", "--new-run"),
        trial.send(*loud, "--subject", "{{ token / name }}", "--new-run"), run_here("log", trial.folder, *loud), run_here("status", trial.folder, *loud),
    ]  # fmt: skip
    written = [
        path.read_bytes().decode("utf-8", "replace")
        for path in (trial.folder / ".mailmerge").rglob("*")
        if path.is_file()
    ]
    written += [path.read_text(encoding="utf-8-sig") for path in (trial.folder / "results").iterdir()]
    assert any(b"gets 70012.33" in mail.content for mail in trial.server.accepted), "the mails hold them"
    for text in (*(ran.err + ran.out for ran in told), *written, (tmp_path / "run.log").read_text()):
        assert not any(figure in text for figure in pay)
        assert "gets 7" not in text


def test_L05_what_is_no_terminal_gets_plain_words(trial: Trial, tmp_path: Path) -> None:
    """A pipe, NO_COLOR, TERM=dumb, twenty columns: no control code; --json is one object alone on standard output."""
    for environ in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb", "COLUMNS": "20"}):
        ran = run_process("send", trial.folder, "--yes", "--new-run", cwd=tmp_path, environ=environ)
        assert 0 == ran.code, ran.err
        assert "\x1b" not in ran.out + ran.err
        assert "\r" not in ran.out + ran.err
    ran = run_process("send", trial.folder, "--yes", "--json", cwd=tmp_path)
    assert isinstance(json.loads(ran.out), dict)
    assert 1 == ran.out.count("\n")
    assert ran.err


def test_L06_each_kind_of_end_has_its_code(trial: Trial) -> None:
    """Sent, failed, left over, in doubt, refused, settings, no file: all different, and 0 for the first alone."""
    codes = {"sent": trial.send("--run", "a").code}
    trial.server.replies["RCPT TO:<p1@"] = "550 5.1.1 no"
    codes["failed"] = trial.send("--run", "b").code
    codes["left"] = trial.send("--run", "c", "--limit", "1").code
    trial.send("--run", "c")
    trial.server.replies = {"END": {1: Keep(Close())}}
    trial.server._seen.clear()
    codes["doubt"] = trial.send("--run", "d").code
    codes["refused"] = trial.send("--run", "e", "--where", "nobody").code
    codes["settings"] = trial.send("--run", "e", "-a", "nobody").code
    codes["file"] = trial.send("--run", "e", "-r", "no.csv").code

    assert {
        "sent": 0,
        "failed": 1,
        "left": 75,
        "doubt": 3,
        "refused": 65,
        "settings": 78,
        "file": 66,
    } == codes


@pytest.mark.parametrize(
    "words", [("sned",), ("send", "--bogus"), ("send", "--limit", "many"), ("send",), ("send", "--no-input")]
)
def test_L07_a_wrong_command_line_sends_nothing(
    trial: Trial, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error, a wrong value, no terminal and no --yes: 2, a sentence, no traceback, no connection, nothing written."""
    monkeypatch.chdir(trial.folder)
    before = sorted(trial.folder.rglob("*"))
    ran = run_here(*words)

    assert (2, 0) == (ran.code, trial.server.connections), ran.err
    assert ran.err
    assert "Traceback" not in ran.err
    assert before == sorted(trial.folder.rglob("*"))


def test_L07_help_is_0_and_a_missing_folder_66(trial: Trial) -> None:
    """--help asks nothing and does nothing; a campaign that is not there, or whose name no disk takes, is named."""
    assert 0 == run_here("send", "--help").code
    ran = run_here("send", trial.folder / "nowhere", "--yes")
    assert 66 == ran.code
    assert "nowhere" in ran.err
    assert 66 == run_here("send", "x" * 5000, "--yes").code
    assert 0 == trial.server.connections


def test_L08_a_send_is_confirmed_by_its_count_alone(trial: Trial) -> None:
    """On a terminal: who sends, through what, how many, first and last are shown; a bare Enter, y, another number send nothing."""
    from support.terminal import run_on_terminal

    script = f"import sys; from mailmerge_cli.cli.main import main; sys.exit(main({['send', str(trial.folder), '--plain']!r}))"
    code, shown = run_on_terminal(script, [("q to quit:", "\ny\n2\nq\n")], columns=120)
    assert (0, []) == (trial.server.connections, trial.server.accepted), shown
    assert code != 0
    for word in ("3 mails", "office@example.org", "127.0.0.1", "Person 1", "Person 3"):
        assert word in shown
    code, shown = run_on_terminal(script, [("q to quit:", "3\n")], columns=120)
    assert (0, once(1, 2, 3)) == (code, trial.got()), shown


def test_L04_the_result_log_of_a_killed_run_is_whole(trial: Trial) -> None:
    """Kill -9 in the middle: every line is whole and true; the next call makes of it what the ledger says."""
    trial.write(40)
    trial.server.replies["END"] = lambda _: Delay(0.01)
    with running("send", trial.folder, "--yes", "--run", "r", cwd=trial.folder) as sender:
        trial.server.wait_for(lambda s: len(s.accepted) >= 8, 60)
        sender.kill()
        sender.wait()
    results = trial.folder / "results/r.csv"
    lines = list(csv.reader(results.read_text(encoding="utf-8-sig").splitlines()))
    assert {len(lines[0])} == {len(line) for line in lines}
    assert 6 <= len(lines) - 1 <= 20
    trial.server.replies.clear()
    trial.send("--run", "r")

    table = {
        line["key"]: line["state"]
        for line in csv.DictReader(results.read_text(encoding="utf-8-sig").splitlines())
    }
    assert trial.states() == table
    assert 40 == len(people(40)) == len(table)
