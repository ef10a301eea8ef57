"""The result log, `log`, `status`, `runs`: what became of everybody, told in every form and from every side."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from support.arrivals import csv_keys, got, url
from support.program import (
    ended,
    log_lines,
    run_here,
    running,
    states,
    write_list,
)
from support.scripted_smtp import Delay, ScriptedServer

LOG_COLUMNS = [
    "run", "row", "key", "address", "state", "attempts", "first_attempt", "last_attempt", "code", "enhanced_code", "reply",
    "message_id", "remote_id", "account", "reason",
]  # fmt: skip


def test_log_has_its_columns_in_every_format(campaign: Path, server: ScriptedServer) -> None:
    """table, csv, jsonl, xlsx; pending rows are listed without --state; a pipe is never masked; columns in their order."""
    server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    run_here("send", "--yes", "--limit", "3")
    by_json = log_lines(campaign)

    assert [list(line) for line in by_json] == [LOG_COLUMNS] * 5
    assert Counter(sent=2, failed=1, pending=2) == Counter(line["state"] for line in by_json)
    assert [line["row"] for line in by_json] == [2, 3, 4, 5, 6]
    first = by_json[0]
    assert (
        first["code"],
        first["enhanced_code"],
        first["reply"].removeprefix("2.0.0 "),
    ) == (250, "2.0.0", "Ok: queued as Q1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", first["last_attempt"])
    assert (by_json[1]["code"], by_json[1]["enhanced_code"]) == (550, "5.1.1")

    text = list(csv.DictReader(run_here("log", "--format", "csv").out.splitlines()))
    assert [list(map(str, (line["key"], line["state"]))) for line in by_json] == [
        [line["key"], line["state"]] for line in text
    ]
    run_here("log", "--out", "log.xlsx")
    sheet = openpyxl.load_workbook(campaign / "log.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in next(iter(sheet.rows))] == LOG_COLUMNS
    run_here("log", "--out", "log.csv")
    assert (campaign / "log.csv").read_bytes().startswith(b"\xef\xbb\xbfrun,row,key")
    assert "p5@example.org" in run_here("log").out
    assert {"2"} == set(states(campaign, "--state", "failed"))
    assert {"1", "2", "3"} == set(states(campaign, "--state", "failed", "--state", "sent"))
    assert run_here("log", "--format", "xlsx").code == 2


def test_log_attempts_has_a_line_for_each_attempt(campaign: Path, server: ScriptedServer) -> None:
    """`--attempts`: the deferred one and the one that was accepted."""
    server.replies["RCPT TO:<p2@"] = {1: "450 4.2.0 mailbox busy"}
    run_here("send", "--yes", "--max-wait", "1s")
    lines = [json.loads(line) for line in run_here("log", "--attempts", "--format", "jsonl").out.splitlines()]

    assert len(lines) == 5
    assert [line["code"] for line in lines if line["key"] == "2"] == [450]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx"])
def test_results_go_where_and_as_they_are_wanted(campaign: Path, ending: str) -> None:
    """`--results PATH` in its three formats: one line a recipient."""
    ran = run_here("send", "--yes", "--json", "--results", f"out.{ending}")
    assert (0, str(campaign / f"out.{ending}")) == (ran.code, str(Path(ran.json["results"]).absolute())), (
        ran.err
    )
    path = campaign / f"out.{ending}"
    if ending == "csv":
        keys = csv_keys(path)
    elif ending == "jsonl":
        keys = [json.loads(line)["key"] for line in path.read_text(encoding="utf-8-sig").splitlines()]
    else:
        sheet = openpyxl.load_workbook(path).active
        assert sheet is not None
        keys = [str(row[LOG_COLUMNS.index("key")].value) for row in list(sheet.rows)[1:]]
    assert keys == ["1", "2", "3", "4", "5"]


def test_L01_the_result_log_holds_no_formula(campaign: Path, server: ScriptedServer) -> None:
    """Cells that a spreadsheet would run are defused, in the file and in what `log` writes."""
    write_list(campaign, ["=1+1,Ann,p1@example.org,tok1"])
    assert run_here("send", "--yes", "--run", "formula").code == 0
    for text in (
        (campaign / "results/formula.csv").read_text(encoding="utf-8-sig"),
        run_here("log", "--format", "csv").out,
    ):
        fields = [field for line in csv.reader(text.splitlines()) for field in line]
        assert "'=1+1" in fields, "the key is there"
        assert not [field for field in fields if field.startswith("=")]


def test_a_line_is_added_as_each_row_is_settled(campaign: Path, server: ScriptedServer) -> None:
    """The result log grows while the run is under way, so that `tail` shows it."""
    server.replies["END"] = lambda _: Delay(0.2)
    with running("send", "--yes", "--run", "live", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 3, 60)
        text = (campaign / "results/live.csv").read_text(encoding="utf-8-sig")
        assert ended(sender).code == 0
    assert 2 <= len(text.splitlines()) <= 5
    assert len((campaign / "results/live.csv").read_text(encoding="utf-8-sig").splitlines()) == 6


def test_status_and_runs_tell_counts_and_what_to_type(campaign: Path, server: ScriptedServer) -> None:
    """`status` exits 0, `--exit-code` gives the run's; both name the next command."""
    assert run_here("status").code == 65
    run_here("send", "--yes", "--limit", "2", "--run", "first")
    ran = run_here("status")
    assert ran.code == 0
    assert "mailmerge send" in ran.out
    assert run_here("status", "--exit-code").code == 75
    told = run_here("status", "--json").json
    assert (
        {name: n for name, n in told["counts"].items() if n}, told["run"],
    ) == ({"rows": 5, "sent": 2, "pending": 3}, "first")  # fmt: skip
    run_here("send", "--yes")
    run_here("send", "--yes", "--run", "second")
    assert [one["run"] for one in run_here("runs", "--json").json["runs"]] == ["first", "second"]
    assert (
        run_here("status", "--run", "first", "--json").json["run"],
        run_here("status", "--exit-code").code,
    ) == ("first", 0)
    assert run_here("status", "--run", "third").code == 65


