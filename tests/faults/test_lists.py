"""Catalogue F, as the program meets it: whatever the list is like, the right people get the right mail, or nobody gets any."""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from faults.trial import HEAD, PLAIN, Trial, once, text_of
from support.program import command, people, run_here, run_process
from support.tables import sheet_xml, text_rows, write_package, write_workbook

EXPORT = "email,id,name\np1@example.org,1,Jürgen Weiß\np2@example.org,2,Zoë Ångström\n"


SAID = ("--encoding", "cp1252")


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (EXPORT.encode("utf-8-sig"), ()),
        (EXPORT.encode("cp1252"), SAID),
        (EXPORT.encode("utf-16"), ()),
        (EXPORT.encode("utf-16-le"), ()),
        (EXPORT.replace(",", "\t").encode("utf-16"), ()),
        (EXPORT.replace(",", ";").encode("utf-8-sig"), ()),
        (EXPORT.replace(",", ";").replace("\n", "\r\n").encode("cp1252"), SAID),
    ],
    ids=["mark", "cp1252", "utf-16", "utf-16-no-mark", "unicode-text", "semicolon", "german"],
)
def test_F01_F02_F03_what_excel_exports_reaches_the_right_people(
    trial: Trial, octets: bytes, said: tuple[str, ...]
) -> None:
    """Mark, code page, UTF-16, tab, semicolon: every name arrives as it was typed, and the first column has its name."""
    trial.write(letter=PLAIN).raw(octets)
    ran = trial.send(*said)

    assert (0, once(1, 2)) == (ran.code, trial.got()), ran.err
    assert ["Dear Jürgen Weiß.", "Dear Zoë Ångström."] == sorted(
        text_of(mail).strip() for mail in trial.mails()
    )


@pytest.mark.parametrize("encoding", ["cp1252", "cp1250", "gb18030"])
def test_F02_nobody_is_mailed_by_a_guess_at_letters(trial: Trial, encoding: str) -> None:
    """With --yes nobody looks at the names: 65, and how to look and what to say; `check` and `preview` show them; said, it goes, and goes on."""
    name = {"cp1252": "Zoë Ångström", "cp1250": "Łukasz Żółć", "gb18030": "王芳"}[encoding]
    trial.write(letter=PLAIN).raw(
        f"email,id,name\np1@example.org,1,{name}\np2@example.org,2,{name}\n".encode(encoding)
    )
    trial.refused(trial.send(), "a guess", "mailmerge preview", "--encoding")

    for word in ("check", "preview"):
        ran = run_here(word, trial.folder)
        assert (0, True) == (ran.code, "a guess" in ran.err), ran.err
    assert (75, once(1)) == (trial.send("--encoding", encoding, "--limit", "1").code, trial.got())
    assert (0, once(1, 2)) == (trial.send().code, trial.got())
    assert f"Dear {name}." in text_of(trial.mails()[0])


def test_F02_a_damaged_letter_refuses_the_whole_file(trial: Trial) -> None:
    """One byte that is no UTF-8 in a file that is: 65 with its line, whatever is wished for bad rows."""
    whole = "id,name,email,token\n1,Zoë,p1@example.org,a\n2,Noë,p2@example.org,b\n3,Ünal,p3@example.org,c\n".encode()
    trial.raw(whole.replace("Noë".encode(), "Noë".encode()[:-1]))
    trial.refused(trial.send_others(), "line 3", "--encoding")


def test_F03_the_preview_shows_the_parsed_cells(trial: Trial) -> None:
    """What a delimiter made of a line can be looked at before anything is sent."""
    trial.write(["1;Ann;p1@example.org;1,50"], header="id;name;email;token", letter=PLAIN + "{{ token }}\n")
    shown = run_here("preview", trial.folder)

    assert 0 == shown.code
    assert "Dear Ann." in shown.out
    assert "1,50" in shown.out


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\ufffe"])
def test_F08_a_control_character_makes_the_row_invalid(trial: Trial, character: str) -> None:
    """Its place and number are told; it never reaches the wire."""
    trial.write(["1,Ann,p1@example.org,tok1", f"2,B{character}b,p2@example.org,tok2"])
    ran = trial.is_bad_row((3, "name"), key="2", said=f"U+{ord(character):04X}")

    assert once(1) == trial.got()
    assert character not in ran.err
    assert not trial.server.saw(character.encode())


