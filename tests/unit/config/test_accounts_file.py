"""accounts.toml: read, written, guarded."""

from __future__ import annotations

import os
import stat
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailmerge_cli.config.account_table import (
    account_faults,
    account_of_table,
    complete_account,
    table_of_account,
)
from mailmerge_cli.config.accounts_file import find_account, load_accounts, remove_account, save_account
from mailmerge_cli.config.providers import PROVIDERS
from mailmerge_cli.errors import ConfigFault, FileMissing
from mailmerge_cli.model.account import Account, Auth, Pipelining, Security
from mailmerge_cli.model.rate import Rate

FULL = """
# my accounts
[hr]   # the staff office
host = "smtp.example.org"
port = 587
security = "starttls"
user = "hr@example.org"
sender = "Staff office <hr@example.org>"
envelope_from = "bounces@example.org"
auth = "login"
rate = ["30/min", "2000/day"]
connections = 3
max_per_connection = 100
pipelining = "next"
ca_file = "ca.pem"
timeout = "90s"
timeout_end_of_data = 300
password_command = ["pass", "show", "smtp/hr"]

# where trials go
[trial]
kind = "outbox"
folder = "out"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of settings."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


def environ(home: Path) -> dict[str, str]:
    """An environment that points there."""
    return {"MAILMERGE_HOME": str(home)}


def write(home: Path, text: str) -> Path:
    """accounts.toml with this text."""
    path = home / "accounts.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_every_key_arrives(home: Path) -> None:
    """All keys of the contract, paths relative to the file."""
    write(home, FULL)

    accounts = load_accounts(environ(home))

    assert accounts["hr"] == Account(
        name="hr", host="smtp.example.org", port=587, security=Security.STARTTLS, user="hr@example.org",
        sender="Staff office <hr@example.org>", envelope_from="bounces@example.org", auth=Auth.LOGIN,
        rates=(Rate(30, 60), Rate(2000, 86400)), connections=3, max_per_connection=100, pipelining=Pipelining.NEXT,
        ca_file=home / "ca.pem", timeout=90.0, timeout_end_of_data=300.0,
        password_command=("pass", "show", "smtp/hr"), in_file=True,
    )  # fmt: skip
    assert accounts["trial"].folder == home / "out"


def test_no_file_is_no_account(home: Path) -> None:
    """Before the first `account add` there is nothing, and that is no fault."""
    assert load_accounts(environ(home)) == {}
    assert load_accounts(environ(home / "not there")) == {}


def test_a_provider_fills_in_what_is_not_said(home: Path) -> None:
    """`provider` and `user` are enough; what is said wins."""
    write(home, '[a]\nprovider = "gmail"\nuser = "a@gmail.com"\n[b]\nprovider = "gmail"\nuser = "b@gmail.com"\nrate = []\nport = 587\n'
                '[c]\nprovider = "microsoft365"\nuser = "c@example.org"\n[d]\nprovider = "sendgrid"\nsender = "d@example.org"\n')  # fmt: skip

    accounts = load_accounts(environ(home))

    a, b, c, d = (accounts[name] for name in "abcd")
    assert (a.host, a.port, a.security, a.rates, a.sender) == (
        "smtp.gmail.com",
        465,
        Security.TLS,
        (Rate(500, 86400),),
        "a@gmail.com",
    )
    assert (b.port, b.security, b.rates) == (587, Security.STARTTLS, ())
    assert (c.auth, c.connections) == (Auth.XOAUTH2, 3)
    assert (d.user, d.max_per_connection) == ("apikey", 5000)


def test_protection_changes_the_usual_port(home: Path) -> None:
    """Whoever says only `starttls` means port 587."""
    write(
        home,
        '[a]\nhost = "x.example"\nsecurity = "starttls"\n[b]\nprovider = "gmail"\nuser = "b@gmail.com"\nsecurity = "starttls"\n',
    )

    accounts = load_accounts(environ(home))

    assert (accounts["a"].port, accounts["b"].port) == (587, 587)
    assert accounts["a"].auth is Auth.NONE


def test_unknown_accounts_are_told_with_the_nearest_name(home: Path) -> None:
    """78, the nearest, the known ones, and what to type."""
    write(home, FULL)

    with pytest.raises(ConfigFault) as caught:
        find_account("hrr", True, environ=environ(home))

    assert (
        caught.value.message == f'There is no account "hrr" in {home / "accounts.toml"}; did you mean "hr"?'
    )
    assert "Known: hr, trial." in caught.value.hint
    assert "mailmerge account add hrr" in caught.value.hint


@pytest.mark.parametrize("name", ["", "hr@example.org", "hr"])
def test_no_accounts_at_all_says_how_to_make_one(home: Path, name: str) -> None:
    """The first thing that a new person meets is told kindly."""
    with pytest.raises(ConfigFault) as caught:
        find_account(name, False, environ=environ(home))

    assert "mailmerge account add" in caught.value.hint


def test_saving_keeps_what_the_person_wrote(home: Path) -> None:
    """Comments and other tables stay; only the account's own table is new."""
    path = write(home, FULL)
    account = find_account("hr", True, environ=environ(home))

    save_account(account, environ(home))
    save_account(complete_account("new", {"host": "mail.example.com", "user": "x"}, home), environ(home))

    text = path.read_text(encoding="utf-8")
    assert text.startswith("\n# my accounts\n[hr]\n")
    assert '# where trials go\n[trial]\nkind = "outbox"\nfolder = "out"\n' in text
    assert text.endswith('\n[new]\nhost = "mail.example.com"\nport = 465\nsecurity = "tls"\nuser = "x"\n')
    assert account == find_account("hr", True, environ=environ(home))


