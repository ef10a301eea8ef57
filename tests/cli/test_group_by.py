"""Several lines, one mail, as a person meets it: check, preview, send, and a line that comes late; and `where`, which chooses lines."""

from __future__ import annotations

import json
import re
from datetime import date
from email import policy
from email.parser import BytesParser
from pathlib import Path

import openpyxl
import pytest

from support.program import Ran, log_lines, run_here, states, write_campaign, write_list, write_toml

HEADER = "order,email,name,item,price"
ORDERS = [
    "7,ana@example.org,Ana,Lamp,40.00",
    "8,ben@example.org,Ben,Chair,79.50",
    "7,ana@example.org,Ana,Table,120.90",
    "9,cem@example.org,Cem,Rug,200.00",
    "8,BEN@example.org,Ben,Vase,12.00",
]
LETTER = """\
From: Shop <shop@example.org>
Subject: {{ name }}, {{ rows | length }} things

{% for line in rows %}
{{ line.item }}: {{ line.price }}
{% endfor %}
Together: {{ rows | total("price") | format("#,##0.00") }}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three orders of five lines, and an account that writes files."""
    folder = write_campaign(tmp_path / "c", ORDERS, message=LETTER, header=HEADER)
    monkeypatch.chdir(folder)
    settle(folder)
    return folder


def settle(folder: Path, recipients: str = 'group_by = "email"', **more: str) -> None:
    write_toml(folder, "outbox:out", recipients=recipients, **more)
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text().replace('key = "id"\n', ""))


def mails(folder: Path) -> dict[str, str]:
    """Address → subject and body of each mail that was written."""
    found: dict[str, str] = {}
    for path in (folder / "out").glob("*.eml"):
        mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
        body = mail.get_body(("plain",))
        assert body is not None
        assert str(mail["To"]) not in found
        found[str(mail["To"])] = f"{mail['Subject']}\n{body.get_content()}".replace("\r\n", "\n")
    return found


def problems(ran: Ran) -> list[tuple[int | None, str | None, str]]:
    return [(p["row"], p["column"], p["message"]) for p in ran.json["problems"]]


def test_several_lines_are_one_mail(shop: Path) -> None:
    """An order of two lines is one letter, one line in the ledger and one in the result log, under its first line."""
    ran = run_here("send", "--yes")

    assert ran.code == 0, ran.err
    assert mails(shop) == {
        "Ana <ana@example.org>": "Ana, 2 things\nLamp: 40.00\nTable: 120.90\nTogether: 160.90\n",
        "Ben <ben@example.org>": "Ben, 2 things\nChair: 79.50\nVase: 12.00\nTogether: 91.50\n",
        "Cem <cem@example.org>": "Cem, 1 things\nRug: 200.00\nTogether: 200.00\n",
    }
    assert [(line["row"], line["key"]) for line in log_lines(shop)] == [
        (2, "ana@example.org"), (3, "ben@example.org"), (5, "cem@example.org"),
    ]  # fmt: skip
    assert "5 rows in 3 groups by “email”" in ran.err + ran.out
    again = run_here("send", "--yes")
    assert (again.code, len(mails(shop))) == (0, 3)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_worker_processes_put_the_same_lines_together(shop: Path, workers: str) -> None:
    """Whoever makes the mails reads the same groups."""
    write_list(
        shop, [f"{n},p{n % 40}@example.org,P{n % 40},thing-{n},{n}" for n in range(120)], header=HEADER
    )
    ran = run_here("send", "--yes", "--workers", workers)

    assert ran.code == 0, ran.err
    written = mails(shop)
    assert len(written) == 40
    for n in range(40):
        body = written[f"P{n} <p{n}@example.org>"]
        assert [line.split(":")[0] for line in body.splitlines()[1:4]] == [
            f"thing-{n + 40 * k}" for k in range(3)
        ]


def test_an_option_says_it_too_by_title_name_or_alias(shop: Path) -> None:
    """`--group-by`; a column that does not exist is refused with the nearest."""
    settle(shop, "")
    write_list(shop, ORDERS, header="order,E-mail,name,item,price")
    for name in ("E-mail", "e_mail", "E-MAIL"):
        ran = run_here("check", "--group-by", name)
        assert (ran.code, "3 mails would be sent" in ran.out) == (0, True), ran.err
    wrong = run_here("check", "--group-by", "E-mall")
    assert wrong.code == 65
    assert "nearest is “E-mail”" in wrong.err


