"""The contract on runs as people and machines meet them: the terminal's question, two processes, kills, moments, names of columns."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from support.program import (
    LETTER,
    ended,
    log_lines,
    people,
    run_here,
    running,
    states,
    write_campaign,
    write_list,
    write_toml,
)
from support.scripted_smtp import Delay, Hang, Keep, ScriptedServer
from support.tables import write_workbook
from support.terminal import run_on_terminal


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> Path:
    """Five people, a server that takes everything; the current folder."""
    folder = write_campaign(tmp_path / "c", people(5))
    write_toml(folder, f"smtp+insecure://127.0.0.1:{server.port}")
    monkeypatch.chdir(folder)
    return folder


def on_terminal(*words: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    script = f"import sys; from mailmerge_cli.cli.main import main; sys.exit(main({list(words)!r}))"
    return run_on_terminal(script, answers, columns=120)


# -- the question on a terminal ------------------------------------------------------------------------------------

QUESTION = "Type 5 to send, t to send a test to yourself, p to preview, q to quit:"


def test_L08_only_the_count_sends(campaign: Path, server: ScriptedServer) -> None:
    """Enter alone, y, another number: asked again. The count: sent. Who, through what, first and last are shown."""
    answers = [(QUESTION, "\n"), (f"{QUESTION} \n", "y\n"), ("y\n", "4\n"), ("there are 5 mails", "5\n")]
    code, shown = on_terminal("send", "--plain", answers=answers)

    assert (0, 5) == (code, len(server.accepted)), shown
    assert "5 mails from office@example.org through 127.0.0.1" in shown
    assert "first Person 1, last Person 5" in shown


def test_quitting_sends_nothing_and_enters_nothing(campaign: Path, server: ScriptedServer) -> None:
    """q: nothing was sent, no run, not even a connection."""
    code, shown = on_terminal("send", answers=[("q to quit:", "q\n")])

    assert 0 != code
    assert "Nothing was sent" in shown
    assert 0 == server.connections
    assert 65 == run_here("status").code


def test_a_preview_and_a_test_before_the_send(campaign: Path, server: ScriptedServer) -> None:
    """p shows the first mail, t sends it to oneself, and then the count sends all."""
    answers = [("q to quit:", "p\n"), ("your token is tok000001x", "t\n"), ("a test went to", "5\n")]
    code, shown = on_terminal("send", "--plain", answers=answers)

    assert (0, 6) == (code, len(server.accepted)), shown
    assert ("office@example.org",) == server.accepted[0].recipients


def test_no_input_and_plain_pipes_never_ask(campaign: Path, server: ScriptedServer) -> None:
    """--no-input on a terminal is no terminal: 2."""
    code, shown = on_terminal("send", "--no-input", answers=[])

    assert (2, 0) == (code, server.connections), shown


# -- two at a time, and one that is gone ---------------------------------------------------------------------------


def test_O01_another_process_leaves_and_readers_do_not_wait(campaign: Path, server: ScriptedServer) -> None:
    """While one sends: `send`, `cancel`, `resolve` leave with 75, `locked`; `status`, `log`, `check`, `preview` answer at once."""
    write_list(campaign, people(40))
    server.replies["END"] = lambda _: Delay(0.15)
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 2, 20)
        before = len(server.lines)
        for words in (("send", "--yes"), ("cancel", "--yes"), ("resolve", "--all", "--sent", "--yes"), ("resend", "1", "--yes")):
            ran = run_here(*words, "--json")
            assert (75, "locked") == (ran.code, ran.json["reason"]), (words, ran.err)
        began = time.monotonic()
        for words in (("status",), ("log",), ("check",), ("preview",), ("runs",)):
            ran = run_here(*words)
            assert 0 == ran.code, (words, ran.err)
        assert time.monotonic() - began < 5
        # What is on its way belongs to a living sender: it is pending, not in doubt.
        assert {"sent", "pending"} >= set(states(campaign).values())
        assert 1 == server.peak_connections
        assert len(server.lines) >= before
        server.replies.clear()
        assert 0 == ended(sender).code
    assert 40 == len({mail.recipients for mail in server.accepted}) == len(server.accepted)


def test_a_begun_row_whose_sender_is_gone_is_in_doubt(campaign: Path, server: ScriptedServer) -> None:
    """Kill -9 in the middle: `status`, `log` and `check` tell in_doubt and change nothing; the next `send` goes on, 3 at the end."""
    server.replies["END"] = {3: Keep(Hang())}
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 3, 20)
        time.sleep(0.2)
        sender.kill()
        sender.wait()
    before = {file.name: file.read_bytes() for file in (campaign / ".mailmerge").glob("ledger.sqlite3*") if "shm" not in file.name}

    told = run_here("status", "--json").json
    assert (2, 1, 2) == (told["counts"]["sent"], told["counts"]["in_doubt"], told["counts"]["pending"])
    assert "in_doubt" == states(campaign)["3"]
    assert 0 == run_here("check").code
    after = {file.name: file.read_bytes() for file in (campaign / ".mailmerge").glob("ledger.sqlite3*") if "shm" not in file.name}
    assert before == after
    server.replies.clear()
    ran = run_here("send", "--yes", "--json")
    assert (3, 2, 1) == (ran.code, ran.json["sent_now"], ran.json["counts"]["in_doubt"])
    assert "resolve" in ran.err


def test_K03_the_lock_of_a_killed_process_is_free(campaign: Path, server: ScriptedServer) -> None:
    """A kernel lock: nothing has to be cleaned up after kill -9."""
    server.replies["END"] = {1: Hang()}
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: "DATA" in s.verbs(), 20)
        sender.send_signal(signal.SIGKILL)
        sender.wait()
    server.replies.clear()
    assert run_here("send", "--yes").code in (0, 3)


def test_resolve_resend_keeps_the_message_id(campaign: Path, server: ScriptedServer) -> None:
    """A row in doubt that is sent again has the same Message-ID, so that the other side can tell."""
    server.replies["END"] = {1: Keep(Hang())}
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 1, 20)
        time.sleep(0.2)
        sender.kill()
        sender.wait()
    server.replies.clear()
    assert 3 == run_here("send", "--yes").code
    assert 0 == run_here("resolve", "--resend", "1", "--yes").code
    assert 0 == run_here("send", "--yes").code
    mine = [mail.content for mail in server.accepted if mail.recipients == ("p1@example.org",)]
    assert 2 == len(mine)
    assert 1 == len({re.findall(rb"(?mi)^Message-ID: (.*?)\r$", content)[0] for content in mine})


# -- the moment of a run -------------------------------------------------------------------------------------------


def test_now_and_today_are_the_runs(campaign: Path, server: ScriptedServer) -> None:
    """`now` is fixed when the run is entered: the rows that go later say the same, and nothing differs from what was checked."""
    (campaign / "letter.txt").write_text(LETTER + 'At {{ now | date("yyyy-mm-dd hh:mm:ss") }}, {{ today }}, {{ month }}.\n')
    assert 75 == run_here("send", "--yes", "--limit", "2").code
    time.sleep(1.1)
    assert 0 == run_here("send", "--yes").code
    said = {re.findall(rb"At ([^\r\n]*)", mail.content)[0] for mail in server.accepted}

    assert 1 == len(said)
    assert re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \d{4}-\d\d-\d\d, \d{4}-\d\d\.", said.pop())


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_names_of_the_moment_are_in_the_campaigns_zone(campaign: Path, zone: str) -> None:
    """today, month, last_month, campaign, run, in `timezone`; the result log's times too."""
    write_toml(campaign, "outbox:out", top=f'timezone = "{zone}"\nrun = "{{{{ month }}}}"')
    (campaign / "letter.txt").write_text(LETTER + "{{ today }} {{ month }} {{ last_month }} {{ campaign }} {{ run }}\n")
    before = datetime.now(ZoneInfo(zone))
    shown = run_here("preview").out
    after = datetime.now(ZoneInfo(zone))

    wanted = []
    for now in (before, after):
        last = now.replace(day=1) - timedelta(days=1)
        wanted.append(f"{now:%Y-%m-%d} {now:%Y-%m} {last:%Y-%m} trial {now:%Y-%m}")
    assert any(line in shown for line in wanted), shown
    assert 0 == run_here("send", "--yes").code
    offset = before.isoformat()[-6:]
    assert {offset} == {line["last_attempt"][-6:] for line in log_lines(campaign)}
    text = (campaign / f"results/{before:%Y-%m}.csv").read_text(encoding="utf-8-sig")
    assert 10 == text.count(offset)


