"""Where the password of an encrypted list comes from: the first way that has one, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.config.list_password import ListPasswords, entry_name
from mailmerge_cli.errors import CredentialsFault
from mailmerge_cli.secret import Secret
from support.keyrings import BrokenKeyring, MemoryKeyring, keyring_in_place


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "pay.xlsx"
    path.touch()
    return path


def first(passwords: ListPasswords, path: Path) -> str:
    return next(passwords(path, "pay.xlsx")).reveal()


def test_first_hit_wins(tmp_path: Path, listed: Path, ring: MemoryKeyring) -> None:
    """Variable, file, systemd, keyring, prompt: each serves once those before it are gone."""
    (tmp_path / "file").write_text("of the file\nmore")
    (tmp_path / "list-password").write_text("of systemd\n")
    ring.entries["mailmerge-cli", entry_name(listed)] = "of the keyring"
    environ = {
        "MAILMERGE_LIST_PASSWORD": "of the variable",
        "MAILMERGE_LIST_PASSWORD_FILE": str(tmp_path / "file"),
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    found = []
    for gone in ("", *environ):
        environ.pop(gone, None)
        found.append(first(ListPasswords(environ=environ), listed))
    ring.entries.clear()
    found.append(first(ListPasswords(prompt=lambda _: Secret("of a person"), environ={}), listed))
    of = ("variable", "file", "systemd", "keyring")
    assert found == [*(f"of the {way}".replace("the systemd", "systemd") for way in of), "of a person"]


def test_nothing_found_names_the_ways(listed: Path, ring: MemoryKeyring) -> None:
    """Without any, 77 with all the ways, the keyring's entry among them."""
    with pytest.raises(CredentialsFault) as caught:
        first(ListPasswords(environ={}), listed)
    for way in (
        "MAILMERGE_LIST_PASSWORD_FILE",
        "list-password",
        f"list:{listed.resolve()}",
        "terminal",
    ):
        assert way in caught.value.hint


def test_a_wrong_one_ends_it(listed: Path, ring: MemoryKeyring) -> None:
    """A second password is not looked for when the first one does not open the file; its way is told, itself never."""
    environ = {"MAILMERGE_LIST_PASSWORD": "hunter2"}
    found = ListPasswords(environ=environ)(listed, "pay.xlsx")
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


def test_a_broken_keyring_is_told_and_no_end(listed: Path) -> None:
    """What the keyring says is told in a word, without what it was given; a person is asked all the same."""
    with keyring_in_place(BrokenKeyring()):
        with pytest.raises(CredentialsFault, match="RuntimeError"):
            first(ListPasswords(environ={}), listed)
        assert first(ListPasswords(prompt=lambda _: Secret("typed"), environ={}), listed) == "typed"
    assert repr(ListPasswords()) == "ListPasswords()"
