"""Answers go back to the sheet, and who failed is a list that can be sent: `log --out x.xlsx`, `--failed-rows`, `results`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from support.arrivals import got, url
from support.books import rich_book
from support.program import people, run_here, states
from support.scripted_smtp import Delay, ScriptedServer

TITLES = ["mailmerge state", "mailmerge time", "mailmerge reply"]
MESSAGE = "From: Office <office@example.org>\nSubject: Pay\n\nDear {{ Name }}, you get {{ Net }}.\n"


@pytest.fixture
def payroll(tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign whose list is a workbook with everything; the server refuses p2, who is in row 5."""
    folder = tmp_path / "pay"
    folder.mkdir()
    rich_book(folder / "list.xlsx")
    (folder / "letter.txt").write_text(MESSAGE)
    (folder / "campaign.toml").write_text(
        f'account = "{url(server)}"\n[recipients]\nfile = "list.xlsx"\nsheet = "Pay"\nkey = "Staff no."\n'
        'start = "A3"\n[message]\nfile = "letter.txt"\n[sending]\non_invalid = "send-others"\n'
    )
    monkeypatch.chdir(folder)
    server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    return folder


def told(file: Path, sheet: str = "Pay") -> dict[str, tuple[object, object]]:
    """Staff number → state and reply, as they stand in the workbook."""
    page = openpyxl.load_workbook(file)[sheet]
    titles = [cell.value for cell in page[3]]
    at = titles.index(TITLES[0])
    assert titles[at : at + 3] == TITLES
    return {
        str(row[0].value): (row[at].value, row[at + 2].value)
        for row in page.iter_rows(min_row=4)
        if row[at].value
    }


def change(file: Path, **cells: object) -> None:
    book = openpyxl.load_workbook(file)
    for place, value in cells.items():
        book["Pay"][place] = value
    book.save(file)


def test_the_copy_has_everybodys_answer(payroll: Path) -> None:
    """`log --out x.xlsx` is the list with the answers beside its rows; the list itself is as it was."""
    before = (payroll / "list.xlsx").read_bytes()
    run_here("send", "--yes")
    ran = run_here("log", "--format", "xlsx", "--out", "answers.xlsx", "--json")
    found = told(payroll / "answers.xlsx")

    assert (ran.code, ran.json["written"], "note" in ran.json) == (0, "answers.xlsx", False)
    assert {key: state for key, (state, _) in found.items()} == {
        "001": "sent", "002": "failed", "003": "sent", "004": "sent",
    }  # fmt: skip
    assert "no such user" in str(found["002"][1])
    assert (payroll / "list.xlsx").read_bytes() == before
    assert (payroll / "answers.xlsx").stat().st_mode & 0o777 == 0o600
    assert run_here("log", "--out", "answers.xlsx").code == 0


def test_the_list_is_never_written_over(payroll: Path) -> None:
    """Not by its own name, nor by another that leads to it, and not when it is an earlier copy."""
    run_here("send", "--yes")
    run_here("log", "--out", "answers.xlsx")
    (payroll / "answers.xlsx").replace(payroll / "list.xlsx")
    before = (payroll / "list.xlsx").read_bytes()

    assert run_here("log", "--out", "list.xlsx").code == 2
    assert run_here("log", "--out", "../pay/list.xlsx").code == 2
    assert (payroll / "list.xlsx").read_bytes() == before


def test_no_answer_stands_beside_another_person(payroll: Path) -> None:
    """Rows that were sorted or renamed since: an answer goes with the key, and a new key has none."""
    run_here("send", "--yes")
    change(
        payroll / "list.xlsx", A4="002", B4="Person 2", C4="p2@example.org", A5="001", B5="Person 1",
        C5="p1@example.org", A6="099", B6="New", C6="new@example.org",
    )  # fmt: skip
    ran = run_here("log", "--out", "answers.xlsx")

    assert {key: state for key, (state, _) in told(payroll / "answers.xlsx").items()} == {
        "001": "sent", "002": "failed", "004": "sent",
    }  # fmt: skip
    assert "1 mail of run" in ran.err


