"""Nothing secret and no cell in any log, error, file or process list, whatever was asked for and whatever went wrong."""

from __future__ import annotations

import base64
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import ca_file, server_context
from support.processes import shown, workers_of
from support.program import ended, run_here, running, write_campaign, write_toml
from support.scripted_smtp import Close, Command, Delay, Keep, ScriptedServer
from support.soon import wait_for
from support.tables import write_workbook

USER = "hr@example.org"
SECRET = "Zirkus-7391-Qualle"
WRONG = "Falsch-8264-Qualle"
SALARIES = ("918273.64", "918274.65", "918275.66")
NAMES = ("Xaveria Quux", "Ypsilon Quux", "Zebedee Quux")
NOTES = ("confidential-alpha", "confidential-beta", "confidential-gamma")
LETTER = """\
From: Office <office@example.org>
Subject: Pay of {{ note }}: {{ net }}
X-Pay: {{ net }}

Dear {{ person }}, you get {{ net }} ({{ note }}).
"""

PASSWORDS = [
    form
    for text in (SECRET, WRONG)
    for form in (
        text,
        base64.b64encode(text.encode()).decode(),
        base64.b64encode(f"\0{USER}\0{text}".encode()).decode(),
        base64.b64encode(f"{USER}\0{USER}\0{text}".encode()).decode(),
    )
]
CELLS = [
    *SALARIES,
    *(figure.replace(".", ",") for figure in SALARIES),
    "918,273",
    "918,274",
    "918,275",
    *NAMES,
    *NOTES,
]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(tls="implicit", context=server_context(), users={USER: SECRET}) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> Iterator[Path]:
    """All that the program may write to lies below here: settings, campaign, current folder, temporary files; the umask is 0."""
    home = tmp_path / "all"
    for name in ("home", "cwd", "tmp"):
        (home / name).mkdir(parents=True)
    monkeypatch.setenv("MAILMERGE_HOME", str(home / "home"))
    monkeypatch.setenv("TMPDIR", str(home / "tmp"))
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    monkeypatch.chdir(home / "cwd")
    (home / "home/accounts.toml").write_text(
        f'[hr]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "tls"\nuser = "{USER}"\nca_file = "{ca_file(tmp_path)}"\n'
    )
    (home / "home/accounts.toml").chmod(0o600)
    write_campaign(home / "c", [], message=LETTER)
    (home / "c/people.csv").unlink()
    rows = [
        [f"k{n}", name, f"p{n}@example.org", net, note]
        for n, (name, net, note) in enumerate(zip(NAMES, SALARIES, NOTES, strict=True), 1)
    ]
    write_workbook(home / "c/people.xlsx", [["id", "person", "email", "net", "note"], *rows])
    write_toml(home / "c", "hr", recipients='required = ["net"]')
    toml = home / "c/campaign.toml"
    toml.write_text(toml.read_text().replace("people.csv", "people.xlsx"))
    before = os.umask(0)
    yield home
    os.umask(before)


MINE = {"people.xlsx", "accounts.toml", "campaign.toml", "letter.txt"}


def written(home: Path) -> list[Path]:
    """Every file that the program wrote."""
    return [file for file in home.rglob("*") if file.is_file() and file.name not in MINE]


def found_in(text: bytes | str, words: list[str]) -> list[str]:
    octets = text.encode() if isinstance(text, str) else text
    forms = {word: (word.encode(), word.encode("utf-16-le")) for word in words}
    return [word for word, encoded in forms.items() if any(form in octets for form in encoded)]


def assert_private(home: Path, *, but: str = "") -> None:
    """No password and no cell in any file, and every mode is the owner's alone."""
    for file in written(home):
        if but and but in str(file):
            continue
        assert found_in(file.read_bytes(), [*PASSWORDS, *CELLS]) == [], file
        if ".gitignore" not in file.name:
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, (file, oct(file.stat().st_mode))