def test_removing_takes_one_table_out(home: Path) -> None:
    """The others, and the comment above them, stay."""
    path = write(home, FULL)

    remove_account("hr", environ(home))

    assert (
        path.read_text(encoding="utf-8")
        == '\n# my accounts\n\n# where trials go\n[trial]\nkind = "outbox"\nfolder = "out"\n'
    )
    with pytest.raises(ConfigFault, match="no account"):
        remove_account("hr", environ(home))


def test_a_header_inside_a_text_does_not_deceive(home: Path) -> None:
    """A table written so that lines cannot tell it is left alone and told."""
    text = 'trial = { kind = "outbox", folder = "out" }\n[hr]\nhost = "x.example"\nenvelope_from = """\\\n  [b]"""\n'
    path = write(home, text)

    with pytest.raises(ConfigFault, match="edit the file"):
        remove_account("trial", environ(home))
    assert path.read_text(encoding="utf-8") == text


def test_crlf_files_stay_whole(home: Path) -> None:
    """A file from Windows is changed without doubling its line ends."""
    path = home / "accounts.toml"
    path.write_bytes(b'\xef\xbb\xbf[a]\r\nhost = "a.example"\r\n[b]\r\nhost = "b.example"\r\n')
    path.chmod(0o600)

    remove_account("a", environ(home))

    assert path.read_bytes() == b'[b]\r\nhost = "b.example"\r\n'


_NAMES = st.text(string.ascii_letters + string.digits + "_-.人事", min_size=1, max_size=8).filter(
    lambda n: n[0] not in "-."
)
_TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=12).map(str.strip)
_ACCOUNTS = st.fixed_dictionaries(
    {"host": st.sampled_from(["smtp.example.org", "127.0.0.1"])},
    optional={
        "provider": st.sampled_from([provider.name for provider in PROVIDERS if provider.host]),
        "port": st.integers(1, 65535),
        "security": st.sampled_from([Security.TLS, Security.STARTTLS]),
        "user": _TEXTS.filter(bool),
        "sender": _TEXTS.filter(bool),
        "envelope_from": _TEXTS,
        "rates": st.lists(
            st.builds(Rate, st.integers(1, 99), st.sampled_from([1, 60, 3600, 86400])), max_size=2
        ).map(tuple),
        "connections": st.integers(1, 20),
        "max_per_connection": st.integers(0, 500),
        "pipelining": st.sampled_from(Pipelining),
        "ca_file": st.just("ca.pem"),
        "timeout": st.floats(0.5, 900, allow_nan=False),
        "allow_insecure": st.booleans(),
        "password_command": st.lists(_TEXTS.filter(bool), min_size=1, max_size=3).map(tuple),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=_ACCOUNTS, name=_NAMES)
def test_what_is_saved_is_what_is_loaded(home: Path, given_: dict[str, object], name: str) -> None:
    """Round trip of any account, through the table and through the file, beside other accounts."""
    account = complete_account(name, given_, home)
    if account_faults(account) or name.upper().replace("-", "_").replace(".", "_").endswith("FILE"):
        return
    path = write(home, FULL.replace("[hr]", '["the.hr"]'))

    save_account(account, environ(home))
    loaded = load_accounts(environ(home))

    assert account == loaded[name]
    assert set(loaded) == {"the.hr", "trial", name}
    assert "# where trials go" in path.read_text(encoding="utf-8") or name == "trial"


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_preset_makes_an_account_that_survives_its_file(provider: object, tmp_path: Path) -> None:
    """A preset, a user, and a host where it has none: no fault, and the same when read again."""
    given_ = {"provider": provider.name, "user": "x@example.org"}  # type: ignore[attr-defined]
    if not provider.host:  # type: ignore[attr-defined]
        given_["host"] = "email-smtp.eu-central-1.amazonaws.com"
    account = complete_account("a", given_, tmp_path)

    assert account_faults(account) == []
    assert account == account_of_table("a", _as_read(table_of_account(account)), tmp_path)


def _as_read(table: dict[str, object]) -> dict[str, object]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in table.items()}