@pytest.mark.parametrize("damage", ["others", "twice", "gone", "text"])
def test_another_list_gets_no_answers(payroll: Path, damage: str) -> None:
    """A list of other people, with a key twice, that is gone, or no workbook any more: the log's own table, and why."""
    run_here("send", "--yes")
    if damage == "others":
        change(payroll / "list.xlsx", A4="091", A5="092", A6="093", A7="094")
    elif damage == "twice":
        change(payroll / "list.xlsx", A4="003")
    elif damage == "gone":
        (payroll / "list.xlsx").unlink()
    else:
        (payroll / "list.xlsx").write_text("Staff no.,Name\n")
    ran = run_here("log", "--out", "answers.xlsx")
    page = openpyxl.load_workbook(payroll / "answers.xlsx").worksheets[0]

    assert (ran.code, page["A1"].value, page.max_row) == (0, "run", 5)
    assert "no copy of the list" in ran.err


def test_a_list_in_csv_gets_the_table_and_is_told_why(campaign: Path) -> None:
    """The answers of a text list are a workbook of the log's columns."""
    run_here("send", "--yes")
    ran = run_here("log", "--out", "answers.xlsx")

    assert openpyxl.load_workbook(campaign / "answers.xlsx").worksheets[0]["A1"].value == "run"
    assert "no Excel workbook" in ran.err


def test_without_a_campaign_file_sheet_and_key_are_said(payroll: Path, server: ScriptedServer) -> None:
    """`log` takes the two words of `send` without which rows are not known again."""
    change(payroll / "list.xlsx", A1=None)
    book = openpyxl.load_workbook(payroll / "list.xlsx")
    book["Pay"].unmerge_cells("A1:E1")
    book.save(payroll / "list.xlsx")
    words = ("-r", "list.xlsx", "-m", "letter.txt")
    (payroll / "campaign.toml").unlink()
    change(payroll / "list.xlsx", E4=1, E5=1, E6=1, E7=1)
    sent = run_here("send", *words, "--sheet", "Pay", "--key-column", "Name", "-a", url(server), "--yes")
    assert sent.code == 1, sent.err
    ran = run_here("log", *words, "--sheet", "Pay", "--key-column", "Name", "--out", "answers.xlsx")

    assert len(told(payroll / "answers.xlsx")) == 4, ran.err


def test_failed_rows_are_a_list_that_can_be_sent(payroll: Path, server: ScriptedServer) -> None:
    """Mended, it goes to those who failed and to nobody else; in the same run, so that nobody is mailed twice."""
    change(payroll / "list.xlsx", C7="nonsense", E4=1, E5=2, E6=3, E7=4)
    assert run_here("send", "--yes", "--run", "nov").code == 1
    ran = run_here("log", "--failed-rows", "failed.xlsx")
    assert (ran.code, (payroll / "failed.xlsx").stat().st_mode & 0o777) == (0, 0o600), ran.err
    page = openpyxl.load_workbook(payroll / "failed.xlsx")["Pay"]
    assert [row[0].value for row in page.iter_rows(min_row=4)] == ["002", "004"]
    change(payroll / "failed.xlsx", C4="q2@example.org", C5="p4@example.org")
    assert "--run nov --retry-failed --accept-changes" in ran.out
    again = run_here(
        "send", "-r", "failed.xlsx", "--run", "nov", "--retry-failed", "--accept-changes", "--yes"
    )

    assert again.code == 0, again.err
    assert got(server) == Counter(p1=1, q2=1, p3=1, p4=1)
    assert set(states(payroll).values()) == {"sent"}
    assert run_here("log", "--failed-rows", "none.xlsx").code == 65


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_failed_rows_of_a_text_list(campaign: Path, server: ScriptedServer, mark: str) -> None:
    """The same octets, and without a campaign file only those people."""
    (campaign / "campaign.toml").unlink()
    content = f"{mark}id;name;email;token\r\n" + "".join(
        line.replace(",", ";") + "\r\n" for line in people(4)
    )
    (campaign / "people.csv").write_bytes(content.encode())
    server.replies["RCPT TO:<p3@"] = {1: "550 5.1.1 no such user"}
    words = ("-m", "letter.txt", "-a", url(server))
    run_here("send", "-r", "people.csv", *words, "--yes")
    ran = run_here("log", "-r", "people.csv", *words, "--failed-rows", "failed.csv")

    assert ran.code == 0, ran.err
    assert (
        campaign / "failed.csv"
    ).read_bytes() == f"{mark}id;name;email;token\r\n3;Person 3;p3@example.org;tok000003x\r\n".encode()
    assert run_here("send", "-r", "failed.csv", *words, "--yes").code == 0
    assert got(server) == Counter(p1=1, p2=1, p3=1, p4=1)


