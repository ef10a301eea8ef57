"""A `send` that goes on: where nothing changed it looks at no row again; whatever changed it tells before anybody else gets a mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.cli import prepare as preparing
from support.arrivals import got, once
from support.parts import Change, edit, repaint, turn_round, write_parts
from support.program import Ran, people, run_here, states, write_campaign
from support.scripted_smtp import ScriptedServer

TOML = """\
name = "trial"
account = "hr"
run = "november"
[recipients]
file = "people.csv"
key = "id"
where = "id != 'X'"
exclude = ["gone.txt"]
[message]
file = "letter.html"
attachments = ["terms.txt"]
[values]
company = "Example"
[sending]
only_domains = ["example.org"]
connections = 2
workers = {workers}
"""
ACCOUNT = (
    '[hr]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "Office <office@example.org>"\n'
)
LETTER = """\
Subject: For {{ name }}

<p>{{ company }} {% include "foot.html" %} {{ token }} <img src="logo.png" alt="logo"></p>
"""


@pytest.fixture(params=["1", pytest.param("2", marks=pytest.mark.slow)])
def begun(tmp_path: Path, own_home: Path, server: ScriptedServer, request: pytest.FixtureRequest) -> Path:
    """Six people, of whom two have their mail."""
    folder = write_campaign(tmp_path / "c", people(6), toml=TOML.format(workers=request.param))
    write_parts(folder, LETTER, text="Text {{ id }} {{ token }}")
    accounts = own_home / "accounts.toml"
    accounts.touch(mode=0o600)
    accounts.write_text(ACCOUNT.format(port=server.port))
    assert 75 == (ran := send(folder, "--limit", "2")).code, ran.err
    assert once(1, 2) == got(server)
    return folder


def send(folder: Path, *words: str) -> Ran:
    return run_here("send", folder, "--yes", "--json", *words)


def each_his_own(server: ScriptedServer) -> None:
    """All six have one mail, and it holds nobody's token but theirs."""
    assert once(*range(1, 7)) == got(server)
    for mail in server.accepted:
        number = int(mail.recipients[0][1:].partition("@")[0])
        assert [number] == [n for n in range(1, 7) if f"tok{n:06d}x".encode() in mail.content]


def test_an_unchanged_run_goes_on_without_a_second_plan(
    begun: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row is judged again before the first mail, and the rest get theirs, each his own."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a second plan")

    monkeypatch.setattr(preparing, "make_plan", never)
    ran = send(begun)

    assert (0, 4, 6) == (ran.code, ran.json["sent_now"], ran.json["counts"]["sent"]), ran.err
    each_his_own(server)


CHANGES: dict[str, Change] = {
    "an address": edit("people.csv", "p4@", "q4@"),
    "a cell": edit("people.csv", "tok000004x", "tok000009x"),
    "a key": edit("people.csv", "6,Person 6", "7,Person 6"),
    "a row that is not selected any more": edit("people.csv", "\n6,", "\nX,"),
    "the template": edit("letter.html", "<p>", "<p>Dear "),
    "the subject": edit("letter.html", "Subject: For", "Subject: Für"),
    "From": edit("letter.html", "Subject", "From: boss@example.org\nSubject"),
    "an included file": edit("foot.html", "<b>", "<i>"),
    "the text beside it": edit("letter.txt", "Text", "Next"),
    "an image": repaint,
    "a shared attachment": edit("terms.txt", "terms", "sterm"),
    "an exclusion": edit("gone.txt", "a@", "p4@"),
    "a value": edit("campaign.toml", '"Example"', '"Elpmaxe"'),
    "where": edit("campaign.toml", "id != 'X'", "id != '5'"),
    "domains": edit("campaign.toml", '["example.org"]', '["example.com"]'),
    "the key column": edit("campaign.toml", 'key = "id"', 'key = "token"'),
    "no attachment": edit("campaign.toml", 'attachments = ["terms.txt"]', ""),
    "a required column": edit("campaign.toml", "where =", 'required = ["X"]\nwhere ='),
    "the account's sender": edit("accounts.toml", "Office <office@", "Office <off1ce@"),
    "envelope_from": edit("accounts.toml", "sender", 'envelope_from = "b@example.org"\nsender'),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changed_is_told_before_anybody_gets_it(
    begun: Path, server: ScriptedServer, change: Change
) -> None:
    """65 and nobody mailed; nor by the same call again: a change does not become usual by being told once."""
    change(begun)
    for _ in range(2):
        ran = send(begun)
        assert (65, 0) == (ran.code, ran.json["sent_now"]), ran.err
        assert once(1, 2) == got(server)
    assert 4 == list(states(begun).values()).count("pending")


def test_what_was_accepted_is_what_is_sent(begun: Path, server: ScriptedServer) -> None:
    """Accepted once, it is the plan: who is left gets the new mail, who has one gets none; and the call after that is quiet."""
    edit("letter.html", "<p>", "<p>Second edition ")(begun)
    assert 65 == send(begun).code
    assert 75 == (ran := send(begun, "--accept-changes", "--limit", "2")).code, ran.err
    assert 0 == (ran := send(begun)).code, ran.err

    assert once(*range(1, 7)) == got(server)
    editions = [b"Second edition" in mail.content for mail in server.accepted]
    assert [False, False, True, True, True, True] == editions


def test_another_order_is_no_change_and_each_still_gets_his_own(begun: Path, server: ScriptedServer) -> None:
    """The numbers of the rows follow the list, and nobody gets the mail of who stands there now."""
    turn_round(begun)
    assert 0 == (ran := send(begun)).code, ran.err

    each_his_own(server)


def test_a_slip_that_changes_is_noticed_though_only_a_cell_names_it(
    begun: Path, server: ScriptedServer
) -> None:
    """Files that cells name are looked at anew each time: no plan stands for them."""
    assert 0 == send(begun).code
    for n in range(1, 7):
        (begun / f"{n}.pdf").write_bytes(b"%PDF-1.4 slip of " + str(n).encode())
    toml = begun / "campaign.toml"
    toml.write_text(toml.read_text().replace('"terms.txt"', '"{{ id }}.pdf"'))
    assert 75 == (ran := send(begun, "--new-run", "--run", "slips", "--limit", "2")).code, ran.err
    (begun / "5.pdf").write_bytes(b"%PDF-1.4 slip of 6")
    before = got(server)

    assert 65 == (ran := send(begun, "--run", "slips")).code, ran.err
    assert before == got(server)
