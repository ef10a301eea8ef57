"""Catalogue C, as the program meets it: no password and no mail in the clear, to the wrong server, or twice."""

from __future__ import annotations

import base64
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.trial import Trial, once
from support.certificates import BAD, ca_file, server_context
from support.program import run_here
from support.scripted_smtp import Close, Hang, Reset, ScriptedServer
from support.soon import soon

USER, SECRET = "hr@example.org", "Zirkus-4711-Qualle"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    return


def secured(trial: Trial, server: ScriptedServer, security: str = "tls", **keys: object) -> Trial:
    """The campaign at a server that wants a login."""
    other = Trial(trial.folder, server).write()
    other.account(
        port=server.port,
        security=security,
        user=USER,
        ca_file=str(ca_file(trial.folder.parent)),
        timeout=1,
        **keys,
    )
    return other


def nothing_said(server: ScriptedServer) -> None:
    """Neither password nor mail has been on the wire."""
    assert (0, []) == (server.auths, server.accepted)
    assert "MAIL" not in server.verbs()
    assert not server.saw(SECRET.encode())
    assert not server.saw(base64.b64encode(f"\0{USER}\0{SECRET}".encode()))


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("kind", BAD)
def test_C01_C02_a_bad_certificate_is_78(trial: Trial, kind: str, tls: str) -> None:
    """Expired, too new, wrong host, unknown authority, the name in CN only: no AUTH, no mail, everybody pending."""
    with ScriptedServer(tls=tls, context=server_context(kind), users={USER: SECRET}) as server:
        bad = secured(trial, server, "tls" if tls == "implicit" else "starttls")
        ran = bad.send()
        nothing_said(server)
        assert (78, 3, 0) == (ran.code, ran.json["counts"]["pending"], ran.json["counts"]["failed"]), ran.err
        assert "certificate" in ran.err
        assert server.connections <= 2


@pytest.mark.parametrize("rule", [None, "454 4.7.0 TLS not available", "500 5.5.1 what"])
def test_C03_without_starttls_nothing_is_said(trial: Trial, rule: str | None) -> None:
    """Stripped from EHLO, or refused: 78 or 69, and neither login nor mail."""
    replies = {"STARTTLS": rule} if rule else {}
    with ScriptedServer(
        replies,
        tls="starttls" if rule else "",
        context=server_context(),
        users={USER: SECRET},
        auth_in_clear=True,
    ) as server:
        ran = secured(trial, server, "starttls").send()
        nothing_said(server)
        assert ran.code in ((69, 75) if rule and rule.startswith("4") else (78,)), ran.err
        assert "STARTTLS" in ran.err
        assert 3 == ran.json["counts"]["pending"]


def test_C04_what_stands_behind_starttls_is_not_believed(trial: Trial) -> None:
    """Replies that were slipped in before the encryption end the connection."""
    injected = b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n235 welcome\r\n"
    with ScriptedServer(
        {"STARTTLS": injected}, tls="starttls", context=server_context(), users={USER: SECRET}
    ) as server:
        ran = secured(trial, server, "starttls").send()
        nothing_said(server)
        assert 78 == ran.code, ran.err


@pytest.mark.parametrize("rule", [b"garbage\r\n", Close(), Reset(), Hang()])
def test_C05_a_handshake_that_fails_ends_in_time(trial: Trial, rule: object) -> None:
    """Garbage, close, reset, silence: 69 or 78 within the time-out, never clear text."""
    with ScriptedServer(
        {"TLS": rule}, tls="implicit", context=server_context(), users={USER: SECRET}
    ) as server:
        with soon():
            ran = secured(trial, server).send()
        nothing_said(server)
        assert ran.code in (69, 78), ran.err


@pytest.mark.parametrize("mechanisms", [("GSSAPI",), ()])
def test_C06_no_login_that_we_can_do_is_78(trial: Trial, mechanisms: tuple[str, ...]) -> None:
    """Nothing known is offered: no AUTH, no mail without a login; what is offered is told."""
    with ScriptedServer(
        tls="implicit", context=server_context(), users={USER: SECRET}, mechanisms=mechanisms
    ) as server:
        ran = secured(trial, server).send()
        nothing_said(server)
        assert 78 == ran.code, ran.err
        assert all(word in ran.err for word in mechanisms)


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        ("534 5.7.9 Application-specific password required", "app password"),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant",
            "5.7.139",
        ),
        ("550 5.7.30 Basic authentication is not supported for Client Submission", "5.7.30"),
    ],
)
def test_C08_the_refusal_says_what_to_do(trial: Trial, reply: str, hint: str) -> None:
    """One AUTH in the whole run, 77, and the text that helps; no password in it."""
    with ScriptedServer(
        {"AUTH": reply}, tls="implicit", context=server_context(), users={USER: SECRET}
    ) as server:
        ran = secured(trial, server, connections=3).send()
        assert (77, 1, []) == (ran.code, server.auths, server.accepted), ran.err
        assert hint in ran.err
        assert SECRET not in ran.err + ran.out
        assert 3 == ran.json["counts"]["pending"]


def test_C09_a_temporary_failure_at_login_is_for_later(trial: Trial) -> None:
    """454 at AUTH: stopped with few tries, nobody failed, and the password is not called wrong."""
    with ScriptedServer(
        {"AUTH": "454 4.7.0 Temporary authentication failure"},
        tls="implicit",
        context=server_context(),
        users={USER: SECRET},
    ) as server:
        ran = secured(trial, server).send("--max-wait", "1s")
        assert ran.code in (69, 75), ran.err
        assert 1 <= server.auths <= 3
        assert (3, []) == (ran.json["counts"]["pending"], server.accepted)


