"""The contract on runs as people and machines meet them: the terminal's question, two processes, kills, moments, names of columns."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
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
    write_list,
    write_toml,
)
from support.scripted_smtp import Delay, Hang, Keep, ScriptedServer
from support.tables import write_workbook
from support.terminal import run_on_terminal


def on_terminal(*words: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    script = f"import sys; from mailmerge_cli.cli.main import main; sys.exit(main({list(words)!r}))"
    return run_on_terminal(script, answers, columns=120)


# -- the question on a terminal ------------------------------------------------------------------------------------

QUESTION = "Type 5 to send, t to send a test to yourself, p to preview, q to quit:"


def test_L08_only_the_count_sends(campaign: Path, server: ScriptedServer) -> None:
    """Enter alone, y, another number: asked again. The count: sent. Who, through what, first and last are shown."""
    code, shown = on_terminal("send", "--plain", answers=[(QUESTION, "\ny\n4\n5\n")])

    assert (code, len(server.accepted), shown.count(QUESTION)) == (0, 5, 4), shown
    assert "there are 5 mails" in shown
    assert "5 mails from office@example.org through 127.0.0.1" in shown
    assert "first Person 1, last Person 5" in shown


def test_quitting_sends_nothing_and_enters_nothing(campaign: Path, server: ScriptedServer) -> None:
    """q: nothing was sent, no run, not even a connection."""
    code, shown = on_terminal("send", answers=[("q to quit:", "q\n")])

    assert code != 0
    assert "Nothing was sent" in shown
    assert server.connections == 0
    assert run_here("status").code == 65


def test_the_question_is_about_those_who_get_a_mail_now(campaign: Path, server: ScriptedServer) -> None:
    """After some have theirs: first, last, preview and test are of the rows that this send is for."""
    assert run_here("send", "--yes", "--limit", "2").code == 75
    answers = [("q to quit:", "p\n"), ("your token is tok000003x", "t\n"), ("a test went to", "3\n")]
    code, shown = on_terminal("send", "--plain", answers=answers)

    assert (code, len(server.accepted)) == (0, 6), shown
    assert "first Person 3, last Person 5" in shown
    assert "2 have theirs already" in shown
    assert b"tok000003x" in server.accepted[2].content


def test_quitting_takes_back_what_was_accepted(campaign: Path, server: ScriptedServer) -> None:
    """`--accept-changes` and then q: the ledger is as it was, and the old list goes on as if nothing had been asked."""
    before = (campaign / "people.csv").read_text()
    assert run_here("send", "--yes", "--limit", "2").code == 75
    (campaign / "people.csv").write_text("\n".join(before.splitlines()[:4]) + "\n")
    code, shown = on_terminal("send", "--accept-changes", answers=[("q to quit:", "q\n")])

    assert (code, len(server.accepted)) == (130, 2), shown
    (campaign / "people.csv").write_text(before)
    assert (run_here("send", "--yes").code, len(server.accepted)) == (0, 5)


def test_a_preview_and_a_test_before_the_send(campaign: Path, server: ScriptedServer) -> None:
    """p shows the first mail, t sends it to oneself, and then the count sends all."""
    answers = [("q to quit:", "p\n"), ("your token is tok000001x", "t\n"), ("a test went to", "5\n")]
    code, shown = on_terminal("send", "--plain", answers=answers)

    assert (code, len(server.accepted)) == (0, 6), shown
    assert server.accepted[0].recipients == ("office@example.org",)


def test_no_input_and_plain_pipes_never_ask(campaign: Path, server: ScriptedServer) -> None:
    """--no-input on a terminal is no terminal: 2."""
    code, shown = on_terminal("send", "--no-input", answers=[])

    assert (code, server.connections) == (2, 0), shown


# -- two at a time, and one that is gone ---------------------------------------------------------------------------


def test_O01_another_process_leaves_and_readers_do_not_wait(campaign: Path, server: ScriptedServer) -> None:
    """While one sends: `send`, `cancel`, `resolve` leave with 75, `locked`; `status`, `log`, `check`, `preview` answer at once."""
    write_list(campaign, people(40))
    answered = threading.Event()

    def end(_: object) -> None:
        """The first two are taken at once, the third when all calls have been answered."""
        if len(server.accepted) >= 2:
            answered.wait(60)

    server.replies["END"] = end
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 2, 60)
        before = server.connections
        for words in (
            ("send", "--yes"),
            ("cancel", "--yes"),
            ("resolve", "--all", "--sent", "--yes"),
            ("resend", "1", "--yes"),
        ):
            ran = run_here(*words, "--json")
            assert (ran.code, ran.json["reason"]) == (75, "locked"), (words, ran.err)
        for words in (("status",), ("log",), ("check",), ("preview",), ("runs",)):
            ran = run_here(*words)
            assert ran.code == 0, (words, ran.err)
        assert len(server.accepted) == 2, "nobody waited for the one that sends"
        # What is on its way belongs to a living sender: it is pending, not in doubt.
        assert {"sent", "pending"} >= set(states(campaign).values())
        assert server.connections == before
        server.replies.clear()
        answered.set()
        assert ended(sender).code == 0
    assert 40 == len({mail.recipients for mail in server.accepted}) == len(server.accepted)


def test_a_begun_row_whose_sender_is_gone_is_in_doubt(campaign: Path, server: ScriptedServer) -> None:
    """Kill -9 in the middle: `status`, `log` and `check` tell in_doubt and change nothing; the next `send` goes on, 3 at the end."""
    server.replies["END"] = {3: Keep(Hang())}
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 3, 60)
        time.sleep(0.2)
        sender.kill()
        sender.wait()
    before = {
        file.name: file.read_bytes()
        for file in (campaign / ".mailmerge").glob("ledger.sqlite3*")
        if "shm" not in file.name
    }

    told = run_here("status", "--json").json
    assert (told["counts"]["sent"], told["counts"]["in_doubt"], told["counts"]["pending"]) == (2, 1, 2)
    assert states(campaign)["3"] == "in_doubt"
    assert run_here("check").code == 0
    after = {
        file.name: file.read_bytes()
        for file in (campaign / ".mailmerge").glob("ledger.sqlite3*")
        if "shm" not in file.name
    }
    assert before == after
    server.replies.clear()
    ran = run_here("send", "--yes", "--json")
    assert (ran.code, ran.json["sent_now"], ran.json["counts"]["in_doubt"]) == (3, 2, 1)
    assert "resolve" in ran.err


def test_K03_the_lock_of_a_killed_process_is_free(campaign: Path, server: ScriptedServer) -> None:
    """A kernel lock: nothing has to be cleaned up after kill -9."""
    server.replies["END"] = {1: Hang()}
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: "DATA" in s.verbs(), 60)
        sender.send_signal(signal.SIGKILL)
        sender.wait()
    server.replies.clear()
    assert run_here("send", "--yes").code in (0, 3)


def test_resolve_resend_keeps_the_message_id(campaign: Path, server: ScriptedServer) -> None:
    """A row in doubt that is sent again has the same Message-ID, so that the other side can tell."""
    server.replies["END"] = {1: Keep(Hang())}
    with running("send", "--yes", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 1, 60)
        time.sleep(0.2)
        sender.kill()
        sender.wait()
    server.replies.clear()
    assert run_here("send", "--yes").code == 3
    assert run_here("resolve", "--resend", "1", "--yes").code == 0
    assert run_here("send", "--yes").code == 0
    mine = [mail.content for mail in server.accepted if mail.recipients == ("p1@example.org",)]
    assert len(mine) == 2
    assert len({re.findall(rb"(?mi)^Message-ID: (.*?)\r$", content)[0] for content in mine}) == 1


# -- the moment of a run -------------------------------------------------------------------------------------------


def test_now_and_today_are_the_runs(campaign: Path, server: ScriptedServer) -> None:
    """`now` is fixed when the run is entered: the rows that go later say the same, and nothing differs from what was checked."""
    (campaign / "letter.txt").write_text(
        LETTER + 'At {{ now | date("yyyy-mm-dd hh:mm:ss") }}, {{ today }}, {{ month }}.\n'
    )
    assert run_here("send", "--yes", "--limit", "2").code == 75
    time.sleep(1.1)
    assert run_here("send", "--yes").code == 0
    said = {re.findall(rb"At ([^\r\n]*)", mail.content)[0] for mail in server.accepted}

    assert len(said) == 1
    assert re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \d{4}-\d\d-\d\d, \d{4}-\d\d\.", said.pop())


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_names_of_the_moment_are_in_the_campaigns_zone(campaign: Path, zone: str) -> None:
    """today, month, last_month, campaign, run, in `timezone`; the result log's times too."""
    write_toml(campaign, "outbox:out", top=f'timezone = "{zone}"\nrun = "{{{{ month }}}}"')
    (campaign / "letter.txt").write_text(
        LETTER + "{{ today }} {{ month }} {{ last_month }} {{ campaign }} {{ run }}\n"
    )
    before = datetime.now(ZoneInfo(zone))
    shown = run_here("preview").out
    after = datetime.now(ZoneInfo(zone))

    wanted = []
    for now in (before, after):
        last = now.replace(day=1) - timedelta(days=1)
        wanted.append(f"{now:%Y-%m-%d} {now:%Y-%m} {last:%Y-%m} trial {now:%Y-%m}")
    assert any(line in shown for line in wanted), shown
    assert run_here("send", "--yes").code == 0
    offset = before.isoformat()[-6:]
    assert {offset} == {line["last_attempt"][-6:] for line in log_lines(campaign)}
    text = (campaign / f"results/{before:%Y-%m}.csv").read_text(encoding="utf-8-sig")
    assert text.count(offset) == 10