# -- names and cells -----------------------------------------------------------------------------------------------


def test_columns_have_the_names_of_the_contract(campaign: Path) -> None:
    """姓名 and net as they are; Work e-mail → work_e_mail; 实发工资（元） → 实发工资_元; 13薪 → _13薪; row[…] always."""
    titles = ["姓名", "Work e-mail", "实发工资（元）", "13薪", "net", "Net Pay"]
    rows = [["王芳", f"p{n}@example.org", f"{n}.5", "13", "9", "8"] for n in (1, 2)]
    (campaign / "people.csv").write_text("\n".join(",".join(row) for row in [titles, *rows]) + "\n", encoding="utf-8")
    (campaign / "letter.txt").write_text(
        "From: office@example.org\nSubject: {{ 姓名 }}\n\n[{{ work_e_mail }}] [{{ 实发工资_元 }}] [{{ _13薪 }}] [{{ net }}] [{{ net_pay }}] "
        "[{{ row['Work e-mail'] }}] [{{ row['13薪'] }}]\n",
        encoding="utf-8",
    )
    write_toml(campaign, "outbox:out")
    (campaign / "campaign.toml").write_text((campaign / "campaign.toml").read_text().replace('key = "id"\n', ""))
    ran = run_here("preview", "--row", "2")

    assert 0 == ran.code, ran.err
    assert "[p1@example.org] [1.5] [13] [9] [8] [p1@example.org] [13]" in ran.out
    assert "王芳" in ran.out


