"""A list in a workbook with a password, from the command line: checked, sent, asked for, refused; nothing of it left on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.keyrings import MemoryKeyring
from support.program import run_here, run_process, states
from support.sealed_books import seal
from support.tables import write_workbook
from support.terminal import run_on_terminal

PASSWORD = "Sésame 开门"
SALARY = "98765.43"
VARIABLE = "MAILMERGE_LIST_PASSWORD"


@pytest.fixture
def folder(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign whose list is sealed, the current folder; temporary files would be seen in `tmp` beside it."""
    folder = tmp_path / "c"
    folder.mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    people = [[f"p{at}@example.com", f"Person {at}", float(SALARY)] for at in range(1, 4)]
    write_workbook(folder / "pay.xlsx", [["E-mail", "name", "net"], *people])
    seal(folder / "pay.xlsx", PASSWORD)
    (folder / "m.txt").write_text("From: hr@example.org\nSubject: Pay\n\nDear {{ name }}\n")
    write_toml(folder)
    return folder


def write_toml(folder: Path, more: str = "") -> None:
    (folder / "campaign.toml").write_text(
        f'account = "outbox:out"\n[recipients]\nfile = "pay.xlsx"\n{more}\n[message]\nfile = "m.txt"\n',
        encoding="utf-8",
    )


def test_sent_with_the_password_of_a_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its password a sealed list is a list like any other, and goes on where it stopped."""
    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert run_here("check").code == 0
    assert run_here("send", "--yes", "--limit", "1").code == 75
    ran = run_here("send", "--yes")
    assert ran.code == 0, ran.err
    monkeypatch.delenv(VARIABLE)
    assert set(states(folder).values()) == {"sent"}, "the ledger tells without the list"


def test_worker_processes_get_no_sealed_list(folder: Path) -> None:
    """Whatever is said about workers, a sealed list is read in one process, and everybody gets the mail."""
    ran = run_process("send", "--yes", "--workers", "2", cwd=folder, environ={VARIABLE: PASSWORD})
    assert ran.code == 0, ran.err
    assert len(list((folder / "out").glob("*.eml"))) == 3


def test_no_cell_and_no_password_is_left_on_the_disk(folder: Path) -> None:
    """After check, preview and send the salary stands in no file, nor does the password; no temporary file is left."""
    for command in (
        ["check", "--log-file", "log.txt", "--debug"],
        ["preview"],
        ["send", "--yes", "--log-file", "log.txt", "--debug"],
    ):
        ran = run_process(*command, cwd=folder, environ={VARIABLE: PASSWORD})
        assert ran.code == 0, ran.err
        assert PASSWORD not in ran.out + ran.err
    assert list((folder.parent / "tmp").iterdir()) == []
    home = Path(os.environ["MAILMERGE_HOME"])
    for file in [*folder.rglob("*"), *home.rglob("*")]:
        if file.is_file():
            content = file.read_bytes()
            assert SALARY.encode() not in content, file
            assert PASSWORD.encode() not in content, file


@pytest.mark.parametrize("command", [["check"], ["preview"], ["send", "--yes"]])
def test_without_a_password_77_and_the_ways(folder: Path, command: list[str]) -> None:
    """Nobody is there to ask: 77, and the ways to give it; with a wrong one a sentence; nothing is sent."""
    ran = run_here(*command)
    assert ran.code == 77
    for way in (VARIABLE, "list-password", f"list:{folder / 'pay.xlsx'}"):
        assert way in ran.err
    ran = run_process(*command, cwd=folder, environ={VARIABLE: "Sesame"})
    assert ran.code == 77
    assert "does not open" in ran.err
    assert "Sesame" not in ran.err
    assert not (folder / "out").exists()


def test_json_tells_why(folder: Path) -> None:
    """`--json` has the reason for scripts."""
    ran = run_here("check", "--json")
    assert (ran.json["reason"], ran.json["exit_code"], ran.json["columns"]) == ("credentials", 77, [])


def test_an_entry_of_the_keyring(folder: Path, ring: MemoryKeyring) -> None:
    """The entry of the list's real path serves, and no other."""
    ring.entries["mailmerge-cli", f"list:{folder / 'other.xlsx'}"] = PASSWORD
    assert run_here("check").code == 77
    ring.entries["mailmerge-cli", f"list:{folder / 'pay.xlsx'}"] = PASSWORD
    assert run_here("check").code == 0


def test_a_person_is_asked(folder: Path) -> None:
    """On a terminal the password is asked for, without an echo; a slip may be mended."""
    script = f"import os, sys; os.chdir({str(folder)!r}); from mailmerge_cli.cli.main import main; sys.exit(main(['check']))"
    answers = [("Password of ", "slip\n"), ("That does not open it.", f"{PASSWORD}\n")]
    code, shown = run_on_terminal(script, answers, columns=100)
    assert code == 0, shown
    assert "slip" not in shown
    assert PASSWORD not in shown
    assert "3 mails would be sent" in shown


def test_init_around_a_sealed_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`init` reads the columns of a sealed list; the new campaign names the list and holds nothing of it."""
    monkeypatch.setenv(VARIABLE, PASSWORD)
    ran = run_here("init", "new", "--kind", "letter", "--recipients", "pay.xlsx")
    assert ran.code == 0, ran.err
    assert run_here("check", "new").code == 0
    assert not any(SALARY.encode() in file.read_bytes() for file in Path("new").rglob("*") if file.is_file())


def test_a_new_password_is_no_new_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes the password, or takes it off, changes nothing for a run."""
    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert run_here("send", "--yes").code == 0
    people = [[f"p{at}@example.com", f"Person {at}", float(SALARY)] for at in range(1, 4)]
    write_workbook(folder / "pay.xlsx", [["E-mail", "name", "net"], *people])
    ran = run_here("send", "--yes")
    assert ran.code == 0, ran.err
    assert "already sent" in ran.out