def test_rows_of_those_who_have_theirs_are_refused(payroll: Path) -> None:
    """Whose mail is out, in doubt or still to come never gets into a file that is made to be sent to; other states may."""
    run_here("send", "--yes")
    for state in ("pending", "deferred"):
        assert run_here("log", "--failed-rows", "f.xlsx", "--state", state).code == 2

    assert run_here("log", "--failed-rows", "f.xlsx", "--state", "sent").code == 2
    assert run_here("log", "--failed-rows", "f.xlsx", "--state", "in_doubt").code == 2
    assert run_here("log", "--failed-rows", "f.csv").code == 2
    assert run_here("log", "--failed-rows", "f.xlsx", "--out", "x.xlsx").code == 2
    assert run_here("log", "--failed-rows", "missing/f.xlsx").code == 66
    assert run_here("log", "--failed-rows", "f.xlsx", "--state", "skipped").code == 65
    assert not (payroll / "f.xlsx").exists()


def test_a_file_that_may_be_mended_is_not_written_over(payroll: Path) -> None:
    """`--failed-rows` twice: the second call leaves the first one's file alone."""
    change(payroll / "list.xlsx", E4=1, E5=2, E6=3, E7=4)
    run_here("send", "--yes")
    assert run_here("log", "--failed-rows", "failed.xlsx").code == 0
    before = (payroll / "failed.xlsx").read_bytes()
    ran = run_here("log", "--failed-rows", "failed.xlsx")

    assert (ran.code, (payroll / "failed.xlsx").read_bytes() == before) == (74, True)


def test_while_a_send_is_at_work_nobody_has_failed(payroll: Path, server: ScriptedServer) -> None:
    """What is being sent may succeed yet: 75, and no file."""
    from support.program import ended, running

    server.replies["END"] = lambda _: Delay(1.0)
    with running("send", "--yes", cwd=payroll) as sender:
        server.wait_for(lambda s: len(s.accepted) >= 1, 60)
        ran = run_here("log", "--failed-rows", "failed.xlsx", "--json")
        ended(sender)
    assert (ran.code, ran.json["reason"], (payroll / "failed.xlsx").exists()) == (75, "locked", False)


def test_results_can_be_said_in_the_campaign(campaign: Path, server: ScriptedServer) -> None:
    """`results` of campaign.toml, a template of the run; its loss of the ledger is noticed as everywhere."""
    text = (campaign / "campaign.toml").read_text()
    (campaign / "campaign.toml").write_text('results = "out/{{ campaign }}-{{ run }}.xlsx"\n' + text)
    ran = run_here("send", "--yes", "--run", "r1", "--json")

    assert ran.json["results"].endswith("out/trial-r1.xlsx")
    assert (campaign / "out/trial-r1.xlsx").exists()
    (campaign / ".mailmerge/ledger.sqlite3").unlink()
    assert run_here("send", "--yes", "--run", "r2").code == 74
    (campaign / "campaign.toml").write_text('results = "out.txt"\n' + text)
    assert run_here("check").code == 78


