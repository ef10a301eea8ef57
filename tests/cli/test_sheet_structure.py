"""Sheets as people make them, from the file to the mail: headings, titles in several rows, totals, tables by name."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from openpyxl.worksheet.table import Table

from support.program import run_here
from support.tables import write_workbook

PEOPLE = [
    ("王伟", "0017", "wang@example.com", 8000, 500, -300, 8200),
    ("李娜", "0018", "li@example.com", 9000, 700, -400, 9300),
]
LETTER = """\
From: HR <hr@example.org>
Subject: 工资 {{ month }}

{{ 姓名 }}: {{ 应发工资_基本工资 }} + {{ 奖金 }} {{ row["扣款 / 社保"] }} = {{ 实发工资 }}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A payroll: heading, two rows of titles, two people, totals whose word is merged."""
    book, sheet = write_workbook(
        tmp_path / "payroll.xlsx",
        [
            ("2026年11月工资表",),
            ("姓名", "工号", "邮箱", "应发工资", None, "扣款", "实发工资"),
            (None, None, None, "基本工资", "奖金", "社保", None),
            *PEOPLE,
            ("合计", None, None, *(f"=SUM({letter}4:{letter}5)" for letter in "DEFG")),
        ],
    )
    for each in ("A1:G1", "A2:A3", "B2:B3", "C2:C3", "D2:E2", "G2:G3", "A6:C6"):
        sheet.merge_cells(each)
    book.save(tmp_path / "payroll.xlsx")
    (tmp_path / "letter.txt").write_text(LETTER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(folder: Path, *lines: str) -> None:
    """campaign.toml over that list."""
    recipients = "\n".join(['file = "payroll.xlsx"', 'key = "工号"', *lines])
    text = f'account = "outbox:mails"\n[recipients]\n{recipients}\n[message]\nfile = "letter.txt"\n'
    (folder / "campaign.toml").write_text(text, encoding="utf-8")


def mails(folder: Path) -> dict[str, str]:
    """Addressee → text of each mail."""
    found: dict[str, str] = {}
    for file in (folder / "mails").glob("*.eml"):
        mail: Any = message_from_bytes(file.read_bytes(), policy=policy.default)
        found[mail["To"].addresses[0].addr_spec] = mail.get_content().strip()
    return found


def test_a_payroll_with_everything(folder):
    """Everybody his own figures under both kinds of names; the totals are told, and nobody's."""
    settings(folder, 'required = ["基本工资"]', 'where = "奖金 > 0"')
    checked = run_here("check")
    assert checked.code == 0, checked.err
    assert "header: rows 2–3; data from row 4; row 1 is a heading" in checked.err
    assert "row 6 looks like totals (合计): not sent" in checked.err
    ran = run_here("send", "--yes", "--json")
    assert (ran.code, ran.json["counts"]["rows"], ran.json["counts"]["sent"]) == (0, 2, 2)
    assert mails(folder) == {
        "wang@example.com": "王伟: 8000 + 500 -300 = 8200",
        "li@example.com": "李娜: 9000 + 700 -400 = 9300",
    }


def test_totals_of_a_long_list_are_told(folder):
    """Behind more rows than are looked at to guess columns."""
    rows = [(f"p{at}", f"p{at}@example.com", at) for at in range(120)]
    write_workbook(
        folder / "payroll.xlsx", [("工号", "邮箱", "net"), *rows, ("Total", None, "=SUM(C2:C121)")]
    )
    (folder / "letter.txt").write_text("From: a@example.org\nSubject: x\n\n{{ net }}\n", encoding="utf-8")
    settings(folder)
    ran = run_here("check")
    assert ran.code == 0, ran.err
    assert ran.err.count("row 122 looks like totals (Total): not sent") == 1


def test_a_person_without_address_stays_refused(folder):
    """A row of totals is one thing, a person without an address another."""
    write_workbook(
        folder / "payroll.xlsx", [("工号", "邮箱", "net"), ("1", "a@example.com", 5), ("2", None, 7)]
    )
    (folder / "letter.txt").write_text("From: a@example.org\nSubject: x\n\n{{ net }}\n", encoding="utf-8")
    settings(folder)
    ran = run_here("check")
    assert ran.code == 65
    assert "has no address" in ran.err


def test_options(folder):
    """Each of the keys has its option; a contradiction is refused (65), a wrong word is 2."""
    book, sheet = write_workbook(
        folder / "list.xlsx", [("by hand",), (), (None, "姓名", "邮箱"), (None, "Ann", "ann@example.com")]
    )
    sheet.add_table(Table(displayName="Payroll", ref="B3:C4"))
    book.create_sheet("Other")
    book.save(folder / "list.xlsx")
    (folder / "letter.txt").write_text("From: a@example.org\nSubject: x\n\n{{ 姓名 }}\n", encoding="utf-8")
    words = ("check", "-r", "list.xlsx", "-m", "letter.txt", "-a", "outbox:mails")
    assert run_here(*words, "--table", "Payroll").code == 0
    assert run_here(*words, "--sheet", "Pay", "--start", "b3", "--header-rows", "1").code == 0
    other = run_here(*words, "--table", "Payroll", "--sheet", "Other")
    assert (other.code, "not on “Other”" in other.err) == (65, True)
    unknown = run_here(*words, "--table", "Payrol")
    assert (unknown.code, "did you mean “Payroll”?" in unknown.err) == (65, True)
    assert run_here(*words, "--start", "B").code == 2
    assert run_here(*words, "--header-rows", "9").code == 2


def test_what_is_not_clear_says_what_to_write(folder):
    """Groups that nobody merged: 65, the key to write, and with it all is well."""
    write_workbook(
        folder / "payroll.xlsx",
        [
            ("姓名", "工号", "邮箱", "应发工资", None, "扣款", "实发工资"),
            (None, None, None, "基本工资", "奖金", "社保", None),
            *PEOPLE,
        ],
    )
    settings(folder)
    ran = run_here("check")
    assert ran.code == 65
    assert "header_rows = 2" in ran.err
    settings(folder, "header_rows = 2")
    assert run_here("check").code == 0


def test_init_around_such_a_list(folder):
    """The campaign that is written names full titles, both levels stand in the payslip's table, and `check` accepts it."""
    assert run_here("init", "new", "--kind", "payslip", "-r", "payroll.xlsx").code == 0
    assert "| 应发工资 / 奖金 | {{ 应发工资_奖金 }} |" in (folder / "new/payslip.md").read_text(
        encoding="utf-8"
    )
    assert run_here("check", "new").code == 0


def test_init_says_how_the_list_is_read(folder):
    """What had to be said to open it stands in campaign.toml."""
    write_workbook(
        folder / "list.xlsx",
        [
            ("x", None),
            (None, "姓名", "邮箱", "工资", None),
            (None, None, None, "基本", "奖金"),
            (None, *PEOPLE[0][::2], 5),
        ],
    )
    words = ("init", "new", "-r", "list.xlsx", "--start", "b2")
    assert run_here(*words).code == 65
    assert run_here(*words, "--header-rows", "2").code == 0
    text = (folder / "new/campaign.toml").read_text(encoding="utf-8")
    assert 'start = "B2"' in text
    assert "header_rows = 2" in text
    assert run_here("init", "other", "-r", "list.xlsx", "--start", "2").code == 2
