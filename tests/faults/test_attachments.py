"""Catalogue B, as the program meets it: each gets his own files, whole, or no mail."""

from __future__ import annotations

import os

import pytest

from faults.trial import HEAD, Trial, once
from support.program import people, run_here
from support.scripted_smtp import ScriptedServer

SLIPS = 'attachments = ["slips/{{ token }}.txt"]'


def slips(trial: Trial, *tokens: str) -> None:
    for token in tokens:
        trial.file(f"slips/{token}.txt", f"slip of {token}")


def two(trial: Trial, cell: str) -> None:
    """Ann with a file of her own, Bob with this cell."""
    trial.write(
        ["1,Ann,p1@example.org,good", f"2,Bob,p2@example.org,{cell}"], letter=HEAD + "\nx\n", message=SLIPS
    )
    slips(trial, "good")


def attached(trial: Trial) -> dict[str, list[tuple[str | None, str]]]:
    """Address → names and contents."""
    return {
        mail["To"].addresses[0].username: [
            (part.get_filename(), part.get_content().strip()) for part in mail.iter_attachments()
        ]
        for mail in trial.mails()
    }


def test_B01_a_missing_file_stops_all_or_leaves_its_row_out(trial: Trial) -> None:
    """No mail goes without its attachment: 65 with row and path, or that row is invalid and the others go."""
    two(trial, "bobs")
    ran = trial.is_bad_row((3, "Attachment"), key="2", said="slips/bobs.txt")

    assert {"p1": [("good.txt", "slip of good")]} == attached(trial), ran.err


def test_a_file_that_two_people_name_goes_to_neither(trial: Trial) -> None:
    """Two people of one name, one slip of that name: whose it is nobody can tell, so neither gets it, whoever stands first; the others go."""
    two(trial, "good")
    trial.list(
        [f"{n},{name},p{n}@example.org,{name}" for n, name in ((1, "good"), (2, "other"), (3, "good"))]
    )
    slips(trial, "good", "other")
    ran = trial.send_others()

    assert {"p2": [("other.txt", "slip of other")]} == attached(trial), ran.err
    assert ["invalid", "sent", "invalid"] == list(trial.states().values())
    assert {2, 4} == {problem["row"] for problem in ran.json["problems"]}


ELSEWHERE = [
    "../campaign",
    "/etc/hostname",
    "~root",
    "C:\\x",
    "\\\\nas\\x",
    "a/b",
    "http://x",
    "a\x00b",
    "..",
    "a*",
    "[ab]",
]


def test_B02_a_cell_leads_to_no_other_folder(trial: Trial) -> None:
    """Separators, drives, patterns, home folders, NUL: the rows are bad, nothing of any such file is sent."""
    two(trial, "good2")
    slips(trial, "good2", "a", "b", "ab")
    trial.list(
        [
            "1,Ann,p1@example.org,good",
            *(f"{n},Bob,p{n}@example.org,{cell}" for n, cell in enumerate(ELSEWHERE, 2)),
        ]
    )
    (trial.folder / "campaign.txt").write_text("not for the mail")
    ran = trial.send_others()

    assert (1, once(1)) == (ran.code, trial.got()), ran.err
    assert ["sent", *["invalid"] * len(ELSEWHERE)] == list(trial.states().values())
    assert not trial.server.saw(b"not for the mail")


@pytest.mark.parametrize(
    "path", ["../outside.txt", "slips/../../outside.txt", "link/outside.txt", "link.txt"]
)
def test_B02_B03_the_letter_leads_to_no_other_folder_either(trial: Trial, path: str) -> None:
    """By dots or by a link: 65, nobody is mailed, and nothing of the file is read out."""
    (trial.folder.parent / "outside.txt").write_text("not for the mail")
    (trial.folder / "link").symlink_to(trial.folder.parent)
    (trial.folder / "link.txt").symlink_to(trial.folder.parent / "outside.txt")
    (trial.folder / "slips").mkdir()
    trial.letter(f"From: office@example.org\nSubject: s\nAttachment: {path}\n\nx\n")
    ran = trial.send()

    trial.refused(ran)
    assert "not for the mail" not in ran.err + ran.out


def test_B03_B06_what_was_checked_is_what_is_sent(trial: Trial) -> None:
    """A file that is replaced, linked elsewhere or taken away while the run is under way does not go; its row is told, the rest is right."""
    trial.write(6, letter=HEAD + "\nx\n", message='attachments = ["slips/{{ id }}.txt"]')
    for n in range(1, 7):
        trial.file(f"slips/{n}.txt", f"slip of {n}")
    (trial.folder.parent / "outside.txt").write_text("not for the mail")

    def swap(_: object) -> None:
        if len(trial.server.accepted) == 0:
            (trial.folder / "slips/4.txt").write_text("slip of 5")
            (trial.folder / "slips/5.txt").unlink()
            (trial.folder / "slips/5.txt").symlink_to(trial.folder.parent / "outside.txt")
            (trial.folder / "slips/6.txt").unlink()

    trial.server.replies["END"] = swap
    ran = trial.send()

    assert ran.code != 0, ran.err
    assert "Traceback" not in ran.err
    assert {f"p{n}": [(f"{n}.txt", f"slip of {n}")] for n in (1, 2, 3)} == attached(trial)
    assert not trial.server.saw(b"not for the mail")
    trial.nobody_twice()
    assert 65 == trial.send().code


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_B03_a_pipe_or_a_device_never_hangs_a_run(trial: Trial) -> None:
    """A pipe and a folder where a file should be: told as what they are."""
    two(trial, "pipe")
    os.mkfifo(trial.folder / "slips/pipe.txt")
    trial.refused(trial.send(), "slips/pipe.txt")
    (trial.folder / "slips/pipe.txt").unlink()
    (trial.folder / "slips/pipe.txt").mkdir()
    trial.refused(trial.send(), "slips/pipe.txt")


