"""The mailbox's folder: names of files, and what is read back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.mailbox.letters import Letters, read_letters

LETTER = b"Subject: x\r\n\r\ny\r\n"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("anna.o'brien+x@example.org", "0001-to-anna.o_brien+x.eml"),
        ("../../etc/passwd@example.org", "0001-to-_.._etc_passwd.eml"),
        ('"a b/c"@example.org', "0001-to-_a_b_c_.eml"),
        ("x" * 64 + "@example.org", "0001-to-" + "x" * 40 + ".eml"),
        ("postmaster", "0001-to-postmaster.eml"),
        ("...@example.org", "0001-to-_.eml"),
        ("con:aux*?@example.org", "0001-to-con_aux_.eml"),
    ],
)
def test_names_of_files_are_safe(tmp_path: Path, address: str, name: str) -> None:
    """A local part cannot leave the folder or make a name that a file system refuses."""
    assert Letters(tmp_path).keep("a@example.org", [address], LETTER) == tmp_path / name


@given(local=st.text(min_size=1, max_size=80))
def test_any_local_part_makes_a_file(tmp_path_factory: pytest.TempPathFactory, local: str) -> None:
    """Whatever stands before the @, there is one new file in the folder, and it is found again."""
    folder = tmp_path_factory.mktemp("box")
    local = local.encode("utf-8", "replace").decode()

    path = Letters(folder).keep("", [f"{local}@example.org"], LETTER)

    assert path.parent == folder
    assert [letter.path for letter in read_letters(folder)] == [path]


def test_two_in_one_folder(tmp_path: Path) -> None:
    """Two mailboxes that began at the same number do not write over each other."""
    first, second = Letters(tmp_path), Letters(tmp_path)

    paths = {letters.keep("", ["a@example.org"], LETTER) for letters in (first, second)}

    assert len(paths) == 2
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}


def test_what_a_crash_left_is_passed_over(tmp_path: Path) -> None:
    """A half-written file keeps its name, and the next mail takes the next number."""
    (tmp_path / ".0001.part").write_bytes(b"half")

    path = Letters(tmp_path).keep("", ["a@example.org"], LETTER)

    assert path.name == "0002-to-a.eml"
    assert (tmp_path / ".0001.part").read_bytes() == b"half"


def test_other_files_are_no_letters(tmp_path: Path) -> None:
    """Only what a mailbox has written is listed; the order is that of the numbers, beyond four digits too."""
    letters = Letters(tmp_path)
    letters.keep("", ["a@example.org"], LETTER)
    (tmp_path / "notes.eml").write_bytes(LETTER)
    (tmp_path / "10000-to-z.eml").write_bytes(LETTER)
    (tmp_path / "9999-to-z.eml").write_bytes(LETTER)

    assert [letter.number for letter in read_letters(tmp_path)] == [1, 9999, 10000]


def test_null_sender(tmp_path: Path) -> None:
    """A mail from <> has the empty sender."""
    Letters(tmp_path).keep("", ["a@example.org"], LETTER)

    assert read_letters(tmp_path)[0].sender == ""


def test_own_delivered_to_of_a_mail(tmp_path: Path) -> None:
    """The envelope is what the mailbox wrote; a Delivered-To that the mail brought is not taken for a recipient."""
    Letters(tmp_path).keep(
        "a@example.org", ["b@example.org"], b"Delivered-To: other@example.org\r\n" + LETTER
    )

    assert read_letters(tmp_path)[0].recipients == ("b@example.org",)