def test_F09_a_huge_cell_makes_its_row_invalid(trial: Trial) -> None:
    """More than 131,072 characters: a sentence with row and column, no traceback."""
    trial.write(["1,Ann,p1@example.org,tok1", f"2,{'x' * 140_000},p2@example.org,tok2"])
    trial.is_bad_row((3, "name"), key="2", said="131,072")


def test_F10_a_cell_of_several_lines_is_for_bodies_only(trial: Trial) -> None:
    """An address block arrives with its lines; the same cell in a header is its row's problem."""
    rows = ['1,Ann,p1@example.org,"Ann\nHigh Street 1"', "2,Bob,p2@example.org,Low Street 2"]
    trial.write(rows, letter=HEAD + "\n{{ token }}\n")
    assert 0 == trial.send().code
    assert "Ann\nHigh Street 1" == text_of(trial.mails()[0]).strip()

    trial.letter("From: office@example.org\nSubject: For {{ token }}\n\nx\n")
    ran = trial.send("--new-run", "--on-invalid", "send-others")
    assert (1, [2], 1) == (ran.code, [one["row"] for one in ran.json["problems"]], ran.json["sent_now"]), (
        ran.err
    )
    assert "For Low Street 2" == trial.mails()[-1]["Subject"]


@pytest.mark.parametrize(
    ("cell", "said"), [("=B2*1.1", "no stored value"), ("#N/A", "#N/A"), ("#DIV/0!", "#DIV/0!")]
)
def test_F11_F12_a_cell_without_a_value_is_never_mailed(trial: Trial, cell: str, said: str) -> None:
    """A formula that nobody computed, an error value: the row that uses it is bad; where no template uses it, all go."""
    trial.write(letter=HEAD + "\nDear {{ name }}, you get {{ net }}.\n")
    trial.book(
        [
            ["id", "name", "email", "net"],
            ["1", "Ann", "p1@example.org", 7],
            ["2", "Bob", "p2@example.org", cell],
        ]
    )
    ran = trial.is_bad_row((3, "net"), key="2", said=said)
    assert "D3" in ran.err
    assert once(1) == trial.got()

    trial.letter(PLAIN)
    assert (0, 2) == ((again := trial.send("--new-run")).code, again.json["sent_now"])


def test_F13_numbers_arrive_as_the_sheet_shows_them(trial: Trial) -> None:
    """A staff number has no .0, text keeps its zeros, money its format, also in an attachment's name; preview shows the same."""
    trial.write(
        letter=HEAD
        + "Attachment: slips/{{ staff }}.txt\n\n{{ staff }}|{{ code }}|{{ net }}|{{ share }}|{{ sum }}\n"
    )
    trial.file("slips/12345.txt", "slip")
    book, sheet = write_workbook(
        trial.folder / "people.xlsx",
        [
            ["id", "email", "staff", "code", "net", "share", "sum"],
            ["1", "p1@example.org", 12345.0, "00123", 1234.5, 0.125, 0.1 + 0.2],
        ],
    )
    sheet["E2"].number_format, sheet["F2"].number_format = "#,##0.00", "0.0%"
    book.save(trial.folder / "people.xlsx")
    trial.use("people.xlsx")
    shown = run_here("preview", trial.folder)
    ran = trial.send()

    line = "12345|00123|1,234.50|12.5%|0.3"
    assert (0, line) == (ran.code, text_of(trial.mail()).strip()), ran.err
    assert line in shown.out
    assert ["12345.txt"] == [part.get_filename() for part in trial.mail().iter_attachments()]


