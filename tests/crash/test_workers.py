"""Workers change nothing but the speed: the same states, the same exit codes, the same promises when a process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.processes import alive, memory, wait_until_gone, workers_of
from support.program import command, people, run_here, states, write_campaign
from support.scripted_smtp import Close, Command, Delay, Hang, ScriptedServer
from support.soon import soon
from support.witness import Witness

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

TOML = """\
account = "smtp+insecure://127.0.0.1:{port}"
[recipients]
file = "people.csv"
key = "id"
[message]
file = "letter.txt"
[sending]
connections = {connections}
workers = {workers}
{more}
"""


def campaign(
    folder: Path, server: ScriptedServer, rows: int, *, connections: int = 4, workers: int = 2, more: str = ""
) -> Path:
    toml = TOML.format(port=server.port, connections=connections, workers=workers, more=more)
    return write_campaign(folder, people(rows), toml=toml)


def got(server: ScriptedServer) -> Counter[str]:
    """How many mails the server took, by key."""
    return Counter(mail.recipients[0].split("@")[0].removeprefix("p") for mail in list(server.accepted))


@contextmanager
def sender(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `send` as the leader of a process group of its own, as a terminal starts it."""
    argv = command("send", folder, "--yes", "--plain", *words)
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def said(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Exit code and standard error at its end."""
    _, err = process.communicate(timeout=60)
    return process.returncode, err.decode()


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_everybody_gets_one_mail_whatever_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    """Each row once, its own content, exit 0; no process is left."""
    with ScriptedServer() as server:
        folder = campaign(tmp_path / "c", server, 300, workers=workers)
        ran = run_here("send", folder, "--yes")

        assert ran.code == 0, ran.err
        assert {str(n): 1 for n in range(1, 301)} == dict(got(server))
        assert all(
            f"tok{int(m.recipients[0].split('@')[0][1:]):06d}x".encode() in m.content for m in server.accepted
        )
        assert server.violations == []
        assert dict(Counter(states(folder).values())) == {"sent": 300}
    assert workers_of(os.getpid()) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_refused_deferred_and_doubtful_rows_come_out_alike(tmp_path: Path, workers: int) -> None:
    """A refused, a deferred and a lost mail: failed, deferred, in doubt; 75."""
    lost = threading.Event()
    closing: set[int] = set()

    def rcpt(seen) -> None:
        closing.add(seen.connection)

    def end(seen) -> Close | None:
        if seen.connection in closing and not lost.is_set():
            lost.set()
            return Close()
        return None

    rules = {
        "RCPT TO:<p3@": "550 5.1.1 no such user",
        "RCPT TO:<p5@": ["450 4.2.0 the mailbox is busy"],
        "RCPT TO:<p9@": rcpt,
        "END": end,
    }
    with ScriptedServer(rules, extensions=("SIZE", "8BITMIME", "ENHANCEDSTATUSCODES")) as server:
        folder = campaign(tmp_path / "c", server, 60, connections=3, workers=workers)
        ran = run_here("send", folder, "--yes", "--max-wait", "5s")
        last = run_here("cancel", folder, "--yes")
    found = states(folder)

    assert ran.code == 75, ran.err
    assert last.code == 0
    assert found["5"] == "skipped"
    assert {"9"} == {key for key, state in found.items() if state == "in_doubt"}
    assert {"3"} == {key for key, state in found.items() if state == "failed"}
    assert {str(n): 1 for n in range(1, 61) if n not in (3, 5, 9)} == dict(got(server))


def test_a_killed_worker_is_replaced_and_its_rows_are_settled(tmp_path: Path) -> None:
    """SIGKILL: at most one row a connection is in doubt, all others go; another worker takes the place."""
    with ScriptedServer({"END": Delay(0.01)}) as server:
        folder = campaign(tmp_path / "c", server, 600, connections=4, workers=2)
        with sender(folder) as process:
            server.wait_for(lambda seen: len(seen.accepted) > 60, 60)
            first = workers_of(process.pid)
            os.kill(first[0], signal.SIGKILL)
            server.wait_for(lambda seen: len(seen.accepted) > 300, 60)
            second = workers_of(process.pid)
            code, err = said(process)
        numbers = got(server)
    found = states(folder)

    doubtful = {key for key, state in found.items() if state == "in_doubt"}
    assert 2 == len(first) == len(second)
    assert first != second
    assert len(doubtful) <= 2
    assert {"sent", "in_doubt"} >= set(found.values())
    assert all(number == 1 for number in numbers.values())
    assert set(numbers) | doubtful == set(found)
    assert {key for key, state in found.items() if state == "sent"} <= set(numbers)
    assert (3 if doubtful else 0) == code, err
    assert "worker" in err


def test_workers_that_die_again_and_again_end_the_run(tmp_path: Path) -> None:
    """No endless replacing: exit 75, and what was not begun is pending."""
    with ScriptedServer({"END": Delay(0.02)}) as server:
        folder = campaign(tmp_path / "c", server, 3000, connections=4, workers=2)
        with sender(folder) as process:
            kills = 0
            while process.poll() is None and kills < 40:
                before = len(server.accepted)
                for pid in workers_of(process.pid):
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
                while process.poll() is None and len(server.accepted) <= before + 4:
                    time.sleep(0.002)
            code, err = said(process)
        numbers = got(server)
    found = Counter(states(folder).values())

    assert code == 75, err
    assert "--workers 1" in err
    assert kills < 40
    assert found["pending"] > 0
    assert all(number == 1 for number in numbers.values())


def test_K01_workers_end_with_their_main_process(tmp_path: Path) -> None:
    """Kill -9 of the main process: the workers are gone in a moment, and no new content comes after them."""
    with ScriptedServer({"END": Delay(0.01)}) as server:
        folder = campaign(tmp_path / "c", server, 3000, connections=6, workers=3)
        with sender(folder) as process:
            server.wait_for(lambda seen: len(seen.accepted) > 60, 60)
            workers = workers_of(process.pid)
            process.kill()
            process.wait()
            wait_until_gone(workers, 2.0)
        server.wait_for(lambda seen: seen.open_connections == 0)
        begun = states(folder)

    assert len(workers) == 3
    assert Counter(begun.values())["in_doubt"] <= 6


def test_K02_the_lock_is_held_as_long_as_an_orphan_lives(tmp_path: Path) -> None:
    """A worker that could still send keeps the next `send` out; when it has ended, that goes on."""
    with ScriptedServer({"END": Delay(0.01)}) as server:
        folder = campaign(tmp_path / "c", server, 600, connections=2, workers=2)
        with sender(folder) as process:
            server.wait_for(lambda seen: len(seen.accepted) > 20, 60)
            workers = workers_of(process.pid)
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)
            process.kill()
            process.wait()
        kept_out = run_here("send", folder, "--yes", "--json")
        begun_before = len(server.accepted)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        wait_until_gone(workers, 2.0)
        sent_by_orphans = len(server.accepted) - begun_before
        last = run_here("send", folder, "--yes")
        numbers = got(server)

    assert kept_out.code == 75
    assert kept_out.json["reason"] == "locked"
    assert sent_by_orphans <= 2
    assert last.code in (0, 3)
    assert all(number == 1 for number in numbers.values())


def finishes_what_is_in_flight(folder: Path, number: int, ends: int) -> None:
    """Workers are at work when their whole group gets the signal: this exit code, nothing in doubt, nobody left."""
    with ScriptedServer({"END": Delay(0.02)}) as server:
        run = campaign(folder / "c", server, 3000, connections=4, workers=2)
        with sender(run) as process:
            server.wait_for(lambda seen: len(seen.accepted) > 40, 60)
            workers = workers_of(process.pid)
            os.killpg(process.pid, number)
            code, err = said(process)
        numbers = got(server)
    found = states(run)

    assert code == ends, err
    assert "Traceback" not in err
    assert {"sent", "pending"} == set(found.values())
    assert set(numbers) == {key for key, state in found.items() if state == "sent"}
    assert workers
    assert not any(map(alive, workers))


def test_K04_the_first_ctrl_c_finishes_what_is_in_flight(tmp_path: Path) -> None:
    """SIGINT to the whole process group: nothing in doubt, exit 130, and the workers are gone."""
    finishes_what_is_in_flight(tmp_path, signal.SIGINT, 130)


@pytest.mark.parametrize("number", [signal.SIGHUP, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_K06_a_terminal_that_is_closed_leaves_nothing_in_doubt(tmp_path: Path, number: int) -> None:
    """SIGHUP or SIGTERM to the whole process group, workers too: as the first Ctrl-C; 143, and the rest goes another time."""
    finishes_what_is_in_flight(tmp_path, number, 143)


@pytest.mark.parametrize("signals", [2, 4])
def test_K05_the_second_ctrl_c_leaves_at_once(tmp_path: Path, signals: int) -> None:
    """What had no answer is in doubt, one a connection; exit 130 without waiting for the server."""
    hanging: list[int] = []

    def end(seen: Command) -> Hang | None:
        if len(server.accepted) < 40:
            return None
        hanging.append(seen.connection)
        server.note()
        return Hang()

    with ScriptedServer({"END": end}) as server:
        folder = campaign(tmp_path / "c", server, 3000, connections=4, workers=2)
        with sender(folder) as process:
            # All four: on a busy machine one worker may have sent all forty before the other one was born.
            server.wait_for(lambda _: len(hanging) == 4, 60)
            taken = len(server.accepted)
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.2)
            with soon(25):  # one alone would wait 30 s for the server
                for _ in range(1, signals):
                    os.killpg(process.pid, signal.SIGINT)
                    time.sleep(0.001)
                code, err = said(process)
    found = Counter(states(folder).values())

    assert code == 130, err
    assert "Traceback" not in err
    assert found["sent"] == taken
    assert found["in_doubt"] == 4


def test_P25_the_throttle_is_exact_over_workers(tmp_path: Path, witness: Witness) -> None:
    """200/s over two workers and six connections: never more than 200 in a second at the server."""
    with ScriptedServer() as server:
        folder = campaign(tmp_path / "c", server, 700, connections=6, workers=2, more='rate = "200/s"')
        ran = run_here("send", folder, "--yes")

    assert ran.code == 0, ran.err
    assert len(server.accepted) == 700
    assert server.peak(witness.window) <= 200


def test_P12_the_breaker_stops_all_workers(tmp_path: Path) -> None:
    """Equal refusals in a row: the run stops with 75 and burns nobody."""
    with ScriptedServer({"RCPT": "550 5.7.1 relay access denied for you"}) as server:
        folder = campaign(tmp_path / "c", server, 400, connections=4, workers=2)
        ran = run_here("send", folder, "--yes", "--json")
        tried = len([line for line in server.lines if line.startswith("RCPT")])

    assert len(server.accepted) == 0
    assert ran.code in (75, 78), ran.err
    assert dict(Counter(states(folder).values())) == {"pending": 400}
    assert tried < 100


def test_Q01_a_used_up_quota_stops_all_workers(tmp_path: Path) -> None:
    """The server's own word for the day's quota: 75, quota, nobody failed."""
    quota = "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits"
    with ScriptedServer({"MAIL": dict.fromkeys(range(51, 3000), quota)}) as server:
        folder = campaign(tmp_path / "c", server, 400, connections=4, workers=2)
        ran = run_here("send", folder, "--yes", "--json")
    found = Counter(states(folder).values())

    assert ran.code == 75, ran.err
    assert ran.json["reason"] == "quota"
    assert found["sent"] == len(server.accepted)
    assert found["failed"] == 0
    assert found["sent"] <= 50


def test_limit_holds_over_workers(tmp_path: Path) -> None:
    """--limit 25 begins no more than that, and --limit 25 again goes on."""
    with ScriptedServer() as server:
        folder = campaign(tmp_path / "c", server, 60, connections=4, workers=2)
        first = run_here("send", folder, "--yes", "--limit", "25")
        after_first = len(server.accepted)
        run_here("send", folder, "--yes", "--limit", "25")
        numbers = got(server)

    assert first.code == 75, first.err
    assert (after_first, len(numbers)) == (25, 50)
    assert all(number == 1 for number in numbers.values())


def test_a_file_that_changed_stops_the_run_before_anything_leaves(tmp_path: Path) -> None:
    """An attachment that is another one at its turn: 65, changed, its row is pending."""
    with ScriptedServer({"END": Delay(0.005)}) as server:
        folder = campaign(tmp_path / "c", server, 400, connections=4, workers=2)
        (folder / "slips").mkdir()
        for n in range(1, 401):
            (folder / "slips" / f"{n}.txt").write_text(f"slip {n}", encoding="utf-8")
        text = (folder / "letter.txt").read_text(encoding="utf-8")
        (folder / "letter.txt").write_text("Attachment: slips/{{ id }}.txt\n" + text, encoding="utf-8")
        with sender(folder) as process:
            server.wait_for(lambda seen: len(seen.accepted) > 20, 60)
            for n in range(200, 401):
                (folder / "slips" / f"{n}.txt").write_text("another", encoding="utf-8")
            code, err = said(process)
    found = Counter(states(folder).values())

    assert code == 65, err
    assert {"sent", "pending"} == set(found)
    assert found["sent"] < 200
    assert not any(b"another" in mail.content for mail in server.accepted)


def test_a_secret_reaches_the_workers_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker logs in; neither argv nor environment of a worker holds the password, beyond what its user set."""
    with ScriptedServer({"END": Delay(0.01)}, users={"office": "open sesame"}) as server:
        folder = campaign(tmp_path / "c", server, 200, connections=4, workers=2)
        toml = (folder / "campaign.toml").read_text(encoding="utf-8")
        url = f"smtp+insecure://office@127.0.0.1:{server.port}"
        (folder / "campaign.toml").write_text(toml.partition("\n")[2], encoding="utf-8")
        argv = command("send", folder, "--yes", "--plain", "--password-stdin", "--account", url)
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            process.stdin.write(b"open sesame\n")
            process.stdin.close()
            process.stdin = None
            server.wait_for(lambda seen: len(seen.accepted) > 20, 60)
            seen = b"".join(
                Path(f"/proc/{pid}/{name}").read_bytes()
                for pid in workers_of(process.pid)
                for name in ("cmdline", "environ")
            )
            code, err = said(process)

    assert code == 0, err
    assert len(server.accepted) == 200
    assert seen
    assert b"sesame" not in seen


@pytest.mark.slow
def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    """All processes added: ten times the rows, not a tenth more memory."""
    peaks = {}
    for rows in (5_000, 50_000):
        with ScriptedServer() as server:
            folder = campaign(tmp_path / str(rows), server, rows, connections=6, workers=3)
            with sender(folder) as process:
                peak = 0
                while process.poll() is None:
                    peak = max(peak, memory(process.pid))
                    time.sleep(0.02)
                    server.commands.clear()
                    server.received.clear()
                    server.reads.clear()
                assert process.returncode == 0
        peaks[rows] = peak

    assert peaks[50_000] < 1.15 * peaks[5_000]