def test_a_group_by_another_column_has_its_value_for_a_key(shop: Path) -> None:
    """An order is known by its number; two orders of one person are told as any two keys with one address."""
    settle(shop, 'group_by = "order"')
    assert run_here("send", "--yes").code == 0
    assert states(shop) == {"7": "sent", "8": "sent", "9": "sent"}

    write_list(shop, [*ORDERS, "10,ana@example.org,Ana,Pot,5.00"], header=HEADER)
    ran = run_here("send", "--yes", "--run", "other", "--json")
    assert ran.code == 65
    assert "has the address of row 2" in problems(ran)[0][2]


def test_a_key_of_ones_own_must_be_the_same_in_all_lines(shop: Path) -> None:
    """Else nobody knows whose mail it is."""
    settle(shop, 'group_by = "email"\nkey = "order"')
    assert run_here("check").code == 0

    write_list(shop, [*ORDERS, "10,ana@example.org,Ana,Pot,5.00"], header=HEADER)
    ran = run_here("check", "--json")
    assert ran.code == 65
    assert [(row, column) for row, column, _ in problems(ran)] == [(2, "order")]
    assert "(2, 4, 7)" in problems(ran)[0][2]


def test_an_address_must_be_the_same_in_all_lines(shop: Path) -> None:
    """A line with somebody else's address in a group: nobody gets that mail, and the others wait too."""
    settle(shop, 'group_by = "order"')
    write_list(shop, [*ORDERS, "7,eve@example.org,Ana,Pot,5.00"], header=HEADER)
    ran = run_here("send", "--yes", "--json")

    assert ran.code == 65
    assert [(row, column) for row, column, _ in problems(ran)] == [(2, "email")]
    assert not (shop / "out").exists() or not mails(shop)


def test_a_column_that_differs_is_told_before_anything_is_sent(shop: Path) -> None:
    """`{{ item }}` of two lines means neither; the message says what to write."""
    (shop / "letter.txt").write_text(LETTER + "{{ item }}\n")
    ran = run_here("send", "--yes", "--json")

    assert ran.code == 65
    assert [(row, column) for row, column, _ in problems(ran)] == [(2, "item"), (3, "item")]
    assert "{% for line in rows %}{{ line.item }}{% endfor %}" in problems(ran)[0][2]


def test_one_bad_line_makes_its_group_invalid(shop: Path) -> None:
    """The problem names the line; the others go if the campaign says so, and nobody gets half a letter."""
    settle(shop, 'group_by = "email"\nrequired = ["price"]', sending='on_invalid = "send-others"')
    write_list(shop, [*ORDERS, "7,ana@example.org,Ana,Pot,"], header=HEADER)
    ran = run_here("send", "--yes", "--json")

    assert ran.code == 1, ran.err
    assert [(row, column) for row, column, _ in problems(ran)] == [(7, "price")]
    assert states(shop) == {
        "ana@example.org": "invalid",
        "ben@example.org": "sent",
        "cem@example.org": "sent",
    }
    assert set(mails(shop)) == {"Ben <ben@example.org>", "Cem <cem@example.org>"}


def test_a_line_without_a_group_is_bad(shop: Path) -> None:
    """Nobody knows which mail it belongs to."""
    settle(shop, 'group_by = "order"')
    write_list(shop, [*ORDERS, ",ana@example.org,Ana,Pot,5.00"], header=HEADER)
    ran = run_here("check", "--json")

    assert ran.code == 65
    assert [(row, column) for row, column, _ in problems(ran)] == [(7, "order")]


def test_lines_without_an_address_are_rows_of_their_own(shop: Path) -> None:
    """Each is told, or skipped, as `no_address` says."""
    write_list(shop, [*ORDERS, "10,,Dan,Pot,5.00", "11,,Eli,Pan,5.00"], header=HEADER)
    refused = run_here("check", "--json")
    assert [(row, column) for row, column, _ in problems(refused)] == [(7, "email"), (8, "email")]

    skipped = run_here("send", "--yes", "--json", "--no-address", "skip")
    assert (skipped.code, skipped.json["counts"]["sent"], skipped.json["counts"]["skipped"]) == (0, 3, 2)


def test_an_excluded_address_loses_its_whole_group(shop: Path) -> None:
    """Exclusions and duplicates look at mails, not at lines."""
    (shop / "no.txt").write_text("Ana@example.org\n")
    ran = run_here("send", "--yes", "--json", "--exclude", "no.txt")

    assert (ran.json["counts"]["sent"], ran.json["counts"]["skipped"]) == (2, 1)


