"""Where the password of an encrypted list comes from: the first way that has one, and no other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailmerge_cli.config import list_password
from mailmerge_cli.config.list_password import ListPasswords, entry_name
from mailmerge_cli.errors import CredentialsFault
from mailmerge_cli.secret import Secret
from support.keyrings import BrokenKeyring, MemoryKeyring, keyring_in_place


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    """An empty keyring."""
    ring = MemoryKeyring()
    with keyring_in_place(ring):
        yield ring


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "pay.xlsx"
    path.touch()
    return path


def printing(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"print({text!r})")


def first(passwords: ListPasswords, path: Path) -> str:
    return next(passwords(path, "pay.xlsx")).reveal()


def test_first_hit_wins(tmp_path: Path, listed: Path, ring: MemoryKeyring) -> None:
    """Variable, file, systemd, command, keyring, prompt: each serves once those before it are gone."""
    (tmp_path / "file").write_text("of the file\nmore")
    (tmp_path / "list-password").write_text("of systemd\n")
    ring.entries["mailmerge-cli", entry_name(listed)] = "of the keyring"
    environ = {
        "MAILMERGE_LIST_PASSWORD": "of the variable",
        "MAILMERGE_LIST_PASSWORD_FILE": str(tmp_path / "file"),
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    command = printing("of the command")
    found = []
    for gone in ("", *environ):
        environ.pop(gone, None)
        found.append(first(ListPasswords(command, environ=environ), listed))
    found.append(first(ListPasswords(environ={}), listed))
    ring.entries.clear()
    found.append(first(ListPasswords(prompt=lambda _: Secret("of a person"), environ={}), listed))
    of = ("variable", "file", "systemd", "command", "keyring")
    assert found == [*(f"of the {way}".replace("the systemd", "systemd") for way in of), "of a person"]


def test_nothing_found_names_the_ways(listed: Path, ring: MemoryKeyring) -> None:
    """Without any, 77 with all the ways, the keyring's entry among them."""
    with pytest.raises(CredentialsFault) as caught:
        first(ListPasswords(environ={}), listed)
    for way in (
        "MAILMERGE_LIST_PASSWORD_FILE",
        "list-password",
        "password_command",
        f"list:{listed.resolve()}",
        "terminal",
    ):
        assert way in caught.value.hint


def test_a_wrong_one_ends_it(listed: Path, ring: MemoryKeyring) -> None:
    """A second password is not looked for when the first one does not open the file; its way is told, itself never."""
    environ = {"MAILMERGE_LIST_PASSWORD": "hunter2"}
    found = ListPasswords(printing("other"), environ=environ)(listed, "pay.xlsx")
    assert next(found) == Secret("hunter2")
    with pytest.raises(CredentialsFault, match=r"MAILMERGE_LIST_PASSWORD does not open pay\.xlsx") as caught:
        next(found)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_a_person_may_try_three_times(listed: Path, ring: MemoryKeyring) -> None:
    """Typing goes wrong; the question says so, and the third time is the last."""
    asked: list[str] = []

    def prompt(question: str) -> Secret:
        asked.append(question)
        return Secret(str(len(asked)))

    found = ListPasswords(prompt=prompt, environ={})(listed, "pay.xlsx")
    assert [next(found).reveal() for _ in range(3)] == ["1", "2", "3"]
    assert asked[0] == "Password of pay.xlsx: "
    assert asked[1].startswith("That does not open it.")
    with pytest.raises(CredentialsFault):
        next(found)


def test_a_person_may_give_up(listed: Path, ring: MemoryKeyring) -> None:
    """Nothing typed is no password; asked before, one is not told of other ways."""
    answers = iter([Secret("x"), None])
    found = ListPasswords(prompt=lambda _: next(answers), environ={})(listed, "pay.xlsx")
    next(found)
    with pytest.raises(CredentialsFault, match="No password was given"):
        next(found)


@pytest.mark.skipif(os.name != "posix", reason="owners are POSIX")
def test_a_command_in_a_file_of_others_is_not_run(
    tmp_path: Path, listed: Path, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign.toml that another user owns, or that anybody may write, runs nothing."""
    trace, toml = tmp_path / "trace", tmp_path / "campaign.toml"
    toml.touch(0o644)
    command = (sys.executable, "-c", f"open({str(trace)!r}, 'w'); print('x')")
    toml.chmod(0o666)
    with pytest.raises(CredentialsFault, match="anybody may write"):
        first(ListPasswords(command, toml, environ={}), listed)
    toml.chmod(0o644)
    monkeypatch.setattr(list_password.os, "getuid", lambda: 12345)
    if toml.stat().st_uid:
        with pytest.raises(CredentialsFault, match="another user"):
            first(ListPasswords(command, toml, environ={}), listed)
    assert not trace.exists()
    monkeypatch.undo()
    assert first(ListPasswords(command, toml, environ={}), listed) == "x"


def test_a_broken_keyring_is_told_and_no_end(listed: Path) -> None:
    """What the keyring says is told in a word, without what it was given; a person is asked all the same."""
    with keyring_in_place(BrokenKeyring()):
        with pytest.raises(CredentialsFault, match="RuntimeError"):
            first(ListPasswords(environ={}), listed)
        assert first(ListPasswords(prompt=lambda _: Secret("typed"), environ={}), listed) == "typed"
    assert repr(ListPasswords(printing("x"))) == "ListPasswords()"