def test_C10_a_token_that_expires_in_the_run_is_fetched_again_once(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused at a reconnect: its command runs once more and the run goes on; no token in any output."""
    monkeypatch.delenv("MAILMERGE_PASSWORD_HR")
    store = tmp_path / "token"
    store.write_text("old-token-1")
    users = {USER: "old-token-1"}
    with ScriptedServer(
        tls="implicit", context=server_context(), users=users, mechanisms=("XOAUTH2",)
    ) as server:
        command = [sys.executable, "-c", f"print(open({str(store)!r}).read())"]
        other = secured(trial, server, auth="xoauth2", token_command=command, max_per_connection=2)

        def expire(_: object) -> None:
            if len(server.accepted) == 1:
                users[USER] = "new-token-2"
                store.write_text("new-token-2")

        server.replies["END"] = expire
        ran = other.send("--debug")
        assert (0, once(1, 2, 3), 1) == (ran.code, other.got(), server.failed_auths), ran.err
        assert server.violations == []
        assert not any(token in ran.err + ran.out for token in ("old-token-1", "new-token-2"))


def test_C12_no_keyring_in_cron_is_77_at_once(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to ask and nobody to ask: 77 with the ways, soon, and no file with a secret appears."""
    monkeypatch.delenv("MAILMERGE_PASSWORD_HR")
    with ScriptedServer(tls="implicit", context=server_context(), users={USER: SECRET}) as server:
        with soon():
            ran = secured(trial, server).send()
        nothing_said(server)
        assert 77 == ran.code, ran.err
        assert "keyring" in ran.err


def test_C13_no_output_and_no_file_holds_the_secret(trial: Trial, tmp_path: Path) -> None:
    """--debug, --verbose, --log-file, a refused and a good login: neither the password nor what AUTH makes of it."""
    forms = [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"\0{USER}\0{SECRET}".encode()).decode(),
    ]
    with ScriptedServer(
        {"AUTH": [f"535 5.7.8 {SECRET} refused"]},
        tls="implicit",
        context=server_context(),
        users={USER: SECRET},
    ) as server:
        other = secured(trial, server)
        told = [other.send("--debug", "--verbose", "--log-file", tmp_path / "run.log") for _ in range(2)]
        assert [77, 0] == [ran.code for ran in told], told[-1].err
    files = [path.read_bytes().decode("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file()]
    for text in (*files, *(ran.out + ran.err for ran in told)):
        assert not any(form in text for form in forms)


def test_C14_what_the_program_writes_is_its_owners_alone(trial: Trial) -> None:
    """0600 and 0700 under a umask of 0: ledger and its journal, result log, their folders."""
    before = os.umask(0)
    try:
        assert 0 == trial.send().code
    finally:
        os.umask(before)
    for place, file in ((".mailmerge", "ledger.sqlite3"), ("results", "*.csv")):
        assert list((trial.folder / place).glob(file))
        for path in (trial.folder / place, *(trial.folder / place).iterdir()):
            if path.name != ".gitignore":
                assert 0 == stat.S_IMODE(path.stat().st_mode) & 0o077, path


@pytest.mark.parametrize("name", [".mailmerge/ledger.sqlite3", ".mailmerge", "results/r.csv"])
def test_C15_a_link_in_a_files_place_is_not_written_through(trial: Trial, name: str, tmp_path: Path) -> None:
    """A ledger, its folder or a result log that leads elsewhere: refused before the first mail, the target untouched."""
    elsewhere = tmp_path / "elsewhere"
    place = trial.folder / name
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if name == ".mailmerge":
        elsewhere.mkdir()
    else:
        elsewhere.write_text("another's")
    place.symlink_to(elsewhere)
    ran = trial.send("--run", "r")

    assert ran.code in (74, 78), ran.err
    assert [] == trial.server.accepted
    assert ([] == list(elsewhere.iterdir())) if elsewhere.is_dir() else elsewhere.read_text() == "another's"


def test_C07_a_wrong_password_is_tried_once(trial: Trial) -> None:
    """Three connections, one failed AUTH; the same command again tries once more and no row is touched."""
    with ScriptedServer(tls="implicit", context=server_context(), users={USER: "another"}) as server:
        other = secured(trial, server, connections=3)
        for tries in (1, 2):
            ran = other.send()
            assert (77, tries, 3) == (ran.code, server.auths, ran.json["counts"]["pending"]), ran.err
        assert "5.7.8" in ran.err
        assert USER in ran.err
        assert {0} == {line["attempts"] for line in run_here("log", other.folder, "--json").json["lines"]}


def test_C11_a_password_changed_in_the_run_stops_it(trial: Trial) -> None:
    """535 at a reconnect: stopped, resumable, and nobody who has his mail gets it again."""
    users = {USER: SECRET}
    with ScriptedServer(tls="implicit", context=server_context(), users=users) as server:
        other = secured(trial, server, max_per_connection=1)
        server.replies["END"] = lambda _: users.update({USER: "another"})
        ran = other.send()
        assert (77, 1, 2) == (ran.code, ran.json["counts"]["sent"], ran.json["counts"]["pending"]), ran.err
        users[USER] = SECRET
        server.replies.clear()
        assert (0, once(1, 2, 3)) == (other.send().code, other.got())