# -- names and cells -----------------------------------------------------------------------------------------------


def test_columns_have_the_names_of_the_contract(campaign: Path) -> None:
    """姓名 and net as they are; Work e-mail → work_e_mail; 实发工资（元） → 实发工资_元; 13薪 → _13薪; row[…] always."""
    titles = ["姓名", "Work e-mail", "实发工资（元）", "13薪", "net", "Net Pay"]
    rows = [["王芳", f"p{n}@example.org", f"{n}.5", "13", "9", "8"] for n in (1, 2)]
    (campaign / "people.csv").write_text(
        "\n".join(",".join(row) for row in [titles, *rows]) + "\n", encoding="utf-8"
    )
    (campaign / "letter.txt").write_text(
        "From: office@example.org\nSubject: {{ 姓名 }}\n\n[{{ work_e_mail }}] [{{ 实发工资_元 }}] [{{ _13薪 }}] [{{ net }}] [{{ net_pay }}] "
        "[{{ row['Work e-mail'] }}] [{{ row['13薪'] }}]\n",
        encoding="utf-8",
    )
    write_toml(campaign, "outbox:out")
    (campaign / "campaign.toml").write_text(
        (campaign / "campaign.toml").read_text().replace('key = "id"\n', "")
    )
    ran = run_here("preview", "--row", "2")

    assert ran.code == 0, ran.err
    assert "[p1@example.org] [1.5] [13] [9] [8] [p1@example.org] [13]" in ran.out
    assert "王芳" in ran.out