def test_F14_a_date_is_that_of_the_sheet_in_both_epochs(trial: Trial) -> None:
    """The same day from a workbook of 1900 and from one of 1904."""
    from datetime import datetime

    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

    for label, epoch in (("a", CALENDAR_WINDOWS_1900), ("b", CALENDAR_MAC_1904)):
        trial.write(letter=HEAD + "\n{{ day }}|{{ day | date('d mmmm yyyy') }}\n")
        book = openpyxl.Workbook()
        book.epoch = epoch
        sheet = book.active
        for row in (["id", "email", "day"], ["1", "p1@example.org", datetime(2026, 11, 3)]):
            sheet.append(row)
        sheet["C2"].number_format = "yyyy-mm-dd"
        book.save(trial.folder / "people.xlsx")
        trial.use("people.xlsx")
        assert 0 == trial.send("--run", label).code
        assert "2026-11-03|3 November 2026" == text_of(trial.mails()[-1]).strip()


def hidden(trial: Trial, more: str = "") -> None:
    trial.write(letter=PLAIN, recipients=more)
    book, sheet = write_workbook(
        trial.folder / "people.xlsx",
        [["id", "name", "email"], *([str(n), f"P{n}", f"p{n}@example.org"] for n in range(1, 4))],
    )
    sheet.row_dimensions[3].hidden = True
    book.save(trial.folder / "people.xlsx")
    trial.use("people.xlsx")


def test_F15_nobody_who_is_filtered_out_is_mailed_in_silence(trial: Trial) -> None:
    """Hidden rows refuse the list until the campaign says what they are; then the rule is told."""
    hidden(trial)
    trial.refused(trial.send_others(), "hidden", "row 3")
    hidden(trial, 'hidden = "skip"')
    ran = trial.send()
    assert (0, once(1, 3)) == (ran.code, trial.got()), ran.err
    assert "1 hidden row" in ran.err
    hidden(trial, 'hidden = "send"')
    assert (0, 3) == ((both := trial.send("--new-run")).code, both.json["sent_now"])


def test_F16_a_blank_row_stops_nothing(trial: Trial) -> None:
    """Blank rows in the middle are skipped and counted; who stands behind them gets his mail."""
    one, two, three = people(3)
    trial.write([one, "", ",,,", " , , , ", two, "", three])
    ran = trial.send()

    assert (0, once(1, 2, 3)) == (ran.code, trial.got()), ran.err
    assert "blank rows were skipped" in ran.err


def test_F17_a_merged_range_makes_its_rows_invalid(trial: Trial) -> None:
    """Excel keeps the value of its first cell only: none of the rows it touches is mailed on a guess."""
    trial.write(letter=HEAD + "\nDear {{ name }}: {{ team }}.\n")
    rows = [
        ["id", "name", "email", "team"],
        *([str(n), f"P{n}", f"p{n}@example.org", "red" if n < 3 else "blue"] for n in range(1, 4)),
    ]
    book, sheet = write_workbook(trial.folder / "people.xlsx", rows)
    sheet.merge_cells("D2:D3")
    book.save(trial.folder / "people.xlsx")
    trial.use("people.xlsx")
    refused = trial.send()
    trial.refused(refused, "D2:D3")
    ran = trial.send_others()

    assert (1, once(3), {"1": "invalid", "2": "invalid", "3": "sent"}) == (
        ran.code,
        trial.got(),
        trial.states(),
    ), ran.err


def test_F18_no_sheet_is_taken_by_chance(trial: Trial) -> None:
    """Two sheets and no word: 65 with their names; with --sheet that one's people."""
    trial.write(letter=PLAIN)
    book, _ = write_workbook(
        trial.folder / "people.xlsx",
        [["id", "name", "email"], ["1", "Ann", "p1@example.org"]],
        title="October",
    )
    for row in (["id", "name", "email"], ["2", "Bob", "p2@example.org"]):
        (book["November"] if "November" in book.sheetnames else book.create_sheet("November")).append(row)
    book.save(trial.folder / "people.xlsx")
    trial.use("people.xlsx")
    trial.refused(trial.send(), "October", "November", "--sheet")

    assert 0 == trial.send("--sheet", "October").code
    assert once(1) == trial.got()