needs_modes = pytest.mark.skipif(os.name == "nt", reason="modes say nothing there")


@needs_modes
def test_C14_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    """0600 in a folder 0700, made under a umask that hides nothing."""
    home = tmp_path / "deep" / "home"
    before = os.umask(0)
    try:
        save_account(complete_account("hr", {"host": "x.example"}, home), environ(home))
    finally:
        os.umask(before)

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "accounts.toml").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir() if path.name.endswith(".tmp")] == []


@needs_modes
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_C14_a_file_that_others_may_write_is_refused(home: Path, mode: int) -> None:
    """It names commands that run as this user; the mode and the chmod are told."""
    path = write(home, FULL)
    path.chmod(mode)

    with pytest.raises(ConfigFault) as caught:
        load_accounts(environ(home))

    assert f"{mode:04o}" in caught.value.message
    assert f"chmod 600 {path}" in caught.value.hint


@needs_modes
def test_C14_a_folder_that_others_may_write_is_refused(home: Path) -> None:
    """In it anybody could put another accounts.toml; with the sticky bit nobody can."""
    write(home, FULL)

    home.chmod(0o777)
    with pytest.raises(ConfigFault, match="can be written by others"):
        load_accounts(environ(home))
    home.chmod(0o1777)

    assert "hr" in load_accounts(environ(home))


@needs_modes
def test_C14_a_readable_file_is_accepted_because_no_secret_is_in_it(home: Path) -> None:
    """0644 under a usual umask is what an editor writes."""
    write(home, FULL).chmod(0o644)

    assert "hr" in load_accounts(environ(home))


@needs_modes
def test_C14_another_users_file_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this user and root are trusted."""
    write(home, FULL)
    owner = os.geteuid()
    if owner == 0:
        os.chown(home / "accounts.toml", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(ConfigFault, match="another user"):
        load_accounts(environ(home))


@needs_modes
def test_a_link_stays_a_link(home: Path, tmp_path: Path) -> None:
    """Settings kept elsewhere and linked here are changed where they are."""
    real = tmp_path / "dotfiles"
    real.mkdir(mode=0o700)
    target = real / "accounts.toml"
    target.write_text(FULL, encoding="utf-8")
    (home / "accounts.toml").symlink_to(target)

    remove_account("trial", environ(home))

    assert (home / "accounts.toml").is_symlink()
    assert "[trial]" not in target.read_text(encoding="utf-8")


def test_a_folder_in_the_files_place_is_told(home: Path) -> None:
    """No traceback for what is no file."""
    (home / "accounts.toml").mkdir(mode=0o700)

    with pytest.raises(FileMissing, match="not a file"):
        load_accounts(environ(home))


def test_a_failed_write_leaves_the_old_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk full while writing: the accounts of before are still there, and nothing lies about."""
    path = write(home, FULL)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigFault, match="No space left"):
        remove_account("hr", environ(home))

    assert path.read_text(encoding="utf-8") == FULL
    assert not list(home.glob(".*.tmp"))
