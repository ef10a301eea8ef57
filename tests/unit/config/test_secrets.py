"""Where a secret comes from: the order, the binding to its server, and that it never shows."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import os
import pickle
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path

import keyring.backends.fail
import pytest

from mailmerge_cli.config import keychain, secrets
from mailmerge_cli.config.secrets import SecretChain, keep_secret, prompt_text, read_secret
from mailmerge_cli.errors import CredentialsFault, ExitCode
from mailmerge_cli.model.account import Account, Auth, Security
from mailmerge_cli.secret import Secret
from support.keyrings import LockedKeyring, MemoryKeyring, keyring_in_place
from support.soon import soon

pytestmark = pytest.mark.usefixtures("ring")

HUNTER = "hunter2-ünd-mehr"
ACCOUNT = Account(name="hr", host="smtp.example.org", port=465, user="hr@example.org", in_file=True)
TYPED = replace(ACCOUNT, name="smtps://hr%40example.org@smtp.example.org:465", in_file=False, typed=True)
STRANGE = replace(TYPED, typed=False)


def printing(text: str, *, code: int = 0) -> tuple[str, ...]:
    """A command that prints a text."""
    script = f"import sys; sys.stdout.buffer.write({text.encode()!r}); sys.stderr.write({HUNTER!r}); sys.exit({code})"
    return (sys.executable, "-c", script)


def everything(tmp_path: Path) -> tuple[Account, dict[str, str]]:
    """An account and an environment in which every way has a secret, each its own."""
    for name in ("own-file", "plain-file"):
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    (tmp_path / "hr").write_text("systemd\nsecond line\n", encoding="utf-8")
    account = replace(ACCOUNT, password_command=printing("command\nsecond line\n"))
    keep_secret(account, Secret("keyring"))
    return account, {
        "MAILMERGE_PASSWORD_HR": "own",
        "MAILMERGE_PASSWORD_HR_FILE": str(tmp_path / "own-file"),
        "MAILMERGE_PASSWORD": "plain",
        "MAILMERGE_PASSWORD_FILE": str(tmp_path / "plain-file"),
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }


def test_first_hit_wins_in_the_order_of_the_contract(tmp_path: Path) -> None:
    """Take the ways away one by one; the next one serves, and `source` tells which."""
    account, environ = everything(tmp_path)
    steps = [
        ("--password-stdin", "stdin"), ("MAILMERGE_PASSWORD_HR", "own"), ("MAILMERGE_PASSWORD_HR_FILE", "own-file"),
        ("MAILMERGE_PASSWORD", "plain"), ("MAILMERGE_PASSWORD_FILE", "plain-file"), ("$CREDENTIALS_DIRECTORY", "systemd"),
        ("password_command", "command"), ("keyring", "keyring"), ("prompt", "typed"),
    ]  # fmt: skip
    stdin: Secret | None = Secret("stdin")

    for source, expected in steps:
        chain = SecretChain(account, stdin_secret=stdin, prompt=lambda _: Secret("typed"), environ=environ)
        assert chain.look() == ("" if source == "prompt" else source)
        assert (Secret(expected), source) == (chain.find(), chain.source)
        stdin = None
        environ.pop(source.replace("$", ""), None)
        if source == "password_command":
            account = replace(account, password_command=())
        if source == "keyring":
            keychain.forget_secret(account)


@pytest.mark.parametrize("account", [ACCOUNT, TYPED, STRANGE])
def test_nothing_found_is_77_and_names_the_ways(account: Account) -> None:
    """Who has no secret anywhere learns every way that would serve this account."""
    with pytest.raises(CredentialsFault) as caught:
        SecretChain(account, environ={}).find()

    told = caught.value.message + caught.value.hint
    assert caught.value.exit_code is ExitCode.CREDENTIALS
    assert "hr@example.org at smtp.example.org:465" in told
    ways = {"--password-stdin": account is not STRANGE, "MAILMERGE_PASSWORD": account is not STRANGE,
            "MAILMERGE_PASSWORD_HR_FILE": account.in_file, "CREDENTIALS_DIRECTORY": account.in_file,
            "password_command": account.in_file, "account login hr": account.in_file,
            "mailmerge account add": account is STRANGE}  # fmt: skip
    assert {way: way in told for way in ways} == ways


def test_a_typed_url_gets_standard_input_and_plain_variables() -> None:
    """A URL on the command line is the person's own word."""
    assert SecretChain(TYPED, stdin_secret=Secret("a"), environ={}).find() == Secret("a")
    assert SecretChain(TYPED, environ={"MAILMERGE_PASSWORD": "b"}).find() == Secret("b")