@pytest.mark.parametrize("kind", ["spaces", "entities", "outside"])
def test_F20_F21_a_bomb_is_refused_soon_and_in_little_memory(trial: Trial, kind: str, tmp_path: Path) -> None:
    """300 MB of packed blanks, a billion laughs, a file of the machine as an entity: 65 within seconds, under 200 MB, nothing read or fetched."""
    secret = tmp_path / "secret.txt"
    secret.write_text("not for the mail")
    table = text_rows([("id", "name", "email", "token"), ("1", "Ann", "p1@example.org", "x")])
    sheet = {
        "spaces": lambda: sheet_xml(table + " " * (300 << 20)),
        "entities": lambda: _doctype("".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))) + sheet_xml("&l9;").partition("?>")[2],
        "outside": lambda: _doctype(f'<!ENTITY l9 SYSTEM "{secret.as_uri()}">') + sheet_xml("&l9;").partition("?>")[2],
    }[kind]()  # fmt: skip
    write_package(trial.folder / "people.xlsx", sheet)
    del sheet
    trial.use("people.xlsx")
    ran = run_process(
        "send", trial.folder, "--yes", "--json", cwd=tmp_path, environ={"MALLOC_ARENA_MAX": "1"}
    )

    trial.refused(ran, "people.xlsx")
    assert "not for the mail" not in ran.out + ran.err
    limited = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -v 400000; exec "$@"', "sh", *command("check", trial.folder)], capture_output=True, check=False, timeout=60
    )  # fmt: skip
    assert 65 == limited.returncode, limited.stderr.decode()


def _doctype(entities: str) -> str:
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{entities}]>'


def test_F22_a_workbook_with_macros_and_links_is_data_alone(trial: Trial) -> None:
    """Its rows are read, nothing is run or followed, and that is told."""
    rows = text_rows([("id", "name", "email", "token"), ("1", "Ann", "p1@example.org", "tok1")])
    parts = {"xl/vbaProject.bin": b"\xd0\xcf", "xl/externalLinks/externalLink1.xml": "<x/>"}
    write_package(trial.folder / "people.xlsm", sheet_xml(rows), parts)
    trial.use("people.xlsm")
    ran = trial.send()

    assert (0, once(1)) == (ran.code, trial.got()), ran.err
    assert "macros" in ran.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.xlsx", b"id,name,email\n1,Ann,p1@example.org\n"),
        ("people.xlsx", b"PK\x03\x04 torn"),
        ("people.csv", b"%PDF-1.7\n"),
        ("people.xlsx", None),
    ],
)
def test_F23_what_is_no_table_is_refused_with_what_it_is(
    trial: Trial, name: str, content: bytes | None
) -> None:
    """A text file named .xlsx, a torn archive, a PDF, a folder: a sentence with the file's name, nothing sent."""
    if content is None:
        (trial.folder / name).mkdir()
        trial.use(name)
    else:
        trial.raw(content, name)
    ran = trial.send_others()

    trial.refused(ran, name, code=ran.code)
    assert ran.code in (65, 66)


