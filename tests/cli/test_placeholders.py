"""What is still to be filled in stops a real mail, and only a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.program import run_here, write_toml


def letter(here: Path, sender: str, body: str = "Dear {{ name }}") -> None:
    (here / "letter.txt").write_text(f"From: {sender}\nSubject: x\n\n{body}\n", encoding="utf-8")


@pytest.mark.parametrize("sender", ["Your Name <you@example.org>", "YOUR.NAME@gmail.com"])
@pytest.mark.parametrize("words", [("check",), ("send", "--yes"), ("send", "--test", "me@example.com")])
def test_a_placeholder_in_from_is_refused_for_a_real_account(
    here: Path, sender: str, words: tuple[str, ...]
) -> None:
    """With a server elsewhere: 65, and the file to mend is named; nothing is connected to."""
    write_toml(here, "smtps://mail.example.org")
    letter(here, sender)
    ran = run_here(*words)
    assert ran.code == 65, ran.err
    assert ran.err.count("From is still") == 1
    assert "letter.txt" in ran.err


@pytest.mark.parametrize("account", ["outbox:mails", "smtp+insecure://127.0.0.1:2525"])
def test_a_placeholder_in_from_is_a_note_on_this_machine(here: Path, account: str) -> None:
    """An outbox or a server on this machine is for trials: the note stays, and all is well."""
    write_toml(here, account)
    letter(here, "you@example.org")
    ran = run_here("check")
    assert (ran.code, "From is still" in ran.err) == (0, True)


def test_a_broken_placeholder_is_refused(here: Path) -> None:
    """One brace around a column: 65 with file and line."""
    write_toml(here, "outbox:mails")
    letter(here, "a@example.org", "Dear {name}")
    ran = run_here("send", "--yes")
    assert ran.code == 65
    assert "letter.txt:4" in ran.err
    assert "{{ name }}" in ran.err