def test_a_url_in_a_campaign_file_gets_neither(tmp_path: Path) -> None:
    """Somebody else's campaign.toml must not send my password to their server."""
    _, environ = everything(tmp_path)

    with pytest.raises(CredentialsFault):
        SecretChain(STRANGE, stdin_secret=Secret("a"), environ=environ).find()


def test_a_keyring_entry_is_bound_to_its_server(ring: MemoryKeyring) -> None:
    """The account's host or port changed: the old secret does not go there."""
    keep_secret(ACCOUNT, Secret(HUNTER))

    for moved in (replace(ACCOUNT, host="smtp.example.com"), replace(ACCOUNT, port=587)):
        with pytest.raises(CredentialsFault) as caught:
            SecretChain(moved, environ={}).find()
        assert (
            f"belongs to {ACCOUNT.server}, and the account is at {moved.server} now" in caught.value.message
        )
        assert HUNTER not in caught.value.message

    assert SecretChain(ACCOUNT, environ={}).find() == Secret(HUNTER)
    assert list(ring.entries) == [("mailmerge-cli", "hr")]


def test_an_entry_of_another_program_is_not_used(ring: MemoryKeyring) -> None:
    """Without a server in it nobody knows where it may go."""
    for entry in (HUNTER, "{}", '{"server": 1, "secret": 2}', "[]", ""):
        ring.entries["mailmerge-cli", "hr"] = entry
        with pytest.raises(CredentialsFault, match="was not made by mailmerge"):
            SecretChain(ACCOUNT, environ={}).find()


def test_C12_a_locked_keyring_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer within the time-out is told with the reason, and a prompt still serves."""
    monkeypatch.setattr(keychain, "TIMEOUT", 0.05)
    with keyring_in_place(LockedKeyring()):
        with pytest.raises(CredentialsFault, match="did not answer within"):
            SecretChain(ACCOUNT, environ={}).find()
        chain = SecretChain(ACCOUNT, prompt=lambda _: Secret("typed"), environ={})

        assert chain.find() == Secret("typed")


def test_C12_without_a_terminal_nobody_is_asked() -> None:
    """A prompt that finds nobody (cron) is as good as none: 77 with the ways."""
    with pytest.raises(CredentialsFault, match="There is no password"):
        SecretChain(ACCOUNT, prompt=lambda _: None, environ={}).find()


def test_the_advice_is_what_works_here(ring: MemoryKeyring) -> None:
    """Where there is a keyring, it comes first; without one nobody is told to keep anything in it, and a private file is the first way."""
    with pytest.raises(CredentialsFault) as with_keyring:
        SecretChain(ACCOUNT, environ={}).find()
    with keyring_in_place(keyring.backends.fail.Keyring()), pytest.raises(CredentialsFault) as without:
        SecretChain(ACCOUNT, environ={}).find()

    assert with_keyring.value.hint.startswith("Type `mailmerge account login hr` to keep it in the keyring.")
    assert "account login" not in without.value.hint
    assert without.value.hint.startswith(
        "Without a keyring: a file that only you may read, named by MAILMERGE_PASSWORD_HR_FILE, $CREDENTIALS_DIRECTORY/hr"
    )


def test_the_prompt_names_the_right_secret_and_where_to_get_it() -> None:
    """The word that the provider's own pages use, and the server that will get it."""
    gmail = replace(ACCOUNT, provider="gmail", host="smtp.gmail.com")
    exmail = replace(ACCOUNT, provider="exmail", host="smtp.exmail.qq.com")
    netease = replace(ACCOUNT, host="smtp.163.com")

    assert prompt_text(gmail).startswith("app password for hr@example.org at smtp.gmail.com:465 [https://")
    assert prompt_text(exmail).startswith("客户端专用密码 for")
    assert prompt_text(netease).startswith("授权码 for")
    assert prompt_text(ACCOUNT) == "password for hr@example.org at smtp.example.org:465: "


