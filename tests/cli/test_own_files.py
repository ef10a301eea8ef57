"""One person's file goes to nobody else: not by its name, not by another name of it; and a copy of it is told of."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.program import Ran, people, run_here, write_list, write_toml


@pytest.fixture
def slips(here: Path) -> Path:
    """A slip for each of five, all different."""
    write_toml(here, "outbox:mails", message='attachments = ["slips/{{ id }}.txt"]')
    folder = here / "slips"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"{number}.txt").write_text(f"slip of {number}")
    return folder


def check() -> Ran:
    return run_here("check", "--json")


def rows(ran: Ran) -> list[int]:
    return [one["row"] for one in ran.json["problems"]]


@pytest.mark.usefixtures("slips")
def test_files_that_differ_are_nobodys_business() -> None:
    """0, and not a word."""
    ran = check()
    assert (0, False, "under another name" in ran.err) == (ran.code, "same_files" in ran.json, False)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_B04_another_name_of_one_file_is_that_file(slips: Path, link: object) -> None:
    """A hard link or a symbolic one: refused for both rows, as if the path were the same."""
    (slips / "4.txt").unlink()
    assert callable(link)
    try:
        link(slips / "2.txt", slips / "4.txt")
    except (OSError, NotImplementedError) as error:
        pytest.skip(f"no such link here: {error}")
    ran = check()

    assert (65, [3, 5]) == (ran.code, rows(ran)), ran.err
    assert "slips/4.txt is the attachment of row 3 too" in ran.json["problems"][1]["message"]
    others = run_here("send", "--yes", "--json", "--on-invalid", "send-others")
    assert (1, 3, 2) == (others.code, others.json["sent_now"], others.json["counts"]["invalid"])


@pytest.mark.skipif(sys.platform not in ("darwin", "win32"), reason="names differ by case here")
def test_B04_a_name_in_other_letters_is_that_file(here: Path, slips: Path) -> None:
    """Where the disk minds no case, `a.txt` and `A.txt` are one person's."""
    write_list(here, ["a,Ann,ann@example.org,tokA", "A,Ben,ben@example.org,tokB"])
    (slips / "a.txt").write_text("slip of a")
    assert (65, [2, 3]) == (check().code, rows(check()))


def test_B05_a_copy_under_another_name_is_told_of_with_both_rows(slips: Path) -> None:
    """A note, no fault, from `check` and before the mails of `send`; in JSON with row, path and the other row."""
    (slips / "4.txt").write_text("slip of 2")
    for words in (["check"], ["send", "--yes"]):
        ran = run_here(*words, "--json")
        assert (0, 1) == (ran.code, ran.json["same_files_total"]), ran.err
        assert [{"row": 5, "path": "slips/4.txt", "other": 3}] == ran.json["same_files"]
        note = "1 file holds the very same as another person's, under another name: row 5 (slips/4.txt) as row 3 – right?"
        assert f"{'Warning' if '--yes' in words else 'Note'}: {note}\n" in ran.err


def test_blank_forms_are_counted(here: Path, slips: Path) -> None:
    """The first five and how many more, beyond a chunk of rows; and nobody is refused."""
    write_list(here, people(600))
    for number in range(1, 601):
        (slips / f"{number}.txt").write_text("sign here")
    ran = check()

    assert (0, 599, 5) == (ran.code, ran.json["same_files_total"], len(ran.json["same_files"]))
    assert "row 7 (slips/6.txt) as row 2; and 594 more – right?" in ran.err


def test_two_like_files_of_one_row_are_its_own_affair(here: Path, slips: Path) -> None:
    """Whom they belong to is no question."""
    write_toml(
        here, "outbox:mails", message='attachments = ["slips/{{ id }}.txt", "slips/{{ id }}-copy.txt"]'
    )
    for number in range(1, 6):
        (slips / f"{number}-copy.txt").write_text(f"slip of {number}")
    assert (0, False) == (check().code, "same_files" in check().json)


def test_a_copy_is_in_the_log_without_its_path(here: Path, slips: Path) -> None:
    """A path is made of cells; the warning on the screen has it, however quiet."""
    (slips / "4.txt").write_text("slip of 2")
    ran = run_here("send", "--yes", "--quiet", "--log-file", "send.log")
    log = (here / "send.log").read_text(encoding="utf-8")

    assert (0, True) == (ran.code, ran.err.startswith("Warning: 1 file holds the very same")), ran.err
    assert " notice.same_file row=5 other=3 total=1\n" in log
    assert "slips/" not in log


def test_the_reason_of_a_lender_has_no_cell_of_another(here: Path) -> None:
    """Whose file it is stands with who borrows it alone: a path may hold a salary."""
    write_toml(here, "outbox:mails", message='attachments = ["{{ name }}.txt"]')
    write_list(here, ["1,secret-4711,a@example.org,t1", "2,secret-4712,b@example.org,t2"])
    (here / "secret-4711.txt").write_text("slip")
    (here / "secret-4712.txt").symlink_to(here / "secret-4711.txt")
    ran = run_here("check", "--json")

    told = {one["row"]: one["message"] for one in ran.json["problems"]}
    assert told[2] == "its attachment is that of row 3 too; each person's file may go to one person only"