def test_the_result_log_of_a_run_is_the_copy(payroll: Path) -> None:
    """What a run that has ended writes in the end: a copy of a workbook, else the log; never over the list."""
    from mailmerge_cli.cli.answers import finish_results, refuse_list
    from mailmerge_cli.cli.opened_list import OpenedList
    from mailmerge_cli.cli.options import HowRead, Where
    from mailmerge_cli.cli.place import place_of
    from mailmerge_cli.cli.screen import Screen
    from mailmerge_cli.errors import UsageFault
    from mailmerge_cli.report.result_log import ResultLog

    run_here("send", "--yes")
    place = place_of(Where())
    with place.reading() as ledger:
        run = ledger.runs()[-1]
        with OpenedList(place, run, Where(), HowRead()) as inputs:
            assert inputs is not None
            for name in ("out.xlsx", "out.csv"):
                finish_results(
                    Screen.standard(), ResultLog(payroll / name, run=run.label), inputs, ledger, run
                )
            with pytest.raises(UsageFault, match="the list itself"):
                refuse_list(payroll / "list.xlsx", inputs.source)
    assert len(told(payroll / "out.xlsx")) == 4
    assert len((payroll / "out.csv").read_text(encoding="utf-8-sig").splitlines()) == 5


def small(folder: Path, server: ScriptedServer, rows: list[list[object]], more: str) -> None:
    """A campaign of a plain workbook, with these lines under [recipients]."""
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(folder / "small.xlsx")
    (folder / "campaign.toml").write_text(
        f'account = "{url(server)}"\n[recipients]\nfile = "small.xlsx"\n{more}\n[message]\nfile = "letter.txt"\n'
    )


def column(file: Path) -> list[object]:
    page = openpyxl.load_workbook(file).worksheets[0]
    at = [cell.value for cell in page[1]].index(TITLES[0])
    return [row[at].value for row in page.iter_rows(min_row=2)]


LIST = [
    ["id", "name", "email", "token"],
    [1, "A", "a@example.org", "t1xxxxxx"],
    [2, "B", "b@example.org", "t2xxxxxx"],
]


def test_all_lines_of_one_mail_have_its_answer(here: Path, server: ScriptedServer) -> None:
    """`group_by`: lines of one person that stand apart are told alike, and are copied together."""
    server.replies["RCPT TO:<a@"] = "550 5.1.1 no such user"
    small(here, server, [*LIST, [1, "A", "a@example.org", "t1xxxxxx"]], 'group_by = "id"')
    assert run_here("send", "--yes").code == 1
    ran = run_here("log", "--out", "answers.xlsx")

    assert column(here / "answers.xlsx") == ["failed", "sent", "failed"], ran.err
    assert run_here("log", "--failed-rows", "failed.xlsx").code == 0
    page = openpyxl.load_workbook(here / "failed.xlsx").worksheets[0]
    assert [row[0].value for row in page.iter_rows()] == ["id", 1, 1]


def test_a_person_written_twice_is_told_in_each_row(here: Path, server: ScriptedServer) -> None:
    """The address is the key, and the second row was skipped: each row has its own answer."""
    small(here, server, [*LIST, [3, "A", "a@example.org", "t3xxxxxx"]], 'duplicates = "skip"')
    assert run_here("send", "--yes").code == 0
    ran = run_here("log", "--out", "answers.xlsx")

    assert column(here / "answers.xlsx") == ["sent", "sent", "skipped"], ran.err