def test_a_line_that_comes_late_is_told_and_not_sent(shop: Path) -> None:
    """Whoever has his letter gets no second one; a group that nobody has written to yet is one new key."""
    assert run_here("send", "--yes").code == 0
    before = mails(shop)
    write_list(
        shop, [*ORDERS, "7,ana@example.org,Ana,Pot,5.00", "10,dan@example.org,Dan,Pan,9.00"], header=HEADER
    )

    told = run_here("send", "--yes")
    assert told.code == 65
    assert "ana@example.org (row 2)" in told.err
    assert "1 new in the list: dan@example.org (row 8)" in told.err
    assert mails(shop) == before

    accepted = run_here("send", "--yes", "--accept-changes")
    assert accepted.code == 0, accepted.err
    assert set(mails(shop)) - set(before) == {"Dan <dan@example.org>"}
    assert {address: mails(shop)[address] for address in before} == before


def test_lines_of_a_mail_that_is_not_sent_yet_change_with_it(shop: Path) -> None:
    """What waits takes the new lines in, once they were accepted."""
    assert run_here("send", "--yes", "--limit", "1").code == 75
    write_list(shop, [*ORDERS, "8,ben@example.org,Ben,Pot,5.00"], header=HEADER)
    assert run_here("send", "--yes").code == 65
    assert run_here("send", "--yes", "--accept-changes").code == 0

    assert mails(shop)["Ben <ben@example.org>"].startswith("Ben, 3 things")


def test_grouping_otherwise_is_another_list(shop: Path) -> None:
    """A run that was begun with one grouping does not go on with another one unasked."""
    assert run_here("send", "--yes", "--limit", "1").code == 75
    settle(shop, 'group_by = "order"')

    ran = run_here("send", "--yes")
    assert ran.code == 65
    assert len(mails(shop)) == 1


def test_preview_finds_a_mail_by_any_of_its_lines(shop: Path) -> None:
    """A person looks at a line of the sheet and wants the mail that it is in."""
    found, other = (run_here("preview", "--row", row, "--json").json for row in (3, 6))
    dated = re.compile(r"^Date:.*\n", re.MULTILINE)  # by when it was looked at

    assert (found["row"], dated.sub("", found["mail"])) == (other["row"], dated.sub("", other["mail"]))
    assert "Vase" in found["mail"]
    assert run_here("preview", "--row", "7").code == 65


def test_a_column_called_rows_is_refused_only_with_groups(shop: Path) -> None:
    """65, and it says why."""
    write_list(shop, [f"{line},1" for line in ORDERS], header=HEADER + ",rows")
    ran = run_here("check")
    assert ran.code == 65
    assert "group_by" in ran.err

    settle(shop, "")
    (shop / "letter.txt").write_text("From: shop@example.org\nSubject: x\n\n{{ rows }}\n")
    assert run_here("check", "--duplicates", "send", "--key-column", "item").code == 0


def test_a_letter_for_groups_is_not_sent_line_by_line(shop: Path) -> None:
    """Without group_by the same campaign would be one mail a line; the template says that it is not meant so."""
    settle(shop, "")
    ran = run_here("check")

    assert ran.code == 65
    assert "--group-by" in ran.err


