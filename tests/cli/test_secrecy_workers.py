"""Nothing secret and no cell anywhere: with workers, with their bugs and deaths, in workbooks that are written, and of lists with a password."""

from __future__ import annotations

import base64
import io
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import ca_file, server_context
from support.processes import shown, wait_until_gone, workers_of
from support.program import command, ended, run_here, run_process, running, write_campaign, write_toml
from support.scripted_smtp import Delay, ScriptedServer
from support.sealed_books import seal
from support.tables import write_workbook

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

USER = "hr@example.org"
SECRET = "Zirkus-7391-Qualle"
COUNT = 30
SALARIES = [f"{918200 + n}.64" for n in range(COUNT)]
NAMES = [f"Xaveria-{n:02} Quux" for n in range(COUNT)]
LETTER = """\
From: Office <office@example.org>
Subject: Pay: {{ net }}

Dear {{ person }}, you get {{ net }}.
"""
PASSWORDS = [
    SECRET,
    base64.b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"\0{USER}\0{SECRET}".encode()).decode(),
]
CELLS = [*SALARIES, *NAMES, *(f"{salary[:3]},{salary[3:6]}" for salary in SALARIES)]
MINE = {"people.xlsx", "accounts.toml", "campaign.toml", "letter.txt", "sitecustomize.py"}
SIX_SHEETS = ("xlsx", "xlsm")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(
        {"END": lambda _: Delay(0.02)}, tls="implicit", context=server_context(), users={USER: SECRET}
    ) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> Path:
    """All that the program may write to lies below here: settings, campaign, current folder, temporary files."""
    home = tmp_path / "all"
    for name in ("home", "cwd", "tmp"):
        (home / name).mkdir(parents=True)
    monkeypatch.setenv("MAILMERGE_HOME", str(home / "home"))
    monkeypatch.setenv("TMPDIR", str(home / "tmp"))
    monkeypatch.chdir(home / "cwd")
    accounts = home / "home/accounts.toml"
    accounts.touch(mode=0o600)
    accounts.write_text(
        f'[hr]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "tls"\nuser = "{USER}"\nca_file = "{ca_file(tmp_path)}"\n'
    )
    write_campaign(home / "c", [], message=LETTER)
    (home / "c/people.csv").unlink()
    write_workbook(home / "c/people.xlsx", [["id", "person", "email", "net"], *people()])
    write_toml(home / "c", "hr", recipients='required = ["net"]', sending="connections = 4\nworkers = 2")
    toml = home / "c/campaign.toml"
    toml.write_text(toml.read_text().replace("people.csv", "people.xlsx"))
    return home


def people() -> list[list[str]]:
    return [
        [f"k{n}", name, f"p{n}@example.org", net]
        for n, (name, net) in enumerate(zip(NAMES, SALARIES, strict=True))
    ]


def found_in(text: bytes | str, words: list[str]) -> list[str]:
    """Those of the words that stand there, also in the members of a workbook."""
    octets = text.encode() if isinstance(text, str) else text
    if octets[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(octets)) as book:
            octets = b"\n".join(map(book.read, book.namelist()))
    return [word for word in words if word.encode() in octets or word.encode("utf-16-le") in octets]


def assert_private(home: Path, *may_hold: str) -> set[str]:
    """No password in any file, no cell in any but these, all 0600; returns the names of those that hold cells."""
    holds = set()
    for file in home.rglob("*"):
        if not file.is_file() or file.name in MINE:
            continue
        octets = file.read_bytes()
        assert [] == found_in(octets, PASSWORDS), file
        if found_in(octets, CELLS):
            assert file.name in may_hold, file
            holds.add(file.name)
        if file.name != ".gitignore":
            assert 0 == stat.S_IMODE(file.stat().st_mode) & 0o077, file
    return holds


def test_C14_L03_workers_that_are_refused_and_killed_tell_nothing(home: Path, server: ScriptedServer) -> None:
    """--debug, --verbose, a log file, a refusal, a worker dead by kill -9: no password and no cell in output, files or process list."""
    server.replies["RCPT TO:<p3@"] = "550 5.1.1 no such user"
    words = ("send", home / "c", "--yes", "--password-stdin", "--debug", "--verbose", "--log-file", "run.log")
    with running(*words, cwd=home / "cwd", stdin=SECRET.encode() + b"\n") as sender:
        server.wait_for(lambda seen: len(seen.accepted) >= 6, 60)
        listed = shown(sender.pid)
        under_way = assert_private(home)
        workers = workers_of(sender.pid)
        os.kill(workers[0], signal.SIGKILL)
        ran = ended(sender)

    assert ran.code in (1, 3), ran.err
    assert len(workers) == 2
    assert {sender.pid, *workers} <= {pid for pid, text in listed.items() if text}
    assert "worker" in ran.err
    assert "AUTH" in ran.out + ran.err, "the conversation is shown"
    assert len(server.accepted) >= COUNT - 1 - 4
    for text in (*listed.values(), ran.out, ran.err):
        assert [] == found_in(text, [*PASSWORDS, *CELLS])
    assert set() == under_way | assert_private(home)