def test_C14_L03_nothing_is_told_of_a_whole_campaign(
    home: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """check, send (--debug, --verbose, --log-file, --json), failures of all kinds, log, status, resend: no password, no cell."""
    loud = ("--debug", "--verbose", "--log-file", "run.log")
    told = [run_here("check", home / "c", *loud), run_here("check", home / "c", "--online", *loud, "--json")]
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", WRONG)
    told += [run_here("send", home / "c", "--yes", *loud), run_here("check", home / "c", "--online", *loud)]
    assert [ran.code for ran in told[-2:]] == [77, 77]
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    server.replies |= {"RCPT TO:<p1@": "550 5.1.1 no such user", "END": {2: Keep(Close())}}
    told.append(run_here("send", home / "c", "--yes", *loud, "--json"))
    assert told[-1].code == 3, told[-1].err
    told += [
        run_here("send", home / "c", "--yes", *loud),
        run_here("status", home / "c", *loud), run_here("log", home / "c", *loud), run_here("log", home / "c", "--attempts", *loud),
        run_here("log", home / "c", "--format", "csv"), run_here("log", home / "c", "--out", "log.xlsx"), run_here("runs", home / "c"),
        run_here("resolve", "--all", "--sent", "-c", home / "c", "--yes", *loud),
        run_here("resend", "k2", "-c", home / "c", "--yes", *loud),
        run_here("send", home / "c", "--yes", "--subject", "Other", *loud, "--json"),
        run_here("send", home / "c", "--yes", "--run", "b", "--where", "net < salary", *loud),
        run_here("send", home / "c", "--yes", "--run", "b", "--subject", "{{ net / note }}", *loud),
        run_here("send", home / "c", "--yes", "--run", "b", "--attach", "{{ net }}/{{ note }}.pdf", *loud),
        run_here("account", "test", "hr", *loud), run_here("account", "show", "hr"), run_here("account", "list"),
    ]  # fmt: skip

    assert len(server.accepted) >= 2
    for place, ran in enumerate(told):
        assert found_in(ran.out + ran.err, PASSWORDS) == [], place
    # A path that a cell makes is named when it cannot be: the person has to find the file.
    for place, ran in enumerate(told):
        if "--attach" not in ran.err and "Attachment" not in ran.err:
            assert found_in(ran.out + ran.err, CELLS) == [], (place, ran)
    assert {"ledger.sqlite3", "run.log", "log.xlsx"} <= {file.name for file in written(home)}
    for file in written(home):
        assert found_in(file.read_bytes(), PASSWORDS) == [], file
    (home / "cwd/run.log").write_text(
        "\n".join(
            line for line in (home / "cwd/run.log").read_text().splitlines() if "Attachment" not in line
        )
    )
    assert_private(home)


def test_a_test_mail_and_a_preview_leave_nothing_behind(home: Path, server: ScriptedServer) -> None:
    """`--test` and `preview` write nothing; preview's own output alone has the figures; --out is 0600 in 0700."""
    sent = run_here(
        "send",
        home / "c",
        "--yes",
        "--test",
        "me@example.org",
        "--debug",
        "--verbose",
        "--log-file",
        "run.log",
    )
    shown = run_here("preview", home / "c", "--debug", "--verbose")

    assert (sent.code, shown.code) == (0, 0), sent.err
    assert found_in(sent.out + sent.err, [*PASSWORDS, *CELLS]) == []
    assert SALARIES[0] in shown.out
    assert_private(home)
    assert run_here("preview", home / "c", "--out", "eml").code == 0
    assert stat.S_IMODE((home / "cwd/eml").stat().st_mode) == 0o700
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in (home / "cwd/eml").iterdir()}
    assert_private(home, but="/eml/")


def test_a_list_from_standard_input_is_private_while_it_is_kept(home: Path, server: ScriptedServer) -> None:
    """The spool holds cells, on purpose: 0600 in 0700, and gone with the run."""
    rows = "id,person,email,net,note\n" + "".join(
        f"k{n},{NAMES[n]},p{n}@example.org,{SALARIES[n]},{NOTES[n]}\n" for n in range(3)
    )
    words = ("send", "-r", "-", "-m", str(home / "c/letter.txt"), "-a", "hr", "--yes")
    assert run_here(*words, "--limit", "1", stdin=rows.encode()).code == 75
    (spool,) = [file for file in written(home) if file.suffix == ".list"]
    assert (stat.S_IMODE(spool.stat().st_mode), stat.S_IMODE(spool.parent.stat().st_mode)) == (0o600, 0o700)
    assert_private(home, but=spool.name)
    assert run_here(*words, "--from-ledger").code == 0
    assert_private(home)