def test_a_workbook_prints_and_adds_up(shop: Path) -> None:
    """Lines print as the sheet shows them and compute as its values."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["email", "due", "amount"])
    for day, amount in ((3, 1234.5), (4, 0.1), (5, 0.2)):
        sheet.append(["ana@example.org", date(2026, 1, day), amount])
        sheet.cell(sheet.max_row, 2).number_format = "d mmm"
        sheet.cell(sheet.max_row, 3).number_format = '"¥"#,##0.00'
    book.save(shop / "people.xlsx")
    text = "From: a@example.org\nSubject: x\n\n{% for line in rows %}{{ line.due }} {{ line.amount }};{% endfor %} {{ rows | sum(attribute='amount') }}\n"
    (shop / "letter.txt").write_text(text)
    ran = run_here("send", "--yes", "-r", "people.xlsx")

    assert ran.code == 0, ran.err
    assert mails(shop)["ana@example.org"].splitlines()[1] == "3 Jan ¥1,234.50;4 Jan ¥0.10;5 Jan ¥0.20; 1234.8"


# -- where ---------------------------------------------------------------------------------------------------------------


def test_where_chooses_lines_before_they_are_put_together(shop: Path) -> None:
    """A letter holds the lines that were chosen; a group without any gets none."""
    settle(shop, """group_by = "email"\nwhere = 'item != "Lamp" and item != "Rug"'""")
    ran = run_here("send", "--yes")

    assert ran.code == 0, ran.err
    assert mails(shop) == {
        "Ana <ana@example.org>": "Ana, 1 things\nTable: 120.90\nTogether: 120.90\n",
        "Ben <ben@example.org>": "Ben, 2 things\nChair: 79.50\nVase: 12.00\nTogether: 91.50\n",
    }
    assert [line["row"] for line in log_lines(shop)] == [3, 4]


@pytest.mark.parametrize("command", [("check",), ("send", "--yes"), ("preview",)])
@pytest.mark.parametrize("grouped", [True, False])
def test_where_that_selects_nobody_says_so(shop: Path, command: tuple[str, ...], grouped: bool) -> None:
    """65, with groups and without; nothing is sent and no run is begun."""
    settle(shop, 'group_by = "email"' if grouped else 'key = "item"\nduplicates = "send"')
    if not grouped:
        (shop / "letter.txt").write_text("From: a@example.org\nSubject: {{ item }}\n\nx\n")
    ran = run_here(*command, "--where", 'name == "Zoe"')

    assert ran.code == 65
    assert "where" in ran.err
    if command != ("preview",):
        assert "selects none of the 5 rows" in ran.err


def test_where_that_cannot_be_computed_for_a_line_leaves_nothing_out(shop: Path) -> None:
    """The line is told, and its whole group is invalid."""
    write_list(shop, [*ORDERS, "7,ana@example.org,Ana,Pot,free"], header=HEADER)
    ran = run_here("check", "--json", "--where", "price | number > 0")

    assert ran.code == 65
    assert [(row, column) for row, column, _ in problems(ran)] == [(7, "price")]


def test_where_knows_no_rows(shop: Path) -> None:
    """It looks at one line at a time."""
    ran = run_here("check", "--where", "rows | length > 1")

    assert ran.code == 65
    assert "rows" in ran.err


@pytest.mark.parametrize(
    ("where", "selected"),
    [
        ("net > 0", ["1", "3"]),
        ("net >= 1234.5", ["1"]),
        ('joined >= date("2026-01-01")', ["2", "3"]),
        ('joined < "2026-01-01" | date', ["1"]),
        ("joined <= today", ["1", "2", "3"]),
        ('staff_no == "00017"', ["1"]),
        ("staff_no == 17", ["1"]),
        ('staff_no in ["00017", "00019"]', ["1", "3"]),
        ('joined == "2026-01-01"', ["2"]),
        ('net != "¥1,234.50"', ["2", "3"]),
        ('dept == "研发"', ["1", "3"]),
        ("active", ["1", "2"]),
        ('active == "TRUE" and net > 0', ["1"]),
        ('row["Staff no"] != "00018"', ["1", "3"]),
    ],
)
def test_where_compares_by_value_and_by_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, selected: list[str]
) -> None:
    """Numbers and dates compare as values; a text is compared with what the sheet shows."""
    monkeypatch.chdir(tmp_path)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["id", "email", "Staff no", "net", "joined", "dept", "active"])
    for n, (net, day, dept, active) in enumerate(
        (
            (1234.5, date(2025, 12, 31), "研发", True),
            (0, date(2026, 1, 1), "HR", True),
            (7, date(2026, 2, 3), "研发", False),
        ),
        1,
    ):
        sheet.append([n, f"p{n}@example.org", 16 + n, net, day, dept, active])
        for column, code in ((3, "00000"), (4, '"¥"#,##0.00'), (5, "yyyy-mm-dd")):
            sheet.cell(n + 1, column).number_format = code
    book.save("people.xlsx")
    Path("letter.txt").write_text("From: a@example.org\nSubject: x\n\nx\n")
    words = (
        "-r",
        "people.xlsx",
        "-m",
        "letter.txt",
        "-a",
        "outbox:out",
        "--key-column",
        "id",
        "--where",
        where,
    )
    ran = run_here("send", "--yes", "--json", *words)

    assert ran.code == 0, ran.err
    log = run_here("log", "-r", "people.xlsx", "-m", "letter.txt", "--format", "jsonl")
    assert [json.loads(line)["key"] for line in log.out.splitlines()] == selected


@pytest.mark.parametrize(
    ("where", "told"),
    [("date", "no column or value named 'date'"), ("date > 1", "no column or value named 'date'")],
)
def test_date_is_no_value(shop: Path, where: str, told: str) -> None:
    """`date(…)` makes one of a text; alone it is a column's name, and here there is none."""
    ran = run_here("check", "--where", where)
    assert ran.code == 65
    assert told in ran.err


def test_date_is_a_column_where_there_is_one(shop: Path) -> None:
    """Then it cannot be called, and the message says what to write instead."""
    write_list(shop, [f"{line},2026-01-05" for line in ORDERS], header=HEADER + ",date")
    assert run_here("check", "--where", 'date | date >= "2026-01-01" | date').code == 0
    ran = run_here("check", "--where", 'date | date >= date("2026-01-01")')
    assert ran.code == 65
    assert '"2026-01-01" | date' in ran.err
