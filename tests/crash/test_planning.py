"""A `send` that is killed, stopped or robbed of its helpers while it checks the list: nothing half entered, nobody left running, nobody mailed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from support.arrivals import url
from support.processes import alive, wait_until_gone, with_hands, workers_of
from support.program import command, run_here, write_campaign, write_toml
from support.scripted_smtp import ScriptedServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

SLOW = pytest.mark.slow
ROWS = 25_000
_WIDE = "x" * 100  # more than two megabytes together: help comes at once


@pytest.fixture
def folder(tmp_path: Path, server: ScriptedServer) -> Path:
    """A long list; temporary files would be seen in `tmp` beside the campaign."""
    rows = [f"{n},Person {n},p{n}@example.org,tok{n:06d}x,{_WIDE}" for n in range(1, ROWS + 1)]
    folder = write_campaign(tmp_path / "c", rows, header="id,name,email,token,filler")
    write_toml(folder, url(server), sending='workers = "3"')
    (tmp_path / "tmp").mkdir()
    return folder


def planning(folder: Path) -> AbstractContextManager[tuple[subprocess.Popen[bytes], list[int]]]:
    """A send that checks its list, and its helpers."""
    environ = {**os.environ, "TMPDIR": str(folder.parent / "tmp")}
    return with_hands(command("send", folder, "--yes", "--limit", "5"), env=environ)


def ended(process: subprocess.Popen[bytes], hands: list[int]) -> tuple[int, str]:
    """Exit code and standard error, once nobody of the family lives any more."""
    _, err = process.communicate(timeout=60)
    wait_until_gone(hands, 60)
    return process.returncode, err.decode()


def entered(folder: Path) -> list[str]:
    """The keys of the run, in its order, as `key state`; none if there is no run."""
    ran = run_here("log", folder, "--format", "jsonl")
    if ran.code:
        assert "There is no run" in ran.err, ran.err
        return []
    return [f"{one['key']} {one['state']}" for one in map(json.loads, ran.out.splitlines())]


def goes_on(folder: Path, server: ScriptedServer) -> None:
    """Nothing was entered, or all of it; and the same command does what it would have done."""
    assert entered(folder) in ([], [f"{n} pending" for n in range(1, ROWS + 1)])
    assert [] == list((folder.parent / "tmp").iterdir())
    ran = run_here("send", folder, "--yes", "--limit", "5")
    assert 75 == ran.code, ran.err
    assert [f"{n} {'sent' if n <= 5 else 'pending'}" for n in range(1, ROWS + 1)] == entered(folder)
    assert [f"p{n}@example.org" for n in range(1, 6)] == sorted(
        mail.recipients[0] for mail in server.accepted
    )


def to_group(process: subprocess.Popen[bytes], number: int) -> None:
    os.killpg(process.pid, number)


def to_sender(process: subprocess.Popen[bytes], number: int) -> None:
    process.send_signal(number)


@pytest.mark.parametrize(
    ("number", "to", "code", "pause"),
    [
        (signal.SIGINT, to_group, 130, 0.15),
        (signal.SIGTERM, to_sender, 143, 0.0),
        *(
            pytest.param(*rest, marks=SLOW)
            for rest in [
                (signal.SIGINT, to_group, 130, 0.0),
                (signal.SIGTERM, to_sender, 143, 0.15),
                (signal.SIGTERM, to_group, 143, 0.0),
                (signal.SIGTERM, to_group, 143, 0.15),
                (signal.SIGHUP, to_group, -signal.SIGHUP, 0.15),
            ]
        ),
    ],
)
def test_K04_a_signal_while_the_list_is_checked(
    folder: Path, server: ScriptedServer, number: int, to: Callable[..., None], code: int, pause: float
) -> None:
    """Ctrl-C in the terminal, its end, or SIGTERM to the sender or to all: 130, 143 or gone, no traceback, no process left, nothing entered, nobody mailed."""
    with planning(folder) as (process, hands):
        time.sleep(pause)
        to(process, number)
        found = ended(process, hands)
    assert code == found[0], found[1]
    assert "Traceback" not in found[1]
    assert [] == server.accepted
    goes_on(folder, server)


@pytest.mark.parametrize("signals", [1, 2])
def test_K04_a_signal_while_the_helpers_are_sent_home(
    folder: Path, server: ScriptedServer, signals: int
) -> None:
    """The list is refused, and Ctrl-C comes when the first helper is gone, once or twice: the call ends, with 65 or 130, and nobody is left."""
    with (folder / "people.csv").open("a") as people:
        people.write("0,Last,nowhere,tok,x\n")
    for _ in range(3):
        with planning(folder) as (process, hands):
            while all(map(alive, hands)) and process.poll() is None:
                time.sleep(0.001)
            for _ in range(signals):
                if process.poll() is None:
                    to_group(process, signal.SIGINT)
                    time.sleep(0.004)
            code, err = ended(process, hands)
        # The second may come when all is done and told: then the signal's own code is as good.
        assert code in (65, 130, -signal.SIGINT), err
        assert "Traceback" not in err
    assert [] == server.accepted


@pytest.mark.parametrize("pause", [0.1, *(pytest.param(pause, marks=SLOW) for pause in (0.0, 0.25))])
def test_K02_killed_while_the_list_is_checked(folder: Path, server: ScriptedServer, pause: float) -> None:
    """kill -9: its helpers end by themselves, no temporary file and no lock is left, and the next call begins as if nothing had been."""
    with planning(folder) as (process, hands):
        time.sleep(pause)
        process.kill()
        ended(process, hands)
    assert [] == server.accepted
    goes_on(folder, server)


@pytest.mark.parametrize(
    ("number", "how_many"),
    [
        (signal.SIGKILL, 1),
        (signal.SIGKILL, 3),
        pytest.param(signal.SIGTERM, 1, marks=SLOW),
        pytest.param(signal.SIGINT, 3, marks=SLOW),
    ],
)
def test_a_signal_to_helpers_changes_nothing(
    folder: Path, server: ScriptedServer, number: int, how_many: int
) -> None:
    """Killed (for want of memory, say) or signalled one by one: the plan is whole, in the list's order, and five mails go as they would have."""
    with planning(folder) as (process, hands):
        for hand in filter(alive, hands[:how_many]):
            os.kill(hand, number)
        code, err = ended(process, hands)
    assert 75 == code, err
    assert "Traceback" not in err
    assert [f"{n} {'sent' if n <= 5 else 'pending'}" for n in range(1, ROWS + 1)] == entered(folder)
    assert [f"p{n}@example.org" for n in range(1, 6)] == [mail.recipients[0] for mail in server.accepted]
    assert [] == list((folder.parent / "tmp").iterdir())