def test_a_refused_list_from_standard_input_is_not_kept(home: Path, server: ScriptedServer) -> None:
    """No run was entered, so nothing of it stays."""
    rows = f"id,person,email,net,note\nk1,{NAMES[0]},nonsense,{SALARIES[0]},{NOTES[0]}\n"
    ran = run_here("send", "-r", "-", "-m", home / "c/letter.txt", "-a", "hr", "--yes", stdin=rows.encode())

    assert ran.code == 65, ran.err
    assert found_in(ran.out + ran.err, CELLS) == []
    assert_private(home)


def test_modes_hold_while_the_run_is_under_way(home: Path, server: ScriptedServer) -> None:
    """Ledger, its WAL, lock, result log, log file: 0600 in 0700 from the first moment, whatever the umask."""
    server.replies["END"] = lambda _: Delay(0.3)
    with running("send", home / "c", "--yes", "--log-file", "run.log", cwd=home / "cwd") as sender:
        server.wait_for(lambda s: len(s.accepted) >= 1, 60)
        names = {file.name for file in written(home)}
        assert_private(home)
        modes = {stat.S_IMODE((home / "c" / name).stat().st_mode) for name in (".mailmerge", "results")}
        assert ended(sender).code == 0
    assert {"ledger.sqlite3", "ledger.sqlite3-wal", "run.log"} <= names
    assert {0o700} == modes


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_the_process_list_shows_no_secret(
    home: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/proc/<pid>/cmdline and environ of the sender and of all its children, while it sends: no password but where the person put it."""
    sending, looked = threading.Event(), threading.Event()

    def end(_: Command) -> None:
        sending.set()
        looked.wait(60)

    server.replies["END"] = end
    monkeypatch.delenv("MAILMERGE_PASSWORD_HR")
    words = ("send", home / "c", "--yes", "--password-stdin", "--workers", "2", "--connections", "2")
    with running(*words, cwd=home / "cwd", stdin=SECRET.encode() + b"\n") as sender:
        wait_for(lambda: sending.is_set() and len(workers_of(sender.pid)) == 2)
        workers, listed = workers_of(sender.pid), shown(sender.pid)
        looked.set()
        ran = ended(sender)

    assert (ran.code, len(server.accepted)) == (0, 3), ran.err
    assert len(workers) == 2
    assert {sender.pid, *workers} <= {pid for pid, text in listed.items() if text}
    for text in (*listed.values(), ran.out, ran.err):
        assert found_in(text, PASSWORDS) == []


def test_a_bug_tells_no_cell(home: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign exception whose text holds a cell, in the middle of the run: with --debug and a log file, no cell anywhere."""
    from mailmerge_cli.render.template import Template

    def broken(self: object, *_: object, **__: object) -> None:
        raise ValueError(f"could not convert {SALARIES[0]!r} of {NAMES[0]}")

    monkeypatch.setattr(Template, "compose", broken)
    ran = run_here("send", home / "c", "--yes", "--json", "--debug", "--verbose", "--log-file", "run.log")

    assert ran.code == 70, ran.err
    assert found_in(ran.out + ran.err, [*PASSWORDS, *CELLS]) == []
    assert_private(home)


def test_a_state_folder_of_ours_is_ours_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MAILMERGE_HOME, umask 0: the folders named after us, and all below them, are 0700."""
    person = home / "person"
    person.mkdir(mode=0o755)
    monkeypatch.delenv("MAILMERGE_HOME")
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(person))
    words = (
        "-r",
        home / "c/people.xlsx",
        "-m",
        home / "c/letter.txt",
        "-a",
        "outbox:out",
        "--rate",
        "100/day",
    )
    assert run_here("send", *words, "--yes").code == 0

    ours = [folder for folder in person.rglob("*") if folder.is_dir() and "mailmerge-cli" in str(folder)]
    assert ours
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in ours} == {0o700}
