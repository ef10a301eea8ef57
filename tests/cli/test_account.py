"""`mailmerge account …` against real conversations with a server on this machine."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backends import fail

from mailmerge_cli.config import keychain
from mailmerge_cli.config.accounts_file import load_accounts
from support.keyrings import LockedKeyring, MemoryKeyring, PlainTextKeyring, keyring_in_place
from support.program import Ran, run_here
from support.scripted_smtp import Close, ScriptedServer

pytestmark = pytest.mark.usefixtures("ring")

SECRET = "hunter2-ünd-mehr"
USERS = {"hr@example.org": SECRET}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a person of our own, and no variable that could get in the way."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MAILMERGE_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("MAILMERGE_PASSWORD", "CREDENTIALS_DIR"))]:
        monkeypatch.delenv(name)
    return folder


def account(*words: object, stdin: str = "") -> Ran:
    """Run `mailmerge account …` in this process, without a terminal."""
    return run_here("account", *words, stdin=stdin.encode())


def local(server: ScriptedServer) -> tuple[object, ...]:
    """Options for a server on this machine."""
    return ("--host", "127.0.0.1", "--port", server.port, "--security", "none")


def add(server: ScriptedServer, *words: object, secret: str = SECRET) -> Ran:
    """Add the account `hr` at this server with a secret from standard input."""
    return account(
        "add", "hr", "hr@example.org", *local(server), "--password-stdin", *words, stdin=secret + "\n"
    )


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that wants a login."""
    with ScriptedServer(users=USERS) as server:
        yield server


def test_add_keeps_the_secret_and_logs_in_once(
    server: ScriptedServer, ring: MemoryKeyring, home: Path
) -> None:
    """Written, kept, tested: one AUTH on the wire, no mail; accounts.toml holds no secret."""
    ran = add(server)

    assert (ran.code, ran.err) == (0, "")
    assert "the login of hr@example.org works" in ran.out
    assert (server.auths, server.failed_auths, server.accepted) == (1, 0, [])
    assert json.loads(ring.entries["mailmerge-cli", "hr"])["server"] == f"127.0.0.1:{server.port}"
    assert SECRET not in (home / "accounts.toml").read_text(encoding="utf-8")
    assert stat.S_IMODE((home / "accounts.toml").stat().st_mode) == 0o600 or os.name == "nt"


def test_test_uses_what_add_kept_and_sends_nothing(server: ScriptedServer) -> None:
    """The next process finds the secret in the keyring; without --to there is no MAIL."""
    add(server, "--no-test")

    ran = account("test", "hr", "--json")

    assert ran.code == 0
    assert ran.json == {
        "schema": 1, "account": "hr", "server": f"127.0.0.1:{server.port}", "login": True, "secret": "keyring",
        "exit_code": 0,
    }  # fmt: skip
    assert "MAIL" not in server.verbs()


def test_test_to_sends_one_mail(server: ScriptedServer) -> None:
    """One mail, from the account's sender to the one address; the reply is told."""
    add(server, "--sender", "Löhne <hr@example.org>", "--envelope-from", "bounces@example.org", "--no-test")

    ran = account("test", "hr", "--to", "me@example.com")

    assert ran.code == 0, ran.err
    assert "Test mail to me@example.com: accepted." in ran.out
    mail = server.accepted[0]
    assert (mail.sender, mail.recipients, len(server.accepted)) == (
        "bounces@example.org",
        ("me@example.com",),
        1,
    )
    assert b"Subject: Test of the account hr" in mail.content
    assert b"=?utf-8?" in mail.content
    assert server.violations == []


def test_C07_a_wrong_password_is_one_auth_77_and_the_account_is_kept(
    server: ScriptedServer, home: Path
) -> None:
    """The account stands, the exit code is 77, and the person knows what to type."""
    ran = add(server, secret="wrong-" + SECRET)

    assert ran.code == 77
    assert server.failed_auths == 1
    assert "The account is kept; to try again: mailmerge account test hr" in ran.err
    assert SECRET not in ran.out + ran.err
    assert "hr" in load_accounts()


@pytest.mark.parametrize(("word", "code"), [("nothing listens", 69), ("no login offered", 78)])
def test_an_account_whose_test_fails_is_kept(word: str, code: int) -> None:
    """69 where nobody answers, 78 where the server does not offer what the account wants."""
    with ScriptedServer() as server:
        port = server.port
        if word == "no login offered":
            ran = add(server)
    if word == "nothing listens":
        ran = account("add", "hr", "hr@example.org", "--host", "127.0.0.1", "--port", port, "--security", "none",
                      "--password-stdin", stdin=SECRET)  # fmt: skip

    assert ran.code == code, ran.err
    assert "The account is kept" in ran.err
    assert "hr" in load_accounts()