def test_a_broken_way_stops_instead_of_falling_through(tmp_path: Path) -> None:
    """A way that was set up and does not work is told; the next one might be an old secret."""
    keep_secret(ACCOUNT, Secret("old"))
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\n")
    cases = [
        (ACCOUNT, {"MAILMERGE_PASSWORD_FILE": str(tmp_path / "nowhere")}, "does not exist"),
        (ACCOUNT, {"MAILMERGE_PASSWORD_FILE": str(tmp_path)}, "cannot be read"),
        (ACCOUNT, {"MAILMERGE_PASSWORD_FILE": str(tmp_path / "empty")}, "first line is empty"),
        (ACCOUNT, {"MAILMERGE_PASSWORD_FILE": str(tmp_path / "binary")}, "not UTF-8"),
        (replace(ACCOUNT, password_command=printing("x", code=3)), {}, "exit code 3"),
        (replace(ACCOUNT, password_command=printing("")), {}, "first line is empty"),
        (replace(ACCOUNT, password_command=("/nowhere/pass",)), {}, "cannot be run"),
    ]
    for account, environ, words in cases:
        with pytest.raises(CredentialsFault, match=words):
            SecretChain(account, environ=environ).find()


def test_empty_variables_and_missing_credentials_are_no_hit(tmp_path: Path) -> None:
    """A CI that sets every variable to nothing, and a systemd unit without this credential."""
    keep_secret(ACCOUNT, Secret("kept"))
    environ = {
        "MAILMERGE_PASSWORD": "",
        "MAILMERGE_PASSWORD_HR_FILE": "",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }

    assert SecretChain(ACCOUNT, environ=environ).find() == Secret("kept")


def test_a_slow_command_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that waits for ever is ended, not waited for."""
    monkeypatch.setattr(secrets, "COMMAND_TIMEOUT", 0.2)
    account = replace(ACCOUNT, password_command=(sys.executable, "-c", "import time; time.sleep(120)"))

    with soon(), pytest.raises(CredentialsFault, match="did not end within"):
        SecretChain(account, environ={}).find()


def test_a_command_gets_no_shell_and_no_standard_input() -> None:
    """`;` and `$` mean nothing, and a list on standard input is not eaten."""
    script = "import sys; print(sys.argv[1] + str(len(sys.stdin.read())))"
    account = replace(ACCOUNT, password_command=(sys.executable, "-c", script, "a b; $HOME #"))

    assert SecretChain(account, environ={}).find() == Secret("a b; $HOME #0")


@pytest.mark.parametrize("name", ["hr", "hr.main", "hr-1", "人事"])
def test_the_variable_of_an_account(name: str) -> None:
    """NAME in upper case, other characters as `_`."""
    variable = {"hr": "HR", "hr.main": "HR_MAIN", "hr-1": "HR_1", "人事": "人事"}[name]
    environ = {f"MAILMERGE_PASSWORD_{variable}": "right", "MAILMERGE_PASSWORD_OTHER": "wrong"}

    assert SecretChain(replace(ACCOUNT, name=name), environ=environ).find() == Secret("right")


def test_standard_input_gives_its_first_line_and_leaves_the_rest() -> None:
    """A list may follow; spaces inside count, the line's end and a BOM do not."""
    stream = io.BytesIO("\ufeff pass wörd \r\nemail\na@example.org\n".encode())

    assert read_secret(stream) == Secret(" pass wörd ")
    assert stream.read() == b"email\na@example.org\n"
    with pytest.raises(CredentialsFault, match="first line is empty"):
        read_secret(io.BytesIO(b""))


def test_the_transport_gets_the_password_once() -> None:
    """Ten connections ask at once; the command runs once."""
    runs = Path(os.environ["PYTEST_CURRENT_TEST"].split("::")[0]).name
    counter = f"import os; print({runs!r} + str(os.getpid()))"
    chain = SecretChain(replace(ACCOUNT, password_command=(sys.executable, "-c", counter)), environ={})

    async def all_at_once() -> list[Secret]:
        return await asyncio.gather(*(chain.password() for _ in range(10)))

    assert len(set(asyncio.run(all_at_once()))) == 1
    assert asyncio.run(chain.password()) == chain.find()


