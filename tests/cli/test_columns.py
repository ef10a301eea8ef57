"""`check` and `preview` show how the list was understood: columns, one value each, what is taken for what, and why."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from support.program import run_here
from support.tables import write_workbook
from support.terminal import run_on_terminal

SALARY = "98765.43"
HEADER = ["E-mail", "姓名", "Staff no.", "net", "note"]
ROWS = [["ann@example.com", "Ann", "001", "", "x"], ["bob@example.com", "Bob", "002", float(SALARY), "y"]]


@pytest.fixture
def folder(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list in a workbook, and a message, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_workbook(tmp_path / "pay.xlsx", [HEADER, *ROWS])
    (tmp_path / "m.txt").write_text(
        "From: hr@example.org\nSubject: Pay\n\nDear {{ 姓名 }}\n", encoding="utf-8"
    )
    return tmp_path


def shown(folder: Path, *words: str, columns: int = 80) -> tuple[int, str]:
    """A call on a terminal of that width."""
    script = (
        f"import os, sys; os.chdir({str(folder)!r}); from mailmerge_cli.cli.main import main; "
        f"sys.exit(main({['-', *words][1:]!r}))"
    )
    return run_on_terminal(script, columns=columns, environ={"COLUMNS": str(columns)})


@pytest.mark.parametrize("command", ["check", "preview"])
def test_a_terminal_shows_values(folder: Path, command: str) -> None:
    """A person sees each column with its first value that is not blank, what it is taken for, and why."""
    code, text = shown(folder, command, "-r", "pay.xlsx", "-m", "m.txt")
    assert code == 0, text
    for word in (*HEADER, "e_mail", "staff_no", "ann@example.com", "Ann", "001", SALARY, "address, key"):
        assert word in text
    assert "Column “E-mail”: the address, by its title and its cells" in text
    assert "Column “姓名”: the name, by its title" in text
    assert '--key-column "Staff no."' in text


@pytest.mark.parametrize("command", ["check", "preview"])
def test_a_pipe_gets_no_values(folder: Path, command: str) -> None:
    """A pipe, a file or a cron mail gets the table, and no value of a cell in it: not on either stream, not in the log file."""
    ran = run_here(command, "-r", "pay.xlsx", "-m", "m.txt", "--log-file", "log.txt")
    assert ran.code == 0
    assert "Staff no." in ran.out
    assert "•••" in ran.out
    log = Path("log.txt").read_text() if Path("log.txt").exists() else ""
    everything = ran.out + ran.err + log
    assert SALARY not in everything
    assert "001" not in everything


def test_json_has_the_columns(folder: Path) -> None:
    """`--json` has them as keys; examples are masked, a column without any value has none."""
    write_workbook(folder / "pay.xlsx", [[*HEADER, "blank"], *ROWS])
    for command in (["check"], ["preview"], ["preview", "--out", "mails"]):
        ran = run_here(*command, "-r", "pay.xlsx", "-m", "m.txt", "--json")
        columns = {column["title"]: column for column in ran.json["columns"]}
        assert list(columns) == [*HEADER, "blank"]
        assert columns["E-mail"] == {
            "title": "E-mail",
            "name": "e_mail",
            "letter": "A",
            "role": "address, key",
            "why": "the address, by its title and its cells; also the key, because no key column is said",
            "example": "•••",
        }
        assert columns["姓名"]["role"] == "name"
        assert columns["net"]["example"] == "•••"
        assert columns["blank"]["example"] == ""
        assert SALARY not in ran.out
        assert SALARY not in ran.err


def test_what_the_person_said_is_told_as_such(folder: Path) -> None:
    """A column that was named is not guessed; required ones are marked."""
    ran = run_here(
        *(
            "check",
            "-r",
            "pay.xlsx",
            "-m",
            "m.txt",
            "--json",
            "--key-column",
            "Staff no.",
            "--email-column",
            "E-mail",
        ),
        *("--require", "note"),
    )
    columns = {column["title"]: column for column in ran.json["columns"]}
    assert columns["E-mail"]["role"] == "address"
    assert columns["E-mail"]["why"] == "the address, as you say"
    assert columns["Staff no."]["role"] == "key"
    assert columns["note"]["role"] == "required"


@pytest.mark.parametrize("width", [80, 64])
def test_forty_columns_stay_readable(folder: Path, width: int) -> None:
    """A wide list is a line a column, however long its values and titles are; no line breaks."""
    titles = ["E-mail", *(f"实发工资 of month {at:02d} in the local currency" for at in range(39))]
    values = ["ann@example.com", *("a very long value " * 9 for _ in range(39))]
    write_workbook(folder / "wide.xlsx", [titles, values])
    code, text = shown(folder, "check", "-r", "wide.xlsx", "-m", "m2.txt", columns=width)
    assert code == 66, "there is no such message yet"
    (folder / "m2.txt").write_text("From: hr@example.org\nSubject: Pay\n\nHello\n")
    code, text = shown(folder, "check", "-r", "wide.xlsx", "-m", "m2.txt", columns=width)
    assert code == 0, text
    lines = [line.split() for line in text.splitlines() if "实发工资" in line]
    assert len(lines) == 39
    assert (lines[0][0], lines[1][0], lines[-1][0]) == ("B", "C", "AN")
    # Title, rule and forty lines stand between the heading and the reasons: nothing is broken over two.
    begin = next(at for at, line in enumerate(text.splitlines()) if "in templates" in line)
    end = next(at for at, line in enumerate(text.splitlines()) if line.startswith("Column “E-mail”"))
    assert end - begin <= 2 + 40 + 1


def test_quiet_shows_none(folder: Path) -> None:
    """A cron job that asked for silence gets the error alone."""
    (folder / "m.txt").write_text("From: hr@example.org\nSubject: Pay\n\n{{ nett }}\n", encoding="utf-8")
    ran = run_here("check", "-r", "pay.xlsx", "-m", "m.txt", "--quiet")
    assert ran.code == 65
    assert "in templates" not in ran.out + ran.err


def test_one_is_one(folder: Path) -> None:
    """One mail, one row: no plural."""
    write_workbook(folder / "pay.xlsx", [HEADER, ROWS[0]])
    assert "1 mail would be sent" in run_here("check", "-r", "pay.xlsx", "-m", "m.txt").out
    write_workbook(folder / "pay.xlsx", [HEADER, ROWS[0], ["bob@example,com", *ROWS[1][1:]]])
    ran = run_here("check", "-r", "pay.xlsx", "-m", "m.txt", "--on-invalid", "send-others")
    assert "1 row is invalid" in ran.err


def test_with_group_by_the_key_says_why(folder: Path) -> None:
    """The value that the lines of a mail share is its key, and that is the reason that is told."""
    write_workbook(folder / "pay.xlsx", [["E-mail", "Order"], ["a@example.com", "7"], ["a@example.com", "7"]])
    (folder / "m.txt").write_text("From: hr@example.org\nSubject: Pay\n\n{{ rows | length }}\n")
    ran = run_here("check", "-r", "pay.xlsx", "-m", "m.txt", "--group-by", "Order")
    assert ran.code == 0, ran.err
    assert (
        "Column “Order”: the key, because rows with the same value in it are one mail." in ran.out + ran.err
    )
    assert "the key, Key" not in ran.out + ran.err


def test_only_names_that_work_are_shown(folder: Path) -> None:
    """A short name that is a value of the run or of the campaign, or that means something in every template, is not a column's."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (
        ["E-mail", "Pay", "", "Gross", "", "not"],
        ["", "month", "Other", "Net", "Tax", ""],
        ["ann@example.com", 1, 2, 3, 4, 5],
        ["bob@example.com", 1, 2, 3, 4, 5],
    ):
        sheet.append(line)
    for merged in ("A1:A2", "B1:C1", "D1:E1", "F1:F2"):
        sheet.merge_cells(merged)
    book.save(folder / "pay.xlsx")
    (folder / "m.txt").write_text("From: hr@example.org\nSubject: Pay\n\nHello\n")
    ran = run_here("check", "-r", "pay.xlsx", "-m", "m.txt", "--set", "Net=9", "--json")
    assert ran.code == 0, ran.err
    assert {column["title"]: column["name"] for column in ran.json["columns"]} == {
        "E-mail": "e_mail",
        "Pay / month": "pay_month",
        "Pay / Other": "pay_other or Other",
        "Gross / Net": "gross_net",
        "Gross / Tax": "gross_tax or Tax",
        "not": 'row["not"]',
    }
    (folder / "m.txt").write_text(
        'From: hr@example.org\nSubject: Pay\n\n{{ row["not"] }} {{ pay_month }} {{ Other }} {{ gross_net }}\n'
    )
    assert "5 1 2 3" in run_here("preview", "-r", "pay.xlsx", "-m", "m.txt", "--set", "Net=9").out