@pytest.mark.parametrize("key", ["", 'key = "id"'])
def test_skipped_rows_of_somebody_who_has_his_mail_are_left_out(
    here: Path, server: ScriptedServer, key: str
) -> None:
    """Written twice, skipped once: the second row is no list to send to, whatever names a person."""
    small(here, server, [*LIST, [3, "A", "A@example.org", "t3xxxxxx"]], f'duplicates = "skip"\n{key}')
    assert run_here("send", "--yes").code == 0
    ran = run_here("log", "--failed-rows", "failed.xlsx", "--state", "skipped")

    assert (ran.code, (here / "failed.xlsx").exists()) == (65, False), ran.err
    assert "twice" in ran.err


def test_a_sum_among_failed_rows_keeps_nobody_from_his_file(here: Path, server: ScriptedServer) -> None:
    """A department's sum amid the list is an invalid row; at the copy's end it would be totals, so it is left out."""
    rows = [
        LIST[0],
        [1, "A", "a@example,org", "t1xxxxxx"],
        [None, "小计", None, 1],
        [2, "B", "b@example.org", "t2xxxxxx"],
    ]
    small(here, server, rows, "")
    assert run_here("send", "--yes", "--on-invalid", "send-others").code == 1
    ran = run_here("log", "--failed-rows", "failed.xlsx")

    assert ran.code == 0, ran.err
    assert "1 person" in ran.out
    page = openpyxl.load_workbook(here / "failed.xlsx").worksheets[0]
    assert [row[0].value for row in page.iter_rows()] == ["id", 1]


def test_an_address_column_that_was_typed_is_not_guessed_otherwise(
    here: Path, server: ScriptedServer
) -> None:
    """Without a campaign file `log` does not know `--email-column`: an answer would stand beside the one who bears the address."""
    titles = ["id", "name", "email", "manager email"]
    rows = [[1, "A", "a@example.org", "b@example.org"], [2, "B", "b@example.org", "a@example.org"]]
    small(here, server, [titles, *rows], "")
    (here / "campaign.toml").unlink()
    (here / "plain.txt").write_text("From: hr@example.org\nSubject: Pay\n\nDear {{ name }}\n")
    words = ("-r", "small.xlsx", "-m", "plain.txt", "-a", url(server))
    server.replies["RCPT TO:<a@"] = "550 5.1.1 no such user"
    assert run_here("send", *words, "--email-column", "manager email", "--yes").code == 1
    ran = run_here("log", *words, "--out", "answers.xlsx")
    page = openpyxl.load_workbook(here / "answers.xlsx").worksheets[0]

    assert (ran.code, page["A1"].value) == (0, "run"), "the log's own table"
    assert "“a@example.org” stands in row 2, and in the run it was row 3" in ran.err
    ran = run_here("log", *words, "--failed-rows", "failed.xlsx")
    assert (ran.code, (here / "failed.xlsx").exists()) == (65, False), ran.err


def test_a_list_that_was_saved_since_is_told(payroll: Path) -> None:
    """The answers are of the run; what stands beside them may be newer."""
    run_here("send", "--yes")
    change(payroll / "list.xlsx", D4=1)
    assert "saved after the run" in run_here("log", "--out", "answers.xlsx").err


def test_log_takes_the_words_by_which_a_text_list_was_read(here: Path, server: ScriptedServer) -> None:
    """Encoding, delimiter, rows of titles and the address column, without a campaign file: the rows that failed are found again."""
    lines = ["Pay|||", "no|name|mail of|mail of", "||the person|the boss", *(f"{at}|Zo\u00eb {at}|p{at}@example.org|boss@example.org" for at in (1, 2))]  # fmt: skip
    content = "".join(f"{line}\r\n" for line in lines)
    (here / "list.csv").write_bytes(content.encode("cp1250"))
    (here / "plain.txt").write_text("From: hr@example.org\nSubject: Pay\n\nDear {{ name }}\n")
    server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    words = ("-r", "list.csv", "-m", "plain.txt", "-a", url(server))
    read = ("--encoding", "cp1250", "--delimiter", "|", "--start", "A2", "--header-rows", "2", "--email-column", "the person")  # fmt: skip
    sent = run_here("send", *words, *read, "--yes")
    assert sent.code == 1, sent.err
    assert run_here("log", *words, "--failed-rows", "failed.csv").code != 0
    ran = run_here("log", *words, *read, "--failed-rows", "failed.csv")

    assert ran.code == 0, ran.err
    assert "Zo\u00eb 2" in (here / "failed.csv").read_text(encoding="cp1250")
    assert "Zo\u00eb 1" not in (here / "failed.csv").read_text(encoding="cp1250")