def test_a_cell_prints_as_the_sheet_shows_it_and_computes_as_its_value(campaign: Path) -> None:
    """Number formats and dates of a workbook in the text; arithmetic, comparison and `where` on the values; text cells convert."""
    titles = ["id", "email", "net", "due", "share", "staff", "text"]
    book, sheet = write_workbook(
        campaign / "people.xlsx",
        [titles, *([f"k{n}", f"p{n}@example.org", 1234.5 * n, datetime(2026, 10, n + 1), 0.125, 42, f"{n}.250,5"] for n in (1, 2, 3))],
    )
    for line in (2, 3, 4):
        for column, code in (("C", "#,##0.00"), ("D", "dd.mm.yyyy"), ("E", "0.0%"), ("F", "00000")):
            sheet[f"{column}{line}"].number_format = code
    book.save(campaign / "people.xlsx")
    (campaign / "letter.txt").write_text(
        "From: office@example.org\nSubject: Pay\n\n[{{ net }}] [{{ due }}] [{{ share }}] [{{ staff }}] [{{ (net * 2) | format('#,##0.0') }}] "
        "[{{ due | date('yyyy-mm') }}] [{% if net > 2000 %}more{% else %}less{% endif %}] [{{ (text | number) + 1 }}]\n"
    )
    write_toml(campaign, "outbox:out", recipients='where = "net > 1300 and staff == 42"')
    toml = (campaign / "campaign.toml").read_text().replace("people.csv", "people.xlsx")
    (campaign / "campaign.toml").write_text(toml)
    ran = run_here("preview", "--key", "k2")

    assert 0 == ran.code, ran.err
    assert "[2,469.00] [03.10.2026] [12.5%] [00042] [4,938.0] [2026-10] [more] [2251.5]" in ran.out.replace("\n", " ")
    assert 2 == run_here("check", "--json").json["counts"]["pending"]