def test_L03_a_bug_in_a_worker_tells_no_cell(
    home: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign exception whose text holds cells, raised in another process: 70, where it was is told, what it said is not; with --debug too."""
    (home / "patches").mkdir()
    (home / "patches/sitecustomize.py").write_text(
        "from mailmerge_cli.render.template import Template\n"
        "def broken(self, letter, *rest, **more):\n"
        '    raise ValueError(f"could not convert {letter.subject} of {letter.envelope}")\n'
        "Template.compose = broken\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(home / "patches"))
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    ran = run_process(
        "send", home / "c", "--yes", "--json", "--debug", "--verbose", "--log-file", "run.log", cwd=home / "cwd"
    )  # fmt: skip

    assert 70 == ran.code, ran.err
    assert [] == server.accepted
    assert [] == found_in(ran.out + ran.err, [*PASSWORDS, *CELLS]), ran.err
    assert "sitecustomize.py" in ran.err, "where it was is told"
    assert "ValueError" in ran.err
    assert "never retrieved" not in ran.err
    assert set() == assert_private(home)


def test_L03_what_is_asked_for_alone_holds_cells(
    home: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Result logs as .csv and .jsonl hold none; the workbook that is the list with its answers, and the rows that failed, do, and are 0600."""
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    server.replies |= {"RCPT TO:<p3@": "550 5.1.1 no such user", "END": None}
    assert 1 == (ran := run_here("send", home / "c", "--yes", "--results", "results.xlsx")).code, ran.err
    for form in ("csv", "jsonl", "table"):
        told = run_here("log", home / "c", "--format", form)
        assert (0, []) == (told.code, found_in(told.out + told.err, CELLS)), told.err
    assert 0 == run_here("log", home / "c", "--out", "log.csv").code
    assert 0 == run_here("log", home / "c", "--out", "log.jsonl").code
    answers = run_here("log", home / "c", "--format", "xlsx", "--out", "answers.xlsx")
    failed = run_here("log", home / "c", "--failed-rows", "failed.xlsx")

    assert (0, 0) == (answers.code, failed.code), answers.err + failed.err
    for ran in (answers, failed):
        assert [] == found_in(ran.out + ran.err, [*PASSWORDS, *CELLS])
    assert "failed.xlsx" in assert_private(home, "failed.xlsx", "answers.xlsx", "results.xlsx")
    kept = found_in((home / "cwd/failed.xlsx").read_bytes(), NAMES)
    assert [NAMES[3]] == kept, "the rows that failed, and no other one"


def test_L03_columns_are_masked_in_a_pipe(home: Path) -> None:
    """`check` and its JSON show titles and roles; what stands in the cells is for a terminal alone."""
    for words in (["check"], ["check", "--json"], ["check", "--verbose", "--debug"], ["send", "--dry-run"]):
        ran = run_process(*words, "-c", home / "c", cwd=home / "cwd")
        assert 0 == ran.code, ran.err
        assert [] == found_in(ran.out + ran.err, CELLS), words
    assert "net" in run_here("check", home / "c").out
    assert set() == assert_private(home)


def test_C14_a_sealed_list_is_never_on_the_disk_in_clear(
    home: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read in memory alone: nothing of it, nor its password, in any file while it is sent, after kill -9, or after the rest."""
    seal(home / "c/people.xlsx", "Sesame-4711")
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", SECRET)
    monkeypatch.setenv("MAILMERGE_LIST_PASSWORD", "Sesame-4711")
    before = set(home.rglob("*"))
    with subprocess.Popen(
        command("send", home / "c", "--yes", "--debug", "--log-file", "run.log"), cwd=home / "cwd",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as sender:  # fmt: skip
        holds: set[str] = set()
        until = time.monotonic() + 60
        while len(server.accepted) < 6:
            assert time.monotonic() < until
            holds |= assert_no_clear(home)
        workers = workers_of(sender.pid)
        sender.kill()
        sender.wait()
    wait_until_gone(workers, 60)
    assert set() == holds | assert_no_clear(home)
    last = run_here("send", home / "c", "--yes")

    assert last.code in (0, 3), last.err
    assert set() == assert_no_clear(home)
    assert [] == list((home / "tmp").iterdir())
    new = {file.suffix for file in set(home.rglob("*")) - before if file.is_file()}
    assert new.isdisjoint({f".{kind}" for kind in SIX_SHEETS})


def assert_no_clear(home: Path) -> set[str]:
    """No cell and no password of the list in any file that is there at the moment."""
    for file in home.rglob("*"):
        try:
            octets = file.read_bytes() if file.is_file() and file.name != "campaign.toml" else b""
        except OSError:
            continue  # gone meanwhile
        if octets[:4] == b"PK\x03\x04":
            pytest.fail(f"a workbook in clear: {file}")
        assert [] == found_in(octets, [*CELLS, "Sesame-4711"]), file
    return set()
