"""`init` and `demo`: a campaign folder that is accepted as it is, and the whole story on this machine alone."""

from __future__ import annotations

import hashlib
import json
import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from support.program import run_here, run_process
from support.soon import soon
from support.tables import write_workbook

KINDS = ("payslip", "newsletter", "letter")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mails(folder: Path) -> list[EmailMessage]:
    parser = BytesParser(policy=policy.default)
    found = [parser.parsebytes(file.read_bytes()) for file in sorted(folder.rglob("*.eml"))]
    return [mail for mail in found if isinstance(mail, EmailMessage)]


def fingerprint(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_accepted_as_it_is(here: Path, kind: str) -> None:
    """`init`, then `check`, then `send` into the outbox: 0 each, and `send` says that nothing leaves this machine."""
    assert run_here("init", "c", "--kind", kind).code == 0
    checked = run_here("check", "c")
    assert checked.code == 0, checked.err
    sent = run_here("send", "c", "--yes", "--json")
    assert sent.code == 0, sent.err
    assert "othing leaves this machine" in sent.err
    assert sent.json["counts"]["sent"] == sent.json["sent_now"] == len(mails(here / "c/outbox")) >= 3
    assert run_here("send", "c", "--yes").code == 0
    assert sent.json["sent_now"] == len(mails(here / "c/outbox"))


def test_the_default_is_a_payslip_in_the_current_folder(here: Path) -> None:
    """`mailmerge init` alone, then `mailmerge check` alone."""
    ran = run_here("init")
    assert (ran.code, (here / "campaign.toml").exists()) == (0, True)
    assert "mailmerge check" in ran.out
    assert "outbox:outbox" in (here / "campaign.toml").read_text(encoding="utf-8")
    assert run_here("check").code == 0


def test_init_without_a_folder_wants_an_empty_one(here: Path) -> None:
    """Among other files it is 65 and names a folder; `.` and an own list say that this one is meant."""
    (here / "list.csv").write_text("email\na@example.org\n")
    ran = run_here("init")
    assert ran.code == 65
    assert "mailmerge init payslips" in ran.err
    assert [path.name for path in here.iterdir()] == ["list.csv"]
    assert run_here("init", "-r", "list.csv").code == 0
    assert run_here("init", ".", "--kind", "newsletter").code == 65  # campaign.toml is there now
    (here / "campaign.toml").unlink()
    assert run_here("init", ".", "--kind", "newsletter").code == 0


def test_an_unknown_kind_is_2(here: Path) -> None:
    """A kind that is not there: told with those that are; nothing written."""
    ran = run_here("init", "c", "--kind", "invoice")

    assert (ran.code, (here / "c").exists()) == (2, False)
    assert all(kind in ran.err for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_init_never_overwrites_a_file(here: Path, kind: str) -> None:
    """A second `init`, or one beside a file of the same name: 65, and every file is as it was."""
    assert run_here("init", "c", "--kind", kind).code == 0
    (here / "c/campaign.toml").write_text("# mine\n")
    before = fingerprint(here / "c")

    assert run_here("init", "c", "--kind", kind).code == 65
    assert before == fingerprint(here / "c")
    (here / "d").mkdir()
    (here / "d/campaign.toml").write_text("# mine\n")
    assert run_here("init", "d", "--kind", kind).code == 65
    assert {"campaign.toml"} == set(fingerprint(here / "d"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_own_list_is_read_and_its_columns_are_guessed(here: Path, kind: str, form: str) -> None:
    """--recipients FILE: address, name and key columns guessed, all columns listed; `check` and `send` accept it."""
    rows = [["Staff no.", "Full name", "Work e-mail", "Net pay"]]
    rows += [[f"{n:05d}", f"Ünal {n}", f"p{n}@example.org", f"{1000 + n}.50"] for n in range(1, 6)]
    path = here / f"own list.{form}"
    if form == "csv":
        path.write_bytes("\r\n".join(";".join(row) for row in rows).encode("utf-8-sig"))
    else:
        write_workbook(path, rows)
    before = path.read_bytes()
    ran = run_here("init", "c", "--kind", kind, "--recipients", path)

    assert ran.code == 0, ran.err
    toml = (here / "c/campaign.toml").read_text(encoding="utf-8")
    assert re.search(r'^email = "Work e-mail"', toml, re.MULTILINE), toml
    assert re.search(r'^key = "Staff no\."', toml, re.MULTILINE), toml
    for title in rows[0]:
        assert title in toml
    checked = run_here("check", "c")
    assert checked.code == 0, checked.err
    sent = run_here("send", "c", "--yes", "--json")
    assert (sent.code, sent.json["sent_now"]) == (0, 5), sent.err
    assert {f"p{n}@example.org" for n in range(1, 6)} == {
        mail["To"].addresses[0].addr_spec for mail in mails(here / "c/outbox")
    }
    assert before == path.read_bytes()


def test_an_empty_net_pay_is_told_after_init(here: Path) -> None:
    """A payslip's own list: what was full at `init` is required; an empty 实发工资 later is 65 with row and column."""
    rows = [["工号", "姓名", "邮箱", "实发工资"]]
    rows += [[f"{n:05d}", f"王{n}", f"p{n}@example.org", f"{1000 + n}.50"] for n in range(1, 5)]
    path = here / "工资表.xlsx"
    write_workbook(path, rows)
    assert run_here("init", "c", "-r", path).code == 0
    assert run_here("check", "c").code == 0
    rows[3][3] = ""
    write_workbook(path, rows)
    checked = run_here("check", "c")

    assert checked.code == 65
    assert "实发工资" in checked.err
    assert "4" in checked.err


def test_hidden_rows_are_to_be_unhidden_before_init(here: Path) -> None:
    """65 with the rows; no word of a campaign.toml that is not there yet; nothing written."""
    book, sheet = write_workbook(here / "list.xlsx", [("email",), ("a@example.org",), ("b@example.org",)])
    sheet.row_dimensions[3].hidden = True
    book.save(here / "list.xlsx")
    ran = run_here("init", "c", "-r", "list.xlsx")

    assert (ran.code, (here / "c").exists()) == (65, False)
    assert "1 hidden row: 3" in ran.err
    assert "Unhide" in ran.err
    assert "--hidden skip" in ran.err
    assert "campaign.toml" not in ran.err


@pytest.mark.parametrize(("said", "due"), [("skip", 1), ("send", 2)])
def test_F15_init_takes_a_word_on_hidden_rows(here: Path, said: str, due: int) -> None:
    """--hidden stands in campaign.toml, so that `check` and `send` go by it; another word is 2."""
    book, sheet = write_workbook(here / "list.xlsx", [("email",), ("a@example.org",), ("b@example.org",)])
    sheet.row_dimensions[3].hidden = True
    book.save(here / "list.xlsx")
    assert run_here("init", "c", "-r", "list.xlsx", "--hidden", "no").code == 2
    assert run_here("init", "c", "-r", "list.xlsx", "--hidden", said).code == 0
    assert f'hidden = "{said}"' in (here / "c/campaign.toml").read_text(encoding="utf-8")
    sent = run_here("send", "c", "--yes", "--json")
    assert (sent.code, sent.json["sent_now"]) == (0, due), sent.err


def test_F11_a_net_pay_that_nobody_computed_stays_in_the_payslip(here: Path) -> None:
    """A list fresh from a program that does not compute: the column is in the payslip and required, told at once; `check` says why."""
    rows = [["工号", "姓名", "邮箱", "基本工资", "实发工资"]]
    rows += [[f"{n:05d}", f"王{n}", f"p{n}@example.org", 1000 + n, f"=D{n + 1}*0.9"] for n in range(1, 4)]
    write_workbook(here / "工资表.xlsx", rows)
    ran = run_here("init", "c", "-r", "工资表.xlsx")

    assert ran.code == 0, ran.err
    assert "cannot be read now stand in “实发工资”" in ran.err
    assert "{{ 实发工资 }}" in (here / "c/payslip.md").read_text(encoding="utf-8")
    assert re.search('^required = .*"实发工资"', (here / "c/campaign.toml").read_text("utf-8"), re.MULTILINE)
    checked = run_here("check", "c")
    assert checked.code == 65
    assert "cell E3: its formula has no stored value" in checked.err
    assert "is empty" not in checked.err


def test_an_own_list_that_is_not_there_is_66(here: Path) -> None:
    """Nothing is written either."""
    assert (run_here("init", "c", "-r", "no.xlsx").code, (here / "c").exists()) == (66, False)


def test_the_demo_tells_the_whole_story(here: Path) -> None:
    """One command, no questions: 0, soon, a mail each with his own figures and attachment, nothing beside its folder."""
    with soon():
        ran = run_process("demo", "story", cwd=here)

    assert ran.code == 0, ran.err
    found = mails(here / "story/mailbox")
    assert len(found) == 14
    assert len({str(mail["To"]) for mail in found}) == 14
    assert (
        len({hashlib.sha256(next(iter(mail.iter_attachments())).get_content()).hexdigest() for mail in found})
        == 14
    )
    log = next(iter((here / "story/results").glob("*.csv")))
    assert len(log.read_text(encoding="utf-8-sig").splitlines()) == 15
    assert str(log) in ran.out or log.name in ran.out
    assert "story" in ran.out
    assert [path.name for path in here.iterdir()] == ["story"]
    kept = {path.name for path in (here / "story/.mailmerge").iterdir()}
    assert kept == {".gitignore", "ledger.sqlite3", "lock"}  # no journal of SQLite's is left open


def test_the_demo_refuses_a_second_time_without_harm(here: Path) -> None:
    """Twice in one folder: 65 and every file as it was."""
    assert run_here("demo", "story").code == 0
    before = fingerprint(here / "story")
    ran = run_here("demo", "story")

    assert ran.code == 65
    assert before == fingerprint(here / "story")


def test_the_demo_needs_no_folder_no_home_and_no_terminal(here: Path) -> None:
    """Default: a new temporary folder, told at the end; NO_COLOR and a pipe: no control codes."""
    ran = run_process("demo", "--json", cwd=here, environ={"TMPDIR": str(here), "NO_COLOR": "1"})

    assert (ran.code, ran.json["counts"]["sent"]) == (0, 14)
    assert Path(ran.json["folder"]).is_dir()
    assert "\x1b" not in ran.out + ran.err
    assert json.loads(ran.out)["folder"] in ran.err