def test_values_are_constants_and_the_command_line_wins(campaign: Path) -> None:
    """[values] in templates, --set NAME=VALUE over them; file, sheet, attachments and run are templates over them."""
    write_list(campaign, people(2))
    (campaign / "people.csv").rename(campaign / "list-north.csv")
    (campaign / "north.txt").write_text("north")
    (campaign / "letter.txt").write_text(LETTER + "{{ company }} {{ region }}\n")
    write_toml(campaign, "outbox:out", top='run = "{{ region }}-1"', message='attachments = ["{{ region }}.txt"]', sending='[values]\ncompany = "Example Ltd"\nregion = "south"')  # fmt: skip
    (campaign / "campaign.toml").write_text((campaign / "campaign.toml").read_text().replace("people.csv", "list-{{ region }}.csv"))

    assert 66 == run_here("check").code
    ran = run_here("send", "--yes", "--json", "--set", "region=north")
    assert (0, "north-1") == (ran.code, ran.json["run"]), ran.err
    assert "Example Ltd north" in next(iter((campaign / "out").rglob("*.eml"))).read_text()


def test_keys_and_addresses_are_compared_as_the_contract_says(campaign: Path, server: ScriptedServer) -> None:
    """Keys: displayed text, trimmed, NFC; addresses: without case. A list that differs in these alone is the same list."""
    write_list(campaign, ["Jürgen,Ann,P1@Example.org,t1", "K2,Bob,p2@example.org,t2"])
    assert 0 == run_here("send", "--yes").code
    write_list(campaign, [" Ju\u0308rgen ,Ann,P1@Example.org,t1", "K2,Bob,p2@example.org,t2"])
    again = run_here("send", "--yes", "--json")

    assert (0, 0) == (again.code, again.json["sent_now"]), again.err
    assert 2 == len(server.accepted)


# -- the mailbox for trials ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0)])
def test_mailbox_keeps_and_lists_every_mail(campaign: Path, number: int, code: int) -> None:
    """`mailmerge mailbox`: listens on loopback, keeps each mail as .eml, lists it, ends on a signal."""
    with running("mailbox", "--dir", "box", cwd=campaign) as keeper:
        assert keeper.stdout is not None
        line = keeper.stdout.readline().decode()
        url = re.findall(r"smtp\+insecure://127\.0\.0\.1:\d+", line)[0]
        assert 0 == run_here("send", "--yes", "-a", url).code
        keeper.send_signal(number)
        ran = ended(keeper, 20)

    assert code == ran.code, ran.err
    assert 5 == len(list((campaign / "box").rglob("*.eml")))
    assert all(f"p{n}@example.org" in ran.out and f"tok{n:06d}x" in ran.out for n in range(1, 6))
    assert "Traceback" not in ran.err


# -- waiting -------------------------------------------------------------------------------------------------------


def test_deferred_rows_come_round_in_the_same_call(campaign: Path, server: ScriptedServer) -> None:
    """Within --max-wait the run waits for a row that was put off; beyond it, 75, `deferred`, and resume_at is when."""
    toml = (campaign / "campaign.toml").read_text()
    (campaign / "campaign.toml").write_text(toml + 'retry_after = "1s"\n')
    server.replies["RCPT TO:<p2@"] = {1: "450 4.2.0 mailbox busy", 2: "450 4.2.0 mailbox busy"}
    ran = run_here("send", "--yes", "--json", "--max-wait", "20s")

    assert (0, 5) == (ran.code, ran.json["sent_now"]), ran.err
    attempts = [json.loads(line) for line in run_here("log", "--attempts", "--format", "jsonl").out.splitlines()]
    assert [450, 450, 250] == [one["code"] for one in attempts if one["key"] == "2"]


def test_resume_at_is_told_with_an_offset(campaign: Path, server: ScriptedServer) -> None:
    """75 tells when the same command can go on."""
    server.replies["RCPT TO:<p2@"] = "450 4.2.0 mailbox busy"
    ran = run_here("send", "--yes", "--json", "--max-wait", "1s")
    moment = datetime.fromisoformat(ran.json["resume_at"])

    assert 75 == ran.code
    assert timedelta(0) < moment - datetime.now(UTC) < timedelta(hours=2)
    assert moment.strftime("%H:%M") in ran.err
    assert sys.version_info >= (3, 11)