def test_B05_a_key_fetches_its_own_file_alone(trial: Trial) -> None:
    """1, 11 and 111 each get the file of that very name: no prefix, no pattern, no other case, nothing that merely begins alike."""
    rows = [f"{key},P{key},p{key}@example.org,{key}" for key in ("1", "11", "111", "A1")]
    trial.write(rows, letter=HEAD + "\nx\n", message=SLIPS)
    slips(trial, "1", "11", "111", "A1", "a10", "1111")
    assert 0 == (ran := trial.send()).code, ran.err

    assert {f"p{key}": [(f"{key}.txt", f"slip of {key}")] for key in ("1", "11", "111", "A1")} == attached(
        trial
    )


def test_B07_empty_and_far_too_big_files_never_leave(trial: Trial) -> None:
    """0 bytes: the row is bad. More than the server's SIZE: failed before a byte of it is sent; the others go."""
    two(trial, "empty")
    trial.file("slips/empty.txt", b"")
    trial.is_bad_row((3, "Attachment"), key="2", said="0 bytes")

    with ScriptedServer(extensions=("PIPELINING", "SIZE 100000")) as small:
        other = Trial(trial.folder.parent / "other", small)
        two(other, "big")
        other.file("slips/big.txt", os.urandom(200_000))
        ran = other.send()
        assert (1, once(1), "failed") == (ran.code, other.got(), other.states()["2"]), ran.err
        assert small.content_octets < 5000


UNSAVEABLE = ["../../x.pdf", "a\u202efdp.exe", "a\nb.pdf", "a\x00b.pdf", "CON", "x" * 300 + ".pdf", "a/b.pdf"]


def test_B08_a_name_that_cannot_be_saved_makes_its_row_bad(trial: Trial) -> None:
    """Folders, direction marks, controls, reserved and endless names are refused where a cell makes them."""
    trial.write(
        [
            "1,Ann,p1@example.org,good.txt",
            *(f'{n},Bob,p{n}@example.org,"{name}"' for n, name in enumerate(UNSAVEABLE, 2)),
        ],
        letter='From: office@example.org\nSubject: s\nAttachment: rules.txt; name="{{ token }}"\n\nx\n',
    )
    trial.file("rules.txt", "rules")
    ran = trial.send_others()

    assert (1, {"p1": [("good.txt", "rules")]}) == (ran.code, attached(trial)), ran.err
    assert len(UNSAVEABLE) == ran.json["counts"]["invalid"]


@pytest.mark.parametrize(
    "name", ["Lohn März; x=1.txt", "工资单 十一月.txt", "e\u0301tat.txt", "a'b%20c.txt", "x" * 150 + ".txt"]
)
def test_B08_a_name_of_any_letters_arrives_whole(trial: Trial, name: str) -> None:
    """Apostrophes, semicolons, Chinese, combining marks, long ones: read back as meant."""
    trial.write(
        [f"1,Ann,p1@example.org,{name}"],
        letter='From: office@example.org\nSubject: s\nAttachment: rules.txt; name="{{ token }}"\n\nx\n',
    )
    trial.file("rules.txt", "rules")
    assert 0 == (ran := trial.send()).code, ran.err

    assert {"p1": [(name, "rules")]} == attached(trial)


def test_B09_a_file_that_is_not_what_its_name_says_is_told(trial: Trial) -> None:
    """A web page named .pdf: a warning before the send; the sender may know better."""
    trial.write(1, letter=HEAD + "Attachment: x.pdf\n\nx\n")
    trial.file("x.pdf", "<html><body>hello</body></html>")
    ran = run_here("check", trial.folder)

    assert 0 == ran.code
    assert "x.pdf" in ran.out + ran.err


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing here")
def test_B10_an_unreadable_file_is_refused(trial: Trial, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Mode 0000: the row is bad and named, nothing is sent. Root reads everything, so somebody else looks."""
    two(trial, "locked")
    slips(trial, "locked")
    assert 0 == run_here("check", trial.folder).code
    (trial.folder / "slips/locked.txt").chmod(0)
    base = tmp_path_factory.getbasetemp()
    for path in (trial.folder, *trial.folder.parents):
        if path.is_relative_to(base) or path.name.startswith("pytest-"):
            path.chmod(0o755)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        ran = run_here("check", trial.folder)
    finally:
        os.seteuid(me)

    assert 65 == ran.code, ran.err
    assert "slips/locked.txt" in ran.err
    assert "row 3" in ran.err


@pytest.mark.parametrize("cell", ["", " "])
def test_B11_a_blank_cell_takes_no_default_file(trial: Trial, cell: str) -> None:
    """`.txt` and `None.txt` are there; who has no number gets neither."""
    two(trial, cell)
    slips(trial, "", "None", "nan", " ")
    trial.is_bad_row((3, "token"), key="2", said="blank")

    assert {"p1": [("good.txt", "slip of good")]} == attached(trial)


def test_B04_two_links_to_one_file_are_one_file(trial: Trial) -> None:
    """The same slip under two names, by a link in the folder: still one person's, so both rows are told."""
    trial.write(people(2), letter=HEAD + "\nx\n", message=SLIPS)
    slips(trial, "tok000001x")
    (trial.folder / "slips/tok000002x.txt").symlink_to("tok000001x.txt")
    trial.refused(trial.send(), "row 2", "row 3")