def test_runs_without_a_campaign_file_are_found_by_list_and_message(
    here: Path, server: ScriptedServer
) -> None:
    """`status`, `log`, `runs`, `resend` and `cancel` take -r and -m; the log is results/<message>-<run>.csv here."""
    words = ("-r", "people.csv", "-m", "letter.txt")
    assert run_here("send", *words, "-a", url(server), "--yes", "--limit", "3", "--run", "r1").code == 75
    assert (here / "results/letter-r1.csv").exists()
    assert "3" in run_here("status", *words).out
    assert Counter(sent=3, pending=2) == Counter(
        line["state"] for line in run_here("log", *words, "--json").json["lines"]
    )
    assert run_here("cancel", *words, "--yes").code == 0
    assert run_here("resend", "p1@example.org", *words, "-a", url(server), "--yes").code == 0
    assert got(server)["p1"] == 2
    assert run_here("status").code == 66


def test_the_ledger_lies_where_it_is_said(campaign: Path, own_home: Path) -> None:
    """<campaign>/.mailmerge/ledger.sqlite3, 0600 in 0700, with its own .gitignore; or --state-dir."""
    run_here("send", "--yes", "--limit", "1")
    state = campaign / ".mailmerge"
    assert (state.stat().st_mode & 0o777, (state / "ledger.sqlite3").stat().st_mode & 0o777) == (0o700, 0o600)
    assert "*" in (state / ".gitignore").read_text()
    (campaign / "results").rename(campaign / "before")
    ran = run_here("send", "--yes", "--json", "--state-dir", "elsewhere", "--limit", "0")
    assert str(campaign / "elsewhere/ledger.sqlite3") == ran.json["ledger"]


def test_log_file_has_the_events_and_the_errors(campaign: Path, server: ScriptedServer) -> None:
    """`--log-file` of any command: what was settled, and what went wrong; appended, 0600."""
    server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    run_here("send", "--yes", "--log-file", "run.log")
    run_here("send", "--yes", "--subject", "Other", "--log-file", "run.log")
    run_here("status", "nowhere", "--log-file", "run.log")
    text = (campaign / "run.log").read_text()

    assert text.count(" delivery.sent ") == 4
    assert text.count(" delivery.failed ") == 1
    assert "not what this run was begun with" in text
    assert "nowhere" in text
    assert (campaign / "run.log").stat().st_mode & 0o777 == 0o600