def test_F24_whatever_is_done_to_the_list_between_two_calls(trial: Trial) -> None:
    """Sorted, cut, with rows put in, cells changed, half of it sent: nobody twice, and nobody another one's token."""
    chance = random.Random(24)
    rows = {n: f"{n},Person {n},p{n}@example.org,tok{n:06d}x" for n in range(1, 31)}
    trial.write(list(rows.values()))
    for round_ in range(12):
        trial.send("--accept-changes", "--limit", chance.randrange(4))
        for n in chance.sample(range(1, 41), 3):
            change = chance.choice(("drop", "add", "name"))
            if change == "drop":
                rows.pop(n, None)
            else:
                rows[n] = f"{n},Person {n}{(change == 'name' and round_) or ''},p{n}@example.org,tok{n:06d}x"
        order = list(rows.values())
        chance.shuffle(order)
        trial.list(order)
    last = trial.send("--accept-changes")

    assert 0 == last.code, last.err
    assert set(trial.got().values()) == {1}
    assert set(rows) <= {int(key) for key, state in trial.states().items() if state == "sent"}
    for mail in trial.server.accepted:
        number = int(mail.recipients[0][1:].partition("@")[0])
        assert {b"tok%06dx" % number} == set(re.findall(rb"tok\d+x", mail.content))


def test_F25_an_attachment_that_changes_half_way_is_told(trial: Trial) -> None:
    """Its content is an input like the letter's: 65 with nobody mailed, until the change is accepted."""
    trial.write(4, message='attachments = ["rules.txt"]')
    trial.file("rules.txt", "first edition")
    assert 75 == trial.send("--limit", "2").code
    trial.file("rules.txt", "second edition")
    refused = trial.send()
    assert (65, "changed", 0) == (refused.code, refused.json["reason"], refused.json["sent_now"]), refused.err

    assert 0 == trial.send("--accept-changes").code
    assert once(1, 2, 3, 4) == trial.got()
    assert [1, 1, 2, 2] == [
        1 if b"first" in part else 2
        for mail in trial.mails()
        for part in [next(mail.iter_attachments()).get_payload(decode=True)]
    ]


def test_F26_a_list_that_changes_while_its_run_is_under_way_stops_it(trial: Trial) -> None:
    """Saved again in the middle: nobody gets a mail from a mixture of two editions; the sent ones stay sent."""
    trial.write(40)
    done: list[int] = []

    def save(_: object) -> None:
        if len(trial.server.accepted) == 5 and not done:
            done.append(1)
            trial.list([row.replace("tok", "new") for row in people(40)])

    trial.server.replies["END"] = save
    ran = trial.send()
    mixed = [mail for mail in trial.server.accepted if b"new0" in mail.content]

    assert [] == mixed
    if ran.code != 0:  # a small list may have been read to its end before it was saved again
        assert (65, "changed") == (ran.code, ran.json["reason"]), ran.err
    assert ran.json["counts"]["sent"] == len(trial.server.accepted)
    assert 65 == trial.send().code


def test_F27_plus_addresses_are_people_of_their_own(trial: Trial) -> None:
    """ann+pay@ is not ann@: both get theirs; the same address in capitals is a duplicate, told with both rows."""
    trial.write(["1,Ann,ann@example.org,tok1", "2,Ann,ann+pay@example.org,tok2"])
    assert (0, 2) == ((ran := trial.send()).code, ran.json["sent_now"])

    trial.list(["1,Ann,ann@example.org,tok1", "2,Ann,ANN@example.org,tok2"])
    ran = trial.send("--new-run")
    assert (65, 2) == (ran.code, len(trial.server.accepted)), ran.err
    assert "row 2" in ran.err
    assert "row 3" in ran.err


@pytest.mark.slow
def test_F28_a_hundred_thousand_rows_resume_as_fast_as_they_began(trial: Trial) -> None:
    """Entered, then resumed twice with a few mails each: under 300 MB, and no call takes much longer than the first."""
    trial.write(100_000)
    took = []
    for _ in range(3):
        before = time.monotonic()
        ran = run_process("send", trial.folder, "--yes", "--json", "--limit", "5", cwd=trial.folder)
        took.append(time.monotonic() - before)
        assert (75, 100_000) == (ran.code, ran.json["counts"]["rows"]), ran.err

    assert 15 == len(trial.server.accepted)
    assert Counter(trial.got().values()) == Counter({1: 15})
    assert max(took[1:]) < 4 * took[0] + 20, (
        "entering is most of it; a resume that read row by row would take minutes"
    )