@pytest.mark.parametrize(
    "whom", ["helper", pytest.param("sender", marks=SLOW), pytest.param("all", marks=SLOW)]
)
def test_K07_a_pause_while_the_list_is_checked(folder: Path, server: ScriptedServer, whom: str) -> None:
    """SIGSTOP and SIGCONT of the sender, of a helper, of all: it goes on where it was."""
    with planning(folder) as (process, hands):
        whose = {"sender": [process.pid], "helper": hands[:1], "all": [process.pid, *hands]}[whom]
        for pid in filter(alive, whose):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        for pid in filter(alive, whose):
            os.kill(pid, signal.SIGCONT)
        code, err = ended(process, hands)
    assert 75 == code, err
    assert ROWS == len(entered(folder))
    assert 5 == len(server.accepted)


@SLOW
def test_K01_K02_killed_anywhere_between_start_and_first_mail(folder: Path, server: ScriptedServer) -> None:
    """Ten kills at moments spread over check, entry and the first mails: the run stands whole or not at all; nobody twice."""
    chance, kills = random.Random(5), 0
    for _ in range(10):
        process = subprocess.Popen(
            command("send", folder, "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.3, 3))
        family = workers_of(process.pid)
        kills += process.poll() is None
        process.kill()
        process.wait()
        wait_until_gone(family, 60)
        assert len(entered(folder)) in (0, ROWS)
    assert kills >= 3
    assert set(Counter(mail.recipients[0] for mail in server.accepted).values()) <= {1}
