"""A check in several processes that is interrupted, or loses some of them: quiet, quick, and nobody stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from support.kits import LETTER, write_people
from support.processes import alive, wait_until_gone, with_hands
from support.program import command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

ROWS = 70_000  # more than two megabytes: help comes at once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    write_people(folder / "people.csv", ROWS)
    (folder / "letter.txt").write_text(LETTER, encoding="utf-8")
    return folder


def checking(folder: Path) -> AbstractContextManager[tuple[subprocess.Popen[bytes], list[int]]]:
    """A check at work, and its hands."""
    words = ("--recipients", "people.csv", "--message", "letter.txt", "--workers", "3")
    return with_hands(command("check", *words), cwd=folder)


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.1, 0.3])
def test_a_ctrl_c_ends_all_of_it_without_a_word_too_many(folder: Path, pause: float) -> None:
    """Whether the hands are just being born or at work: 130, no traceback, no process left."""
    with checking(folder) as (process, hands):
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
        wait_until_gone(hands, 5)

    assert 130 == process.returncode, err
    assert b"Traceback" not in err


@pytest.mark.parametrize("pause", [0.02, 0.1])
def test_hands_end_with_the_process_that_they_help(folder: Path, pause: float) -> None:
    """kill -9: no last word, and yet nobody works on for nobody."""
    with checking(folder) as (process, hands):
        time.sleep(pause)
        process.kill()
        wait_until_gone(hands, 60)
        _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_a_hand_that_is_killed_costs_time_only(folder: Path, pause: float) -> None:
    """Out of memory, say: the check ends as ever."""
    with checking(folder) as (process, hands):
        time.sleep(pause)
        for hand in filter(alive, hands[:2]):
            os.kill(hand, signal.SIGKILL)
        out, err = process.communicate(timeout=60)

    assert 0 == process.returncode, err
    assert f"{ROWS} mails would be sent" in (out + err).decode()