def test_log_takes_the_words_by_which_a_workbook_was_read(here: Path, server: ScriptedServer) -> None:
    """Table, and lines that were one mail, without a campaign file: the copy has the answers."""
    from openpyxl.worksheet.table import Table

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    rows = [["Ask", "Bo", "Cy"], [1, 2, 3], [], ["order", "email", "name"]]
    rows += [[7, "p1@example.org", "A"], [8, "p2@example.org", "B"], [7, "p1@example.org", "A"]]
    for row in rows:
        sheet.append(row)
    sheet.add_table(Table(displayName="Orders", ref="A4:C7"))
    book.save(here / "list.xlsx")
    (here / "plain.txt").write_text("From: hr@example.org\nSubject: Pay\n\n{{ rows | length }} things\n")
    server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    words = ("-r", "list.xlsx", "-m", "plain.txt", "-a", url(server))
    read = ("--table", "Orders", "--group-by", "order")
    sent = run_here("send", *words, *read, "--yes")
    assert sent.code == 1, sent.err
    ran = run_here("log", *words, *read, "--format", "xlsx", "--out", "answers.xlsx")
    page = openpyxl.load_workbook(here / "answers.xlsx").worksheets[0]

    assert ran.code == 0, ran.err
    assert [cell.value for cell in page["D"]][3:] == [TITLES[0], "sent", "failed", "sent"], ran.err
    assert run_here("log", *words, "--header-rows", "9", "--out", "answers.xlsx").code == 2


def test_a_copy_under_a_heading_is_the_next_list(here: Path, server: ScriptedServer) -> None:
    """The heading is merged over the list's own columns; those that the answers take make it no title."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    people = [[1, "A", "a@example.org", 10, "x"], [2, "B", "b@example.org", 20, "y"]]
    for row in (["Payroll of November"], [], ["id", "name", "email", "net", "note"], *people):
        sheet.append(row)
    sheet.merge_cells("A1:E1")
    book.save(here / "list.xlsx")
    (here / "plain.txt").write_text("From: hr@example.org\nSubject: Pay\n\nDear {{ name }}\n")
    words = ("-m", "plain.txt", "-a", url(server))
    assert run_here("send", "-r", "list.xlsx", *words, "--yes").code == 0
    assert run_here("log", "-r", "list.xlsx", *words, "--out", "next.xlsx").code == 0
    assert openpyxl.load_workbook(here / "next.xlsx").worksheets[0]["F3"].value == TITLES[0]
    ran = run_here("check", "-r", "next.xlsx", *words)

    assert ran.code == 0, ran.err
    assert "2 mails would be sent" in ran.out
    assert "header: row 3; data from row 4; row 1 is a heading" in ran.err


def test_the_copy_of_a_signed_list_is_not_signed(payroll: Path) -> None:
    """Its signatures stay in it, and hold no more: that is told, in words and in JSON."""
    import zipfile

    with zipfile.ZipFile(payroll / "list.xlsx", "a") as package:
        package.writestr("_xmlsignatures/sig1.xml", "<Signature/>")
    run_here("send", "--yes")
    ran = run_here("log", "--out", "answers.xlsx", "--json")

    assert ran.code == 0, ran.err
    assert "its signature does not hold" in ran.json["note"]
    assert len(told(payroll / "answers.xlsx")) == 4