def test_without_a_terminal_and_a_secret_it_is_written_and_says_so(server: ScriptedServer) -> None:
    """Cron, CI and Ansible: no hang, no prompt, exit 0, and the ways to give the secret."""
    ran = account("add", "hr", "hr@example.org", *local(server))

    assert ran.code == 0
    assert 'The account "hr" is written.' in ran.out
    assert "It has no password yet".lower() in ran.err.lower()
    assert "MAILMERGE_PASSWORD_HR" in ran.err
    assert "mailmerge account login hr" in ran.err
    assert server.connections == 0
    assert "hr" in load_accounts()


def test_a_variable_serves_the_login_test(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in the environment needs no keyring; its source is told by name."""
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    with keyring_in_place(fail.Keyring()):
        ran = account("add", "hr", "hr@example.org", *local(server), "--json")
        shown = account("show", "hr", "--json")

    assert (ran.code, ran.json["tested"], ran.json["secret_kept"]) == (0, True, False)
    assert shown.json["secret"] == "MAILMERGE_PASSWORD_HR"
    assert SECRET not in ran.out + ran.err + shown.out


def test_no_auth_needs_no_secret() -> None:
    """A relay that trusts this machine."""
    with ScriptedServer() as server:
        ran = account("add", "relay", "hr@example.org", *local(server), "--no-auth")

    assert (ran.code, ran.err) == (0, "")
    assert server.auths == 0
    assert f"127.0.0.1:{server.port} answers. Nothing was sent." in ran.out


def test_the_provider_comes_from_the_address() -> None:
    """Name and address are enough for a known provider; the note tells its own word for the secret."""
    ran = account("add", "me", "someone@163.com")

    added = load_accounts()["me"]
    assert ran.code == 0
    assert (added.provider, added.host, added.port, added.user) == (
        "163",
        "smtp.163.com",
        465,
        "someone@163.com",
    )
    assert "授权码" in ran.err


def test_a_url_makes_an_account(server: ScriptedServer) -> None:
    """What worked as a URL can get a name."""
    ran = account(
        "add",
        "hr",
        f"smtp+insecure://hr%40example.org@127.0.0.1:{server.port}",
        "--password-stdin",
        stdin=SECRET,
    )
    outbox = account("add", "trial", "outbox:out", "--sender", "a@example.org")

    assert (ran.code, outbox.code) == (0, 0), ran.err + outbox.err
    assert load_accounts()["hr"].user == "hr@example.org"
    assert load_accounts()["trial"].folder == Path.cwd() / "out"
    assert account("test", "trial", "--to", "b@example.org").code == 0
    assert len(list((Path.cwd() / "out").glob("*.eml"))) == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("hr", "hr@example.org"), 2, "--provider NAME or --host"),
        (("hr", "hr@example.org", "--provider", "gmial"), 2, 'did you mean "gmail"'),
        (("hr", "hr@example.org", "--provider", "ses"), 2, "--host email-smtp.REGION.amazonaws.com"),
        (("hr",), 2, "address is missing"),
        (("hr@gmail.com",), 2, "name is missing"),
        (("hr", "nonsense", "--host", "x.example"), 2, "not an e-mail address"),
        (("a:b", "hr@gmail.com"), 78, "no colon"),
        (("a b", "hr@gmail.com"), 78, "cannot be an account's name"),
        (("hr", "hr@gmail.com", "--rate", "fast"), 2, "--rate: 'fast' is not a rate"),
        (("hr", "hr@gmail.com", "--port", "0"), 2, "--port"),
        (("hr", "hr@gmail.com", "--auth", "plian"), 2, 'did you mean "plain"'),
        (("hr", "hr@gmail.com", "--no-auth", "--auth", "plain"), 2, "exclude each other"),
        (("hr", "hr@gmail.com", "--password-command", "pass 'x"), 2, "quotes do not match"),
        (("hr", "hr@example.org", "--host", "x.example", "--security", "none"), 78, "in the clear"),
        (("hr", "smtps://hr:hunter2@example.org"), 78, "password does not belong"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    words: tuple[str, ...], code: int, told: str
) -> None:
    """The right exit code, a sentence that helps, no file, no secret repeated."""
    ran = account("add", *words)

    assert ran.code == code, ran.err
    assert told in ran.err
    assert "hunter2" not in ran.err
    assert load_accounts() == {}


def test_an_account_is_not_replaced_by_accident(server: ScriptedServer) -> None:
    """The same name again: 2 without a yes, and what was to be asked is told; replaced with --yes."""
    add(server, "--no-test")

    refused = account("add", "hr", "hr@gmail.com", "--no-test")
    replaced = account("add", "hr", "hr@gmail.com", "--no-test", "--yes")

    assert (refused.code, replaced.code) == (2, 0)
    assert 'There is an account "hr". Replace it?' in refused.err
    assert load_accounts()["hr"].provider == "gmail"


def test_the_old_secret_does_not_go_to_a_new_server(server: ScriptedServer) -> None:
    """An account that moved needs its secret again: 77, and nothing was sent to the new server."""
    add(server)
    account(
        "add",
        "hr",
        "hr@example.org",
        "--host",
        "localhost",
        "--port",
        server.port,
        "--security",
        "none",
        "--yes",
        "--no-test",
    )

    ran = account("test", "hr")

    assert ran.code == 77
    assert f"belongs to 127.0.0.1:{server.port}" in ran.err
    assert server.auths == 1


def test_C12_no_keyring_is_told_and_nothing_is_written_in_plain_text(
    server: ScriptedServer, home: Path
) -> None:
    """The account works with the secret at hand, the person learns that it was not kept, and `login` is 77."""
    for ring, words in (
        (fail.Keyring(), "no desktop keyring answers"),
        (PlainTextKeyring(), "keeps plain text"),
    ):
        with keyring_in_place(ring):
            ran = add(server, "--yes")
            login = account("login", "hr", "--password-stdin", stdin=SECRET)

        assert ran.code == 0
        assert words in ran.err
        assert "was not kept" in ran.err
        assert login.code == 77
        assert words in login.err
    assert SECRET not in "".join(p.read_text(encoding="utf-8") for p in home.rglob("*") if p.is_file())


def test_C12_a_locked_keyring_never_hangs_add(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login test uses the secret at hand; the keyring's silence is told."""
    monkeypatch.setattr(keychain, "TIMEOUT", 0.05)
    with keyring_in_place(LockedKeyring()):
        ran = add(server)

    assert ran.code == 0
    assert "did not answer within" in ran.err


def test_login_replaces_the_secret(server: ScriptedServer) -> None:
    """A new password after an old one: the next test uses the new."""
    add(server, "--no-test", secret="old")

    ran = account("login", "hr", "--password-stdin", stdin=SECRET + "\n")

    assert ran.code == 0
    assert "Kept in the keyring" in ran.out
    assert account("test", "hr").code == 0
    assert account("login", "hr").code == 2
    assert account("login", "hr", "--password-stdin").code == 77


def test_remove_forgets_the_secret_too(server: ScriptedServer, ring: MemoryKeyring) -> None:
    """Nothing without a yes; then the table and the keyring's entry go."""
    add(server, "--no-test")

    refused, removed = account("remove", "hr"), account("remove", "hr", "--yes", "--json")

    assert (refused.code, removed.code) == (2, 0)
    assert removed.json["secret_forgotten"] is True
    assert ring.entries == {}
    assert load_accounts() == {}
    assert account("remove", "hr", "--yes").code == 78


def test_list_and_show(server: ScriptedServer) -> None:
    """All accounts, or all of one; of a command its program only, of the secret its source only."""
    assert "There is no account yet" in account("list").out
    add(server, "--no-test", "--rate", "30/min", "--rate", "500/day")
    account("add", "shop", "shop@gmail.com", "--password-command", f"pass show {SECRET}", "--no-test")

    listed, shown = account("list"), account("show", "shop")
    as_json = account("list", "--json").json

    assert [line.split()[0] for line in listed.out.splitlines()] == ["name", "hr", "shop"]
    assert "30/min, 500/day" in listed.out
    assert [told["name"] for told in as_json["accounts"]] == ["hr", "shop"]
    assert as_json["accounts"][0]["rate"] == ["30/min", "500/day"]
    assert "smtp.gmail.com" in shown.out
    assert "password_command" in shown.out
    assert SECRET not in shown.out + json.dumps(as_json)
    assert account("show", "shp").code == 78


@pytest.mark.parametrize(
    ("rule", "code", "told"),
    [
        ({"RCPT": "550 5.1.1 no such user"}, 1, "550 5.1.1"),
        ({"RCPT": "450 4.2.0 greylisted"}, 75, "450 4.2.0"),
        ({"MAIL": "550 5.7.60 SendAsDenied"}, 78, "5.7.60"),
        ({"END": Close()}, 3, "unknown"),
    ],
)
def test_a_test_mail_that_does_not_arrive_has_the_outcomes_exit_code(
    rule: dict[str, object], code: int, told: str
) -> None:
    """Refused 1, deferred 75, sender not allowed 78, in doubt 3; the reply is told."""
    with ScriptedServer(rule, users=USERS) as server:
        add(server, "--no-test")
        ran = account("test", "hr", "--to", "me@example.com")

    assert ran.code == code, ran.err
    assert told in ran.out + ran.err


def test_quiet_says_nothing_when_all_is_well(server: ScriptedServer) -> None:
    """--quiet: nothing on either stream at exit 0, text at any other."""
    add(server, "--no-test")

    assert account("test", "hr", "--quiet") == Ran(0, "", "")
    assert account("test", "nobody", "--quiet").err != ""


def test_errors_are_one_json_object_too(server: ScriptedServer) -> None:
    """--json: exactly one object on standard output, whatever happens."""
    ran = account("test", "nobody", "--json")

    assert (ran.code, ran.json["exit_code"], ran.json["reason"]) == (78, 78, "config")


def test_C13_debug_shows_the_conversation_without_the_secret(server: ScriptedServer) -> None:
    """Neither the secret nor its base64 forms are in any output."""
    import base64

    add(server, "--no-test")
    ran = account("test", "hr", "--debug", "--to", "me@example.com")
    wrong = add(server, "--yes", "--debug", secret="wrong-" + SECRET)

    hidden = [SECRET, "wrong-"]
    hidden += [
        base64.b64encode(s.encode()).decode().rstrip("=") for s in (SECRET, f"\0hr@example.org\0{SECRET}")
    ]
    told = ran.out + ran.err + wrong.out + wrong.err
    assert "EHLO" in told
    assert not [text for text in hidden if text in told]


def on_a_terminal(answers: list[tuple[str, str]], *words: object) -> tuple[int, str]:
    """A child process with a terminal of its own and no keyring."""
    from support.terminal import run_on_terminal

    script = f"import sys; from mailmerge_cli.cli.main import main; sys.exit(main({['account', *map(str, words)]!r}))"
    typed = [(prompt, text + "\n") for prompt, text in answers]
    return run_on_terminal(script, typed, environ={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})


needs_terminal = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")


@needs_terminal
def test_a_person_is_asked_for_what_is_missing(server: ScriptedServer) -> None:
    """On a terminal: address, provider, server, name, secret without echo; then the login test."""
    answers = [
        ("Your e-mail address:", "hr@example.org"), ("Provider:", ""), ("Mail server:", "127.0.0.1"),
        ("[hr]:", "office"), ("password for hr@example.org at 127.0.0.1", SECRET),
    ]  # fmt: skip

    code, shown = on_a_terminal(answers, "add", "--security", "none", "--port", server.port)

    assert code == 0, shown
    assert "Who runs this mailbox?" in shown
    assert "the login of hr@example.org works" in shown
    assert SECRET not in shown
    assert load_accounts()["office"].port == server.port


@needs_terminal
def test_the_test_asks_for_a_secret_that_nobody_kept(server: ScriptedServer) -> None:
    """The prompt is the last way; a bare Enter is no secret."""
    account("add", "hr", "hr@example.org", *local(server))

    code, shown = on_a_terminal([("password for", SECRET)], "test", "hr")
    empty, _ = on_a_terminal([("password for", "")], "test", "hr")
    silent, told = on_a_terminal([], "test", "hr", "--no-input")

    assert (code, empty, silent) == (0, 77, 77), shown
    assert SECRET not in shown
    assert "password for hr@" not in told


@needs_terminal
def test_a_person_may_change_his_mind(server: ScriptedServer) -> None:
    """No is no: nothing removed, nothing replaced."""
    account("add", "hr", "hr@example.org", *local(server), "--no-auth")

    removed, _ = on_a_terminal([("[y/n]", "n")], "remove", "hr")
    replaced, _ = on_a_terminal([("[y/n]", "n")], "add", "hr", "hr@gmail.com")

    assert (removed, replaced) == (2, 2)
    assert load_accounts()["hr"].host == "127.0.0.1"


def test_O09_a_bare_environment_is_enough(home: Path, tmp_path: Path) -> None:
    """Cron without HOME, PATH, terminal and locale: it works, in UTF-8, and nobody is asked."""
    account("add", "人事", "hr@example.org", "--host", "mail.example.org", "--no-test")

    words = [sys.executable, "-m", "mailmerge_cli", "account"]
    system = {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if os.name == "nt" else {}
    bare = {**system, "MAILMERGE_HOME": str(home), "LANG": "C"}
    listed, tested = (
        subprocess.run(
            [*words, *more],
            env=bare,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        for more in (["list"], ["test", "人事"])
    )

    assert (listed.returncode, tested.returncode) == (0, 77), listed.stderr + tested.stderr
    assert "人事" in listed.stdout.decode()
    assert "MAILMERGE_PASSWORD_人事" in tested.stderr.decode()


def test_help_names_every_command() -> None:
    """`account --help` and each command's help say what they do."""
    ran = account("--help")

    assert ran.code == 0
    for word in ("add", "list", "show", "test", "login", "remove"):
        assert word in ran.out
        assert account(word, "--help").code == 0
