"""Where a password comes from, what a wrong one does, and that none goes to another server than its own."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.certificates import ca_file, server_context
from support.keyrings import MemoryKeyring
from support.program import Ran, people, run_here, run_process, write_campaign, write_toml
from support.scripted_smtp import ScriptedServer

USER = "hr@example.org"
SECRET = "Zu9-blaue-Pferde"
WRONG = "Zu8-rote-Pferde"
AT = "hr%40example.org"


def tls_server(**more: object) -> ScriptedServer:
    """A server with implicit TLS that wants a login."""
    settings: dict[str, object] = {
        "tls": "implicit",
        "context": server_context(),
        "users": {USER: SECRET},
        **more,
    }
    return ScriptedServer(**settings)  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with tls_server() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign of six people, the current folder."""
    folder = write_campaign(tmp_path / "c", people(6))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def account(own_home: Path, server: ScriptedServer, folder: Path) -> Callable[..., None]:
    """Writes the account `hr` into accounts.toml and names it in campaign.toml."""

    def write(**keys: object) -> None:
        own_home.mkdir(exist_ok=True)
        table: dict[str, object] = {
            "host": "127.0.0.1", "port": server.port, "security": "tls", "user": USER, "ca_file": str(ca_file(own_home)), **keys,
        }  # fmt: skip
        lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
        (own_home / "accounts.toml").write_text("[hr]\n" + "\n".join(lines) + "\n")
        (own_home / "accounts.toml").chmod(0o600)
        write_toml(folder, "hr")

    return write


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value)


def send(*words: object, stdin: bytes = b"") -> Ran:
    return run_here("send", "--yes", "--json", *words, stdin=stdin)


# -- a wrong one ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_C07_a_wrong_password_is_one_failed_auth(
    folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch, connections: int, mechanism: str
) -> None:
    """Over TLS, with one connection and four: exactly one failed AUTH at the server, 77, all rows pending."""
    with tls_server(mechanisms=(mechanism,)) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(own_home)))
        monkeypatch.setenv("MAILMERGE_PASSWORD", WRONG)
        ran = send(
            "-r",
            "people.csv",
            "-m",
            "letter.txt",
            "-a",
            f"smtps://{AT}@127.0.0.1:{server.port}",
            "--connections",
            connections,
        )

        assert (
            ran.code,
            ran.json["reason"],
            ran.json["counts"]["pending"],
            ran.json["sent_now"],
        ) == (77, "credentials", 6, 0), ran.err
        assert (server.auths, server.failed_auths, server.accepted) == (1, 1, [])
        assert WRONG not in ran.out + ran.err
        assert server.violations == []

        monkeypatch.setenv("MAILMERGE_PASSWORD", SECRET)
        good = send(
            "-r",
            "people.csv",
            "-m",
            "letter.txt",
            "-a",
            f"smtps://{AT}@127.0.0.1:{server.port}",
            "--connections",
            connections,
        )
        assert (good.code, good.json["sent_now"]) == (0, 6), good.err
        assert server.failed_auths == 1


