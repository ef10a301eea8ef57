"""The door: whatever the standard streams are, the exit code is the command's, and nobody sees a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.arrivals import got, once
from support.program import command
from support.scripted_smtp import ScriptedServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell closes the streams")

CLOSED = {"out": ">&-", "err": "2>&-", "all": "<&- >&- 2>&-"}


def through_shell(words: list[str], redirection: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """A command as a shell starts it, with some of its streams closed or elsewhere."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirection}', *words],
        cwd=cwd,
        check=False,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize("which", CLOSED)
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["check"], ["runs"]])
def test_K06_a_closed_stream_changes_no_exit_code(campaign: Path, which: str, words: list[str]) -> None:
    """Standard output, standard error or all of them closed: the command comes to its end, without a traceback."""
    code = through_shell(command(*words), "", campaign).returncode
    done = through_shell(command(*words), CLOSED[which], campaign)

    assert (code, False) == (done.returncode, b"Traceback" in done.stdout + done.stderr), done.stderr


@pytest.mark.parametrize("which", CLOSED)
def test_K06_a_send_with_closed_streams_sends(campaign: Path, server: ScriptedServer, which: str) -> None:
    """Everybody once, 0, and a ledger that the next command reads: no file became a standard stream."""
    done = through_shell(command("send", "--yes"), CLOSED[which], campaign)
    again = through_shell(command("send", "--yes"), CLOSED[which], campaign)

    assert (0, 0, once(*range(1, 6))) == (done.returncode, again.returncode, got(server)), done.stderr


def test_K06_an_object_for_a_closed_stream_is_refused_before_anything_is_sent(
    campaign: Path, server: ScriptedServer
) -> None:
    """`send --json >&-`: 74 and one sentence, nobody has mail, and the next call sends to everybody; /dev/null is somewhere to go."""
    words = command("send", "--yes", "--json")
    closed = through_shell(words, CLOSED["out"], campaign)

    assert (74, once()) == (closed.returncode, got(server))
    assert 1 == closed.stderr.count(b"Standard output is closed")
    assert 0 == through_shell(words, ">/dev/null", campaign).returncode
    assert once(*range(1, 6)) == got(server)
    for asked in (["status", "--json"], ["log", "--format", "csv"]):
        assert 74 == through_shell(command(*asked), CLOSED["out"], campaign).returncode
    assert 0 == through_shell(command("log"), CLOSED["out"], campaign).returncode


def test_K06_what_this_process_starts_has_streams_too(tmp_path: Path) -> None:
    """A worker or a password command finds its three streams open, to and from nowhere, and none of its own files in their place."""
    look = "import os, sys; sys.exit(not all(os.path.samestat(os.fstat(n), os.stat(os.devnull)) for n in range(3)))"
    script = (
        "import subprocess, sys; from mailmerge_cli.__main__ import _fill_what_is_closed as fill; fill(); "
        f"sys.exit(subprocess.call([sys.executable, '-c', {look!r}]))"
    )
    assert 0 == through_shell([sys.executable, "-c", script], CLOSED["all"], tmp_path).returncode


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        ["--version"], ["--help"], ["send", "--help"], ["runs", "--json"], ["send", "--yes", "--json"],
        ["runs"], ["log"], ["status"], ["check"], ["log", "--format", "csv"], ["send", "--yes"],
    ],
)  # fmt: skip
def test_K08_what_was_asked_for_and_cannot_be_written_is_74(campaign: Path, words: list[str]) -> None:
    """The disk under standard output is full: one sentence, 74."""
    subprocess.run(command("send", "--yes"), cwd=campaign, check=True, capture_output=True)
    done = through_shell(command(*words), ">/dev/full", campaign)

    assert 74 == done.returncode
    said = [line for line in done.stderr.splitlines() if b"Error" in line]
    assert [b"Error: standard output cannot be written: No space left on device"] == said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_K08_a_send_that_cannot_tell_has_sent_all_the_same(campaign: Path, server: ScriptedServer) -> None:
    """`send --json >/dev/full`: 74, everybody has one mail, and the same command once more is 0 and sends none."""
    words = command("send", "--yes", "--json")
    full = through_shell(words, ">/dev/full", campaign)
    again = through_shell(words, ">/dev/null", campaign)

    assert (74, 0, once(*range(1, 6))) == (full.returncode, again.returncode, got(server))
