"""What is told of rows that share a key, an address, or the one address that To names for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.program import LETTER, Ran, run_here, write_list, write_toml

PEOPLE = ["1,Ann,ann@example.org,tokA", "2,Ben,ANN@example.org,tokB", "2,Cem,cem@example.org,tokC"]


def check(*words: str) -> Ran:
    return run_here("check", "--json", *words)


def test_a_row_is_named_once_before_what_is_wrong_with_it(here: Path) -> None:
    """The row stands before the sentence on the screen and beside it in JSON, so the sentence itself does not repeat it."""
    write_list(here, PEOPLE)
    write_toml(here, "outbox:mails")
    ran = check()

    told = [(one["row"], one["message"].partition(";")[0]) for one in ran.json["problems"]]
    assert told == [
        (4, "has the same key “2” as row 3"),
        (3, "key “2” has the address of row 2 (key “1”): ann@example.org"),
    ]
    assert "  row 4: has the same key" in ran.err


@pytest.mark.parametrize("to", ["office@example.org", "{{ name }} <office@example.org>"])
def test_a_fixed_to_is_told_as_what_it_is(here: Path, to: str) -> None:
    """One fault that names To and its address, and the way out; no row is blamed for sharing it."""
    write_list(here, PEOPLE[:2])
    (here / "letter.txt").write_text(f"To: {to}\n{LETTER}")
    write_toml(here, "outbox:mails")
    ran = check()
    [problem] = ran.json["problems"]

    assert (ran.code, problem["row"], problem["column"]) == (65, None, "To")
    assert "office@example.org" in problem["message"]
    assert "To: {{ email }}" in problem["message"]
    assert 0 == check("--duplicates", "send").code
    write_list(here, PEOPLE[:1])
    assert 0 == check().code


def test_a_fixed_to_without_a_key_column_needs_one_to_be_meant(here: Path) -> None:
    """The address is the key then: --duplicates send alone cannot tell the rows apart, and that is said."""
    write_list(here, PEOPLE[:2])
    (here / "letter.txt").write_text(f"To: office@example.org\n{LETTER}")
    words = ("-r", "people.csv", "-m", "letter.txt", "-a", "outbox:mails")
    for more in ([], ["--duplicates", "send"]):
        [problem] = check(*words, *more).json["problems"]
        assert "name a key column" in problem["message"]
    assert 0 == check(*words, "--key-column", "id", "--duplicates", "send").code