def test_C11_a_password_that_is_changed_in_the_middle_stops_the_run(
    folder: Path, server: ScriptedServer, account: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """535 at a reconnect: one failed AUTH, 77, nobody lost; with the new password the same command goes on."""
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    account(max_per_connection=2)
    users = server.users
    assert isinstance(users, dict)

    def rotate(_: object) -> None:
        if len(server.accepted) == 1:
            users[USER] = "another one"

    server.replies["END"] = rotate
    ran = send()
    assert (ran.code, ran.json["reason"], ran.json["counts"]["in_doubt"]) == (77, "credentials", 0), ran.err
    assert (server.failed_auths, ran.json["counts"]["sent"], ran.json["counts"]["pending"]) == (1, 2, 4)

    users[USER] = SECRET
    server.replies.clear()
    assert send().code == 0
    assert Counter({f"p{n}@example.org": 1 for n in range(1, 7)}) == Counter(
        mail.recipients[0] for mail in server.accepted
    )


def test_no_password_anywhere_is_77_and_names_all_the_ways(
    folder: Path, server: ScriptedServer, account: Callable[..., None]
) -> None:
    """Without a terminal: 77, no AUTH, and a text with every way there is."""
    account()
    ran = send()

    assert (ran.code, ran.json["reason"], server.auths) == (77, "credentials", 0)
    for way in (
        "--password-stdin",
        "MAILMERGE_PASSWORD_HR",
        "_FILE",
        "CREDENTIALS_DIRECTORY",
        "password_command",
        "account login hr",
    ):
        assert way in ran.err, way


# -- the ways ------------------------------------------------------------------------------------------------------


def test_each_way_works(
    folder: Path, server: ScriptedServer, account: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path, ring: MemoryKeyring,
) -> None:  # fmt: skip
    """--password-stdin, the variables, their _FILE forms, $CREDENTIALS_DIRECTORY, password_command, the keyring."""
    account()
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/hr").write_text(SECRET + "\n")

    def sends(label: str, *words: str, stdin: bytes = b"") -> None:
        ran = send("--run", label, *words, stdin=stdin)
        assert (ran.code, ran.json["sent_now"]) == (0, 6), (label, ran.err)

    sends("stdin", "--password-stdin", stdin=SECRET.encode() + b"\n")
    for name, value in (
        ("MAILMERGE_PASSWORD_HR", SECRET), ("MAILMERGE_PASSWORD", SECRET), ("MAILMERGE_PASSWORD_HR_FILE", str(file)),
        ("MAILMERGE_PASSWORD_FILE", str(file)), ("CREDENTIALS_DIRECTORY", str(tmp_path / "systemd")),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            sends(name)
    account(password_command=[sys.executable, "-c", f"print('{SECRET}')"])
    sends("command")
    account()
    assert run_here("account", "login", "hr", "--password-stdin", stdin=SECRET.encode() + b"\n").code == 0
    sends("keyring")
    assert server.failed_auths == 0


def test_the_first_hit_wins(
    folder: Path,
    server: ScriptedServer,
    account: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The order of the contract: each way covers those behind it."""
    account(password_command=[sys.executable, "-c", f"print('{WRONG}')"])
    (tmp_path / "hr").write_text(WRONG)
    ways = [
        ("CREDENTIALS_DIRECTORY", str(tmp_path)),
        ("MAILMERGE_PASSWORD", WRONG),
        ("MAILMERGE_PASSWORD_HR", WRONG),
    ]
    for name, value in ways:
        monkeypatch.setenv(name, value)
    ran = send("--password-stdin", stdin=SECRET.encode() + b"\n")
    assert (ran.code, server.failed_auths) == (0, 0), ran.err

    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    assert (send("--run", "a").code, server.failed_auths) == (0, 0)
    monkeypatch.delenv("MAILMERGE_PASSWORD_HR")
    monkeypatch.setenv("MAILMERGE_PASSWORD", SECRET)
    assert (send("--run", "b").code, server.failed_auths) == (0, 0)
    monkeypatch.delenv("MAILMERGE_PASSWORD")
    (tmp_path / "hr").write_text(SECRET)
    assert (send("--run", "c").code, server.failed_auths) == (0, 0)


def test_a_password_of_odd_letters_arrives_whole(
    folder: Path, account: Callable[..., None], server: ScriptedServer
) -> None:
    """Spaces, umlauts, a trailing blank, quotes: what stands in the first line is the password."""
    odd = ' pä ss"\\wörd €  '
    assert isinstance(server.users, dict)
    server.users[USER] = odd
    account()
    ran = send("--password-stdin", stdin=odd.encode() + b"\r\nmore")
    assert (ran.code, server.failed_auths) == (0, 0), ran.err


def test_the_ways_that_fail_say_so_and_not_what(
    folder: Path,
    server: ScriptedServer,
    account: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A file that is not there, a command that fails, an empty line: 77 with the way's name, no AUTH, nothing of its text."""
    account(password_command=[sys.executable, "-c", f"import sys; sys.stderr.write('{WRONG}'); sys.exit(3)"])
    ran = send()
    assert (ran.code, "password_command" in ran.err) == (77, True), ran.err
    assert WRONG not in ran.err + ran.out
    account()
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR_FILE", str(tmp_path / "gone"))
    ran = send()
    assert (ran.code, "MAILMERGE_PASSWORD_HR_FILE" in ran.err) == (77, True)
    assert send("--password-stdin", stdin=b"\n").code == 77
    assert server.auths == 0


# -- bound to its server -------------------------------------------------------------------------------------------


def test_a_plain_variable_never_serves_a_url_of_a_campaign(
    folder: Path, server: ScriptedServer, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign.toml that somebody else wrote gets no password of ours: 77 and no AUTH; the same URL typed gets it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(own_home)))
    monkeypatch.setenv("MAILMERGE_PASSWORD", SECRET)
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    url = f"smtps://{AT}@127.0.0.1:{server.port}"
    write_toml(folder, url)
    for ran in (send(), send("--password-stdin", stdin=SECRET.encode() + b"\n")):
        assert (ran.code, server.auths) == (77, 0), ran.err
        assert SECRET not in ran.out + ran.err
    assert send("-a", url).code == 0


def test_a_keyring_entry_is_refused_when_its_server_changed(
    folder: Path, server: ScriptedServer, account: Callable[..., None], ring: MemoryKeyring
) -> None:
    """The entry remembers host and port: with another port it is not used."""
    account()
    assert run_here("account", "login", "hr", "--password-stdin", stdin=SECRET.encode() + b"\n").code == 0
    with tls_server() as other:
        account(port=other.port)
        assert (send().code, other.auths) == (77, 0)
    account()
    assert send().code == 0


def test_C05_a_certificate_that_nobody_vouches_for_is_78(
    folder: Path, account: Callable[..., None], monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    """TLS is verified, always: no AUTH, 78, all rows pending; ca_file or SSL_CERT_FILE adds a private authority."""
    monkeypatch.setenv("MAILMERGE_PASSWORD", SECRET)
    for kind in ("self-signed", "wrong-host", "expired"):
        with tls_server(context=server_context(kind)) as bad:
            account(port=bad.port)
            ran = send()
            assert (ran.code, bad.auths, bad.accepted) == (78, 0, []), (kind, ran.err)
    with tls_server() as good:
        url = f"smtps://{AT}@127.0.0.1:{good.port}"
        words = ("-r", "people.csv", "-m", "letter.txt", "-a", url)
        assert (send(*words).code, good.auths) == (78, 0)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(own_home)))
        assert send(*words).code == 0


def test_C02_starttls_is_demanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """smtp:// at a server without STARTTLS: 78, and neither password nor mail went in the clear."""
    monkeypatch.setenv("MAILMERGE_PASSWORD", SECRET)
    with ScriptedServer(users={USER: SECRET}) as plain:
        ran = send("-r", "people.csv", "-m", "letter.txt", "-a", f"smtp://{AT}@127.0.0.1:{plain.port}")
        assert (ran.code, plain.auths, plain.saw(SECRET.encode())) == (78, 0, False), ran.err
        assert "MAIL" not in plain.verbs()


def test_a_password_in_a_url_is_refused_and_not_repeated(folder: Path, server: ScriptedServer) -> None:
    """Typed: 2; in campaign.toml: 78; the password is in neither text."""
    url = f"smtps://{AT}:{SECRET}@127.0.0.1:{server.port}"
    typed = send("-r", "people.csv", "-m", "letter.txt", "-a", url)
    write_toml(folder, url)
    written = send()

    assert (typed.code, written.code, server.connections) == (2, 78, 0)
    for ran in (typed, written):
        assert SECRET not in ran.out + ran.err


def test_a_password_typed_on_a_terminal_serves_the_run(
    folder: Path, server: ScriptedServer, account: Callable[..., None]
) -> None:
    """The last way: a prompt that names user and server and shows nothing of what is typed."""
    from support.terminal import run_on_terminal

    account()
    script = f"import sys; from mailmerge_cli.cli.main import main; sys.exit(main({['send', '--yes', '--plain']!r}))"
    code, shown = run_on_terminal(script, [(USER, SECRET + "\n")])

    assert (code, len(server.accepted)) == (0, 6), shown
    assert SECRET not in shown


def test_the_list_from_standard_input_and_the_password_from_a_variable(
    folder: Path, server: ScriptedServer, own_home: Path
) -> None:
    """As a process, as cron would: a list on standard input, the password in the environment, nothing else."""
    ran = run_process(
        "send", "-r", "-", "-m", "letter.txt", "-a", f"smtps://{AT}@127.0.0.1:{server.port}", "--yes", "--json", cwd=folder,
        environ={"MAILMERGE_PASSWORD": SECRET, "SSL_CERT_FILE": str(ca_file(own_home))}, stdin=(folder / "people.csv").read_bytes(),
    )  # fmt: skip
    assert (ran.code, ran.json["sent_now"]) == (0, 6), ran.err
