"""Writing a starter campaign: all of it or nothing, and never over a file."""

import sys
from pathlib import Path

import pytest

from mailmerge_cli.errors import LedgerFault, Refused, UsageFault
from mailmerge_cli.starter import Kind, campaign_files, write_campaign


@pytest.mark.parametrize("kind", Kind)
def test_writes_the_whole_campaign(tmp_path: Path, kind: Kind) -> None:
    """Every file of the campaign is there, octet for octet, in a folder that is made; campaign.toml is told first."""
    folder = tmp_path / "a" / "b"

    written = write_campaign(kind, folder)

    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in written} == campaign_files(
        kind
    )
    assert written[0] == folder / "campaign.toml"
    assert folder / kind.message in written


def test_a_kind_by_its_name(tmp_path: Path) -> None:
    """The word serves as well; another word is told with those that there are."""
    assert write_campaign("letter", tmp_path)
    with pytest.raises(UsageFault, match="payslip, newsletter, letter"):
        write_campaign("postcard", tmp_path)


@pytest.mark.parametrize("there", ["campaign.toml", "payslip.md", "slips/2026-10/00417.pdf"])
def test_never_over_a_file(tmp_path: Path, there: str) -> None:
    """One file that is there already, and nothing is written at all; the refusal names it."""
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")

    with pytest.raises(Refused, match=there):
        write_campaign(Kind.PAYSLIP, tmp_path)

    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert path.read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_never_through_a_link(tmp_path: Path) -> None:
    """A link to nothing counts as there: writing would make a file elsewhere."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/campaign.toml").symlink_to(tmp_path / "out.toml")

    with pytest.raises(Refused):
        write_campaign(Kind.LETTER, tmp_path / "in")

    assert not (tmp_path / "out.toml").exists()


def test_other_files_are_let_be(tmp_path: Path) -> None:
    """A folder that has files of other names is good enough."""
    (tmp_path / "notes.txt").write_text("mine")

    write_campaign(Kind.LETTER, tmp_path)

    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_cannot_be_finished_is_taken_back(tmp_path: Path) -> None:
    """Where a later file cannot be written, the earlier ones and the folders that were made go away again."""
    (tmp_path / "slips").write_text("a file where a folder should be")

    with pytest.raises(LedgerFault, match="cannot be written"):
        write_campaign(Kind.PAYSLIP, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["slips"]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """A file in place of the folder is told, and stays."""
    (tmp_path / "box").write_text("mine")

    with pytest.raises(LedgerFault, match="cannot be written"):
        write_campaign(Kind.LETTER, tmp_path / "box")

    assert (tmp_path / "box").read_text() == "mine"