def test_a_cell_prints_as_the_sheet_shows_it_and_computes_as_its_value(campaign: Path) -> None:
    """Number formats and dates of a workbook in the text; arithmetic, comparison and `where` on the values; text cells convert."""
    titles = ["id", "email", "net", "due", "share", "staff", "text"]
    book, sheet = write_workbook(
        campaign / "people.xlsx",
        [
            titles,
            *(
                [f"k{n}", f"p{n}@example.org", 1234.5 * n, datetime(2026, 10, n + 1), 0.125, 42, f"{n},250.5"]
                for n in (1, 2, 3)
            ),
        ],
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

    assert ran.code == 0, ran.err
    assert "[2,469.00] [03.10.2026] [12.5%] [00042] [4,938.0] [2026-10] [more] [2251.5]" in ran.out.replace(
        "\n", " "
    )
    assert run_here("check", "--json").json["counts"]["pending"] == 2


def test_values_are_constants_and_the_command_line_wins(campaign: Path) -> None:
    """[values] in templates, --set NAME=VALUE over them; file, sheet, attachments and run are templates over them."""
    write_list(campaign, people(2))
    (campaign / "people.csv").rename(campaign / "list-north.csv")
    (campaign / "north.txt").write_text("north")
    (campaign / "letter.txt").write_text(LETTER + "{{ company }} {{ region }}\n")
    write_toml(campaign, "outbox:out", top='run = "{{ region }}-1"', message='attachments = ["{{ region }}.txt"]', sending='[values]\ncompany = "Example Ltd"\nregion = "south"')  # fmt: skip
    (campaign / "campaign.toml").write_text(
        (campaign / "campaign.toml").read_text().replace("people.csv", "list-{{ region }}.csv")
    )

    assert run_here("check").code == 66
    ran = run_here("send", "--yes", "--json", "--set", "region=north")
    assert (ran.code, ran.json["run"]) == (0, "north-1"), ran.err
    assert "Example Ltd north" in next(iter((campaign / "out").rglob("*.eml"))).read_text()


def test_keys_and_addresses_are_compared_as_the_contract_says(campaign: Path, server: ScriptedServer) -> None:
    """Keys: displayed text, trimmed, NFC; addresses: without case. A list that differs in these alone is the same list."""
    write_list(campaign, ["Jürgen,Ann,P1@Example.org,t1", "K2,Bob,p2@example.org,t2"])
    assert run_here("send", "--yes").code == 0
    write_list(campaign, [" Ju\u0308rgen ,Ann,P1@Example.org,t1", "K2,Bob,p2@example.org,t2"])
    again = run_here("send", "--yes", "--json")

    assert (again.code, again.json["sent_now"]) == (0, 0), again.err
    assert len(server.accepted) == 2


# -- the mailbox for trials ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0)])
def test_mailbox_keeps_and_lists_every_mail(campaign: Path, number: int, code: int) -> None:
    """`mailmerge mailbox`: listens on loopback, keeps each mail as .eml, lists it, ends on a signal."""
    with running("mailbox", "--dir", "box", cwd=campaign) as keeper:
        assert keeper.stdout is not None
        line = keeper.stdout.readline().decode()
        url = re.findall(r"smtp\+insecure://127\.0\.0\.1:\d+", line)[0]
        assert run_here("send", "--yes", "-a", url).code == 0
        keeper.send_signal(number)
        ran = ended(keeper)

    assert code == ran.code, ran.err
    assert len(list((campaign / "box").rglob("*.eml"))) == 5
    assert all(f"p{n}@example.org" in ran.out and f"tok{n:06d}x" in ran.out for n in range(1, 6))
    assert "Traceback" not in ran.err


# -- waiting -------------------------------------------------------------------------------------------------------


def test_deferred_rows_come_round_in_the_same_call(campaign: Path, server: ScriptedServer) -> None:
    """Within --max-wait the run waits for a row that was put off; beyond it, 75, `deferred`, and resume_at is when."""
    toml = (campaign / "campaign.toml").read_text()
    (campaign / "campaign.toml").write_text(toml + 'retry_after = "1s"\n')
    server.replies["END"] = {2: "450 4.2.0 mailbox busy", 6: "450 4.2.0 mailbox busy"}
    ran = run_here("send", "--yes", "--json", "--max-wait", "20s")

    assert (ran.code, ran.json["sent_now"]) == (0, 5), ran.err
    attempts = [
        json.loads(line) for line in run_here("log", "--attempts", "--format", "jsonl").out.splitlines()
    ]
    assert [one["code"] for one in attempts if one["key"] == "2"] == [450, 450, 250]


def test_resume_at_is_told_with_an_offset(campaign: Path, server: ScriptedServer) -> None:
    """75 tells when the same command can go on."""
    server.replies["RCPT TO:<p2@"] = "450 4.2.0 mailbox busy"
    ran = run_here("send", "--yes", "--json", "--max-wait", "1s")
    moment = datetime.fromisoformat(ran.json["resume_at"])

    assert ran.code == 75
    assert timedelta(0) < moment - datetime.now(UTC) < timedelta(hours=2)
    assert moment.strftime("%H:%M") in ran.err
    assert sys.version_info >= (3, 11)


# -- another run that is unfinished --------------------------------------------------------------------------------


def unfinished(campaign: Path, server: ScriptedServer, word: str) -> None:
    """Run `a` with two rows left, and what is to be done about it."""
    assert run_here("send", "--yes", "--run", "a", "--limit", "3").code == 75
    write_toml(campaign, f"smtp+insecure://127.0.0.1:{server.port}", top=f'unfinished = "{word}"')


def test_a_limit_holds_for_the_call_and_not_for_each_run(campaign: Path, server: ScriptedServer) -> None:
    """`finish`: what the other run takes of --limit is not there for the new one; sent_now tells of both."""
    unfinished(campaign, server, "finish")
    ran = run_here("send", "--yes", "--json", "--run", "b", "--limit", "4")

    assert (ran.code, ran.json["run"], ran.json["sent_now"]) == (75, "b", 4), ran.err
    assert len(server.accepted) == 3 + 4
    assert run_here("status", "--run", "a", "--exit-code").code == 0


def test_a_refused_new_run_cancels_nothing(campaign: Path, server: ScriptedServer) -> None:
    """`cancel`: only once the new run begins; a bad row in the new list leaves the old run as it was."""
    unfinished(campaign, server, "cancel")
    good = (campaign / "people.csv").read_text()
    write_list(campaign, [*people(4), "5,Person 5,nonsense,t"])
    assert run_here("send", "--yes", "--run", "b").code == 65
    (campaign / "people.csv").write_text(good)
    code, _ = on_terminal("send", "--run", "b", answers=[("q to quit:", "q\n")])
    assert code != 0
    assert run_here("status", "--run", "a", "--json").json["counts"]["pending"] == 2

    assert run_here("send", "--yes", "--run", "b").code == 0
    assert run_here("status", "--run", "a", "--json").json["counts"]["skipped"] == 2


def test_a_retry_is_begun_too(campaign: Path, server: ScriptedServer) -> None:
    """--limit 2 with one that is put off at once: two MAILs, not three."""
    toml = (campaign / "campaign.toml").read_text()
    (campaign / "campaign.toml").write_text(toml + 'retry_after = "1s"\n')
    server.replies["END"] = {1: "450 4.2.0 mailbox busy"}
    ran = run_here("send", "--yes", "--limit", "2", "--max-wait", "20s")

    assert ran.code == 75
    assert server.verbs().count("MAIL") == 2


# -- what changes under the run's feet -----------------------------------------------------------------------------


def test_F26_a_list_that_changes_in_the_middle_mixes_nobody_up(
    campaign: Path, server: ScriptedServer
) -> None:
    """Rows are swapped while the run is under way: whoever gets a mail gets the one that was checked; the rest is told as changed."""
    write_list(campaign, people(30))
    server.replies["END"] = lambda _: Delay(0.05)
    with running("send", "--yes", "--json", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 3, 60)
        write_list(campaign, [row.replace("tok", "other") for row in people(30)[::-1]])
        server.replies.clear()
        ran = ended(sender)

    assert ran.code in (0, 65), ran.err
    for mail in server.accepted:
        number = int(mail.recipients[0].split("@")[0][1:])
        assert re.findall(rb"tok\d+x|other\d+x", mail.content) == [f"tok{number:06d}x".encode()] * 2
    again = run_here("send", "--yes", "--json")
    assert (again.code, again.json["reason"]) == (65, "changed")
    assert len(server.accepted) == len({mail.recipients for mail in server.accepted})


def test_B06_an_attachment_that_changes_in_the_middle_is_not_sent(
    campaign: Path, server: ScriptedServer
) -> None:
    """The hash that was promised is not met: that row is not sent, 65 and `changed`; the same command tells the difference."""
    for number in range(1, 31):
        (campaign / f"{number}.txt").write_text(f"slip of {number}")
    write_list(campaign, people(30))
    toml = (campaign / "campaign.toml").read_text()
    (campaign / "campaign.toml").write_text(
        toml.replace("[sending]", 'attachments = ["{{ id }}.txt"]\n[sending]')
    )
    server.replies["END"] = lambda _: Delay(0.05)
    with running("send", "--yes", "--json", cwd=campaign) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 3, 60)
        (campaign / "30.txt").write_text("slip of somebody else")
        server.replies.clear()
        ran = ended(sender)

    assert (ran.code, ran.json["reason"], ran.json["counts"]["in_doubt"]) == (65, "changed", 0), ran.err
    assert ran.json["counts"]["sent"] == len(server.accepted) == 29
    assert states(campaign)["30"] == "pending"
    assert run_here("send", "--yes").code == 65
    assert run_here("send", "--yes", "--accept-changes").code == 0
    assert len(server.accepted) == 30