def test_waiting_for_a_command_does_not_hold_up_the_loop_and_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second Ctrl-C ends the run at once, whatever a command is doing."""
    gate = threading.Event()
    late = []

    def slow(*_: object) -> Secret:
        gate.wait(60)
        late.append(1)
        return Secret("late")

    monkeypatch.setattr(secrets, "secret_of_command", slow)
    chain = SecretChain(replace(ACCOUNT, password_command=("x",)), environ={})

    async def cancelled() -> None:
        task = asyncio.create_task(chain.password())
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert not late, "the loop waited for it"
    gate.set()


def test_C10_refreshing_a_token_runs_its_command_again(tmp_path: Path) -> None:
    """Each refresh is a new token; without refresh the last one serves."""
    script = (
        f"import os; p={str(tmp_path / 'n')!r}; open(p, 'a').write('x'); print('token', os.path.getsize(p))"
    )
    account = replace(ACCOUNT, auth=Auth.XOAUTH2, token_command=(sys.executable, "-c", script))
    chain = SecretChain(account, environ={})

    async def story() -> list[Secret]:
        return [
            await chain.token(),
            await chain.token(),
            await chain.token(refresh=True),
            await chain.token(),
        ]

    assert [Secret(f"token {n}") for n in (1, 1, 2, 2)] == asyncio.run(story())
    assert chain.source == "token_command"


def test_C10_a_fixed_token_cannot_be_refreshed() -> None:
    """A token from a variable was refused: stop and say what would help."""
    account = replace(ACCOUNT, auth=Auth.XOAUTH2)
    chain = SecretChain(account, environ={"MAILMERGE_PASSWORD": HUNTER})

    assert asyncio.run(chain.token()) == Secret(HUNTER)
    with pytest.raises(CredentialsFault) as caught:
        asyncio.run(chain.token(refresh=True))
    assert "token_command" in caught.value.hint
    assert "MAILMERGE_PASSWORD" in caught.value.message


def test_C13_no_secret_in_reprs_errors_tracebacks_and_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever goes wrong with a secret at hand, nothing that a person or a log sees holds it."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "bad").write_bytes(HUNTER.encode() + b"\xff\n")
    told: list[str] = []
    chains = [
        SecretChain(ACCOUNT, stdin_secret=Secret(HUNTER), environ={}),
        SecretChain(ACCOUNT, environ={"MAILMERGE_PASSWORD_FILE": str(tmp_path / "bad")}),
        SecretChain(replace(ACCOUNT, password_command=(*printing(HUNTER, code=1), HUNTER)), environ={}),
        SecretChain(replace(ACCOUNT, password_command=("/nowhere/" + "pass", HUNTER)), environ={}),
        SecretChain(STRANGE, stdin_secret=Secret(HUNTER), environ={"MAILMERGE_PASSWORD": HUNTER}),
    ]
    for chain in chains:
        try:
            chain.find()
        except CredentialsFault as fault:
            told += [*traceback.format_exception(fault), fault.hint, repr(fault)]
        told += [repr(chain), str(chain), chain.look()]
    keep_secret(ACCOUNT, Secret(HUNTER))
    told += [caplog.text, *capfd.readouterr()]

    assert HUNTER not in "\n".join(told)
    assert "hunter2" not in "\n".join(told)


def test_the_chain_leaves_nothing_open() -> None:
    """Commands are waited for and their pipes closed."""
    assert Secret("x") == SecretChain(replace(ACCOUNT, password_command=printing("x")), environ={}).find()
    gc.collect()  # what is open says so now, and a warning is an error here


def test_a_secret_does_travel_to_a_worker_when_it_is_handed_over() -> None:
    """A worker process gets its secret from its parent, never by asking again."""
    assert pickle.loads(pickle.dumps(Secret("x"))) == Secret("x")


def test_no_security_is_no_reason_to_skip_the_binding() -> None:
    """A loopback account in the file has its own entry, bound like any other."""
    local = replace(ACCOUNT, host="127.0.0.1", port=2525, security=Security.NONE)
    keep_secret(local, Secret("x"))

    assert SecretChain(local, environ={}).find() == Secret("x")
    with pytest.raises(CredentialsFault):
        SecretChain(replace(local, port=2526), environ={}).find()
