"""The adversary of the workers: killed at each step of a mail, stopped, robbed of the list, the disk and the clock; they change nothing but speed."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from faults.trial import Trial, once, send_over_a_jump, sending
from support.processes import owner_of, wait_until_gone, workers_of
from support.program import command, ended, people, run_here, running, write_list
from support.scripted_smtp import Command, Delay, Hang, Keep, ScriptedServer
from support.soon import wait_for
from support.tokens import HEADER as TOKEN_HEADER
from support.tokens import assert_all_their_own, rows_of, write_tokens
from support.witness import Witness

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
SLOW = pytest.mark.slow
TWO = 'connections = 2\nworkers = 2\nretry_after = "1s"'


@pytest.fixture
def trial(tmp_path: Path, server: ScriptedServer) -> Trial:
    return Trial(tmp_path / "c", server).write()


def whose(server: ScriptedServer) -> list[tuple[str, bytes]]:
    """To whom, and what."""
    return [(mail.recipients[0], mail.content) for mail in list(server.accepted)]


# -- kills ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "keep"),
    [
        ("END", True),
        ("RCPT", False),
        *(
            pytest.param(step, False, marks=SLOW)
            for step in ("CONNECT", "EHLO", "MAIL", "DATA", "CONTENT", "END")
        ),
    ],
)
def test_K01_P08_a_worker_killed_at_this_very_step(trial: Trial, step: str, keep: bool) -> None:
    """The worker that talks on this connection dies by kill -9: with no content out its rows go to another; behind that one is in doubt."""
    trial.write(40, sending=TWO)
    struck: list[int] = []
    senders: list[subprocess.Popen[bytes]] = []
    lock = threading.Lock()

    def strike(seen: Command) -> object:
        with lock:
            early = step in ("CONNECT", "EHLO")
            if struck or (not early and len(trial.server.accepted) < 8):
                return None
            wait_for(lambda: bool(senders))
            pid = owner_of(trial.server.peers[seen.connection], workers_of(senders[0].pid))
            if not pid:  # the look-out of the main process
                return None
            struck.append(pid)
            os.kill(pid, signal.SIGKILL)
        wait_until_gone([pid], 10)
        return Keep(Hang()) if keep else Hang()

    trial.server.replies |= {"END": Delay(0.01)} | {step: strike}
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        senders.append(sender)
        ran = ended(sender)
    found = trial.counts()
    trial.server.replies.clear()

    assert struck, "nobody was killed"
    assert "worker" in ran.err
    assert {"sent", "in_doubt"} >= set(found), ran.err
    # One connection a worker: what it had begun, and what it had not.
    if step in ("CONNECT", "EHLO"):
        assert (0, 40) == (ran.code, found["sent"])
    elif step in ("CONTENT", "END"):
        assert (3, 1) == (ran.code, found["in_doubt"]), ran.err
    else:  # an envelope is written with the last answer's record; its content may have been allowed a moment ago
        assert found["in_doubt"] <= 1
    # Whoever is in doubt may have it: his answer was on its way, or he was told of by nobody any more.
    assert found["in_doubt"] + len(trial.server.accepted) in (40, 41)
    trial.nobody_twice()


@pytest.mark.parametrize("pause", [0.0, pytest.param(0.1, marks=SLOW), pytest.param(0.3, marks=SLOW)])
def test_K01_workers_killed_at_their_birth(trial: Trial, pause: float) -> None:
    """Before they have heard what they are to do, or just then: others take their place, everybody has his mail, nothing is in doubt or little."""
    trial.write(60, sending="connections = 4\nworkers = 2")
    trial.server.replies["END"] = lambda _: Delay(0.005)
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        wait_for(lambda: bool(workers_of(sender.pid)))
        time.sleep(pause)
        strike(workers_of(sender.pid), signal.SIGKILL)
        ran = ended(sender)
    found = trial.counts()

    assert (3 if found["in_doubt"] else 0) == ran.code, ran.err
    assert 60 == found["sent"] + found["in_doubt"]
    assert found["in_doubt"] <= 4
    trial.nobody_twice()


@pytest.mark.parametrize("whom", ["one", pytest.param("all", marks=SLOW)])
def test_K05_workers_that_hang_do_not_hold_two_ctrl_cs_up(trial: Trial, whom: str) -> None:
    """Workers stopped by SIGSTOP (as good as dead) in the middle: two Ctrl-Cs end the call all the same, 130; they are gone, what they had is in doubt at most."""
    trial.write(400, sending="connections = 4\nworkers = 2")
    trial.server.replies["END"] = lambda _: Delay(0.02)
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        trial.server.wait_for(lambda seen: len(seen.accepted) > 20, 60)
        workers = workers_of(sender.pid)
        strike(workers[:1] if whom == "one" else workers, signal.SIGSTOP)
        time.sleep(0.1)
        sender.send_signal(signal.SIGINT)
        time.sleep(0.2)
        sender.send_signal(signal.SIGINT)
        ran = ended(sender)
        wait_until_gone(workers, 60)
    found = trial.counts()
    trial.server.replies.clear()

    assert 130 == ran.code, ran.err
    assert "Traceback" not in ran.err
    assert found["in_doubt"] <= 4
    last = trial.send()
    assert (3 if found["in_doubt"] else 0) == last.code, last.err
    assert 400 == sum(trial.counts()[state] for state in ("sent", "in_doubt"))
    trial.nobody_twice()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=SLOW), pytest.param(3, marks=SLOW)])
def test_K01_K07_stopped_continued_and_killed_at_random(
    tmp_path: Path, server: ScriptedServer, seed: int
) -> None:
    """SIGSTOP, SIGCONT and kill -9 of the sender and of its workers, as chance has it: each his own mail, once or in doubt."""
    chance = random.Random(seed)
    trial = Trial(tmp_path / "c", server)
    write_tokens(trial.folder, 150, trial.url, sending="connections = 4\nworkers = 2")
    server.replies["END"] = lambda _: Delay(0.01)
    kills = 0
    with running("send", trial.folder, "--yes", cwd=trial.folder) as sender:
        server.wait_for(lambda seen: len(seen.accepted) > 5, 60)
        while sender.poll() is None and kills < 3:
            family = [sender.pid, *workers_of(sender.pid)]
            chosen = chance.sample(family, chance.randint(1, len(family)))
            strike(chosen, signal.SIGSTOP)
            time.sleep(chance.uniform(0, 0.15))
            if chance.random() < 0.4 and (victims := [pid for pid in chosen if pid != sender.pid]):
                strike(victims[:1], signal.SIGKILL)
                kills += 1
            strike(chosen, signal.SIGCONT)
            time.sleep(chance.uniform(0, 0.1))
        first = ended(sender)
    last = trial.send()
    found = trial.counts()

    assert first.code in (0, 3, 75), first.err
    assert {"sent", "in_doubt"} >= set(found), last.err
    assert 150 == sum(found.values())
    assert found["in_doubt"] <= kills * 2
    assert_all_their_own(whose(server))
    trial.nobody_twice()


def strike(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("workers", [2, pytest.param(0, marks=SLOW)])
def test_K03_with_workers_each_intent_is_on_the_disk_before_its_content_leaves(
    trial: Trial, tmp_path: Path, workers: int
) -> None:
    """As the kernel saw it, in all processes, pipelined: the mail's own Message-ID was written to the ledger and forced to the disk before its content left."""
    trial.write(
        12, sending=f"connections = {max(workers, 1) * 2}\nworkers = {workers or 1}", letter=LETTER_WITH_TOKEN
    )
    trial.account(pipelining="next")
    trace = tmp_path / "trace"
    words = ["strace", "-f", "-qq", "-s", "9000", "-e", "trace=fdatasync,fsync,sendto,write,sendmsg,writev,pwrite64,connect", "-o", str(trace)]  # fmt: skip
    done = subprocess.run(
        [*words, *command("send", trial.folder, "--yes")], capture_output=True, check=False, timeout=120
    )
    if done.returncode != 0 and not trial.server.accepted:
        pytest.skip("strace may not trace here")
    assert (0, 12) == (done.returncode, len(trial.server.accepted)), done.stderr.decode()

    written: set[str] = set()
    synced: set[str] = set()
    left: list[str] = []
    for line in trace.read_text(errors="replace").splitlines():
        ids = set(re.findall(r"<[0-9A-Za-z.]+@example\.org>", line)) - {"<office@example.org>"}
        if "pwrite64(" in line:
            written |= ids
        elif (
            re.search(r"f(?:data)?sync\(|<\.\.\. f(?:data)?sync resumed>", line) and "unfinished" not in line
        ):
            synced |= written
        elif "Subject: Your token tok" in line and re.search(r"send|write", line):
            (own,) = re.findall(r"Message-I[Dd]: (<[^>]+>)", line)
            assert own in synced, f"{own} left before it was on the disk"
            left.append(own)
    assert 12 == len(set(left)) == len(left)


LETTER_WITH_TOKEN = "From: Office <office@example.org>\nSubject: Your token {{ token }}\n\nDear {{ name }}.\n"


# -- the list ------------------------------------------------------------------------------------------------------


def _others() -> str:
    """The same people, each with another one's token: what must never be mixed in."""
    rows = rows_of(200)
    addresses = [row.split(",")[2] for row in rows]
    turned = [*addresses[1:], addresses[0]]
    lines = [row.replace(mine, other) for row, mine, other in zip(rows, addresses, turned, strict=True)]
    return "\n".join([TOKEN_HEADER, *lines]) + "\n"


def _replace(file: Path) -> None:
    beside = file.with_suffix(".new")
    beside.write_text(_others(), encoding="utf-8")
    beside.replace(file)


def _rewrite(file: Path) -> None:
    file.write_text(_others(), encoding="utf-8")


def _reorder(file: Path) -> None:
    header, *rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([header, *reversed(rows)]) + "\n", encoding="utf-8")


def _insert(file: Path) -> None:
    header, *rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([header, rows[-1], *rows[:-1]]) + "\n", encoding="utf-8")


def _truncate(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(4000)


def _same_length_same_time(file: Path) -> None:
    """An edit that size and time do not show."""
    before = file.stat()
    text = file.read_text(encoding="utf-8").replace("p199@example.org", "p198@example.org")
    with file.open("r+b") as opened:
        opened.write(text.encode())
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("kill", [True, pytest.param(False, marks=SLOW)])
@pytest.mark.parametrize(
    "change",
    [
        _replace,
        *(
            pytest.param(change, marks=SLOW)
            for change in (_rewrite, _reorder, _insert, _truncate, _same_length_same_time, Path.unlink)
        ),
    ],
)
def test_F26_the_list_changes_under_the_workers(
    tmp_path: Path, server: ScriptedServer, change: Callable[[Path], None], kill: bool
) -> None:
    """Replaced, rewritten, turned round, cut off or gone in the middle, also as a worker is killed and its heir reads it anew: nobody gets what was not checked."""
    trial = Trial(tmp_path / "c", server)
    write_tokens(trial.folder, 200, trial.url, sending="connections = 4\nworkers = 2")
    before = (trial.folder / "people.csv").read_text(encoding="utf-8")
    server.replies["END"] = lambda _: Delay(0.01)
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        server.wait_for(lambda seen: len(seen.accepted) > 12, 60)
        change(trial.folder / "people.csv")
        if kill:
            strike(workers_of(sender.pid)[:1], signal.SIGKILL)
        ran = ended(sender)
    sent = assert_all_their_own(whose(server))
    server.replies.clear()

    assert ran.code in (0, 3, 65, 66), ran.err
    assert "Traceback" not in ran.err
    if ran.code in (65, 66):
        assert "nothing was sent" not in ran.err.replace("Nothing of this row was sent", ""), ran.err
        again = trial.send()
        if change in (_reorder, _insert):  # the order of rows is no difference: whoever is left gets his own
            assert again.code in (0, 3), again.err
        else:
            assert again.code in (65, 66), again.err
            assert sent == assert_all_their_own(whose(server)), "nobody was mailed after the change"
    (trial.folder / "people.csv").write_text(before, encoding="utf-8")
    last = trial.send()
    assert {"sent", "in_doubt"} >= set(trial.counts()), last.err
    assert_all_their_own(whose(server))
    trial.nobody_twice()


@pytest.mark.parametrize("what", ["letter.md", "slips"])
def test_B03_F25_letter_or_slips_change_and_a_worker_is_killed(
    tmp_path: Path, server: ScriptedServer, what: str
) -> None:
    """The heir of a dead worker must not make mails of another edition: 65, or all as they were checked."""
    trial = Trial(tmp_path / "c", server)
    write_tokens(trial.folder, 200, trial.url, sending="connections = 4\nworkers = 2")
    server.replies["END"] = lambda _: Delay(0.01)
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        server.wait_for(lambda seen: len(seen.accepted) > 12, 60)
        if what == "slips":
            files = sorted((trial.folder / "slips").iterdir())
            texts = [file.read_text() for file in files]
            for file, text in zip(files, [texts[-1], *texts[:-1]], strict=True):
                file.write_text(text)
        else:
            letter = trial.folder / what
            letter.write_text(letter.read_text().replace("Yours: {{ token }}", "Yours: tok999999x"))
        strike(workers_of(sender.pid)[:1], signal.SIGKILL)
        ran = ended(sender)

    assert ran.code in (0, 3, 65), ran.err
    assert_all_their_own(whose(server))
    if what == "slips":
        assert (65, "changed") == (ran.code, ran.json["reason"]), ran.err


@SLOW
@pytest.mark.usefixtures("impatient")
def test_T12_rows_far_behind_come_again_in_later_passes(tmp_path: Path, server: ScriptedServer) -> None:
    """Deferred again and again over a list far longer than what a worker keeps: each pass reads the early rows anew, each gets his own."""
    trial = Trial(tmp_path / "c", server)
    write_tokens(
        trial.folder, 700, trial.url, sending='connections = 4\nworkers = 2\nretry_after = "1s"\nattempts = 5'
    )
    late = {f"p{n}@example.org" for n in (1, 2, 3, 350, 699, 700)}
    tries: dict[str, int] = {}
    now: dict[int, str] = {}

    def rcpt(seen: Command) -> None:
        now[seen.connection] = seen.line.split("<")[1].rstrip(">")

    def end(seen: Command) -> str | None:
        address = now[seen.connection]
        tries[address] = tries.get(address, 0) + 1
        return "451 4.2.1 busy" if address in late and tries[address] <= 2 else None

    server.replies |= {"RCPT": rcpt, "END": end}
    ran = trial.send("--max-wait", "20s")

    assert 0 == ran.code, ran.err
    assert dict.fromkeys(late, 3) == {address: tries[address] for address in late}
    assert once(*range(1, 701)) == assert_all_their_own(whose(server))


# -- single people -------------------------------------------------------------------------------------------------


def test_only_limit_and_resend_with_workers(tmp_path: Path, server: ScriptedServer) -> None:
    """`--only` sends to those keys alone, `--limit` so many, `resend --to` one mail to another address, which is told; each with its own content."""
    trial = Trial(tmp_path / "c", server)
    write_tokens(trial.folder, 60, trial.url, sending="connections = 4\nworkers = 3")
    chosen = [60, 1, 31, 2, 59]
    only = trial.send(*(word for key in chosen for word in ("--only", key)))
    assert (75, once(*chosen)) == (only.code, assert_all_their_own(whose(server))), only.err

    limited = trial.send("--limit", 7)
    assert (75, 7) == (limited.code, limited.json["sent_now"]), limited.err
    rest = trial.send()
    assert (0, once(*range(1, 61))) == (rest.code, assert_all_their_own(whose(server))), rest.err

    del server.accepted[:]
    again = run_here("resend", 7, 44, "-c", trial.folder, "--yes")
    assert (0, once(7, 44)) == (again.code, assert_all_their_own(whose(server))), again.err
    del server.accepted[:]
    moved = run_here("resend", 31, "--to", "p900@example.org", "-c", trial.folder, "--yes")
    assert 0 == moved.code, moved.err
    (mail,) = server.accepted
    assert ("p900@example.org",) == mail.recipients
    assert {b"tok000031x"} == set(re.findall(rb"tok\d{6}x", mail.content))
    assert b"<p31@example.org>" not in mail.content


# -- the disk ------------------------------------------------------------------------------------------------------


def test_K09_no_room_for_the_answers_of_workers(trial: Trial) -> None:
    """The disk fills while two workers send: 74, no further content beyond what was on its way; that is in doubt, and nobody has two."""
    trial.write(60, sending="connections = 4\nworkers = 2")
    senders: list[subprocess.Popen[bytes]] = []

    def fill(_: Command) -> object:
        if len(trial.server.accepted) == 12:
            resource.prlimit(senders[0].pid, resource.RLIMIT_FSIZE, (0, 0))
        return Delay(0.01)

    trial.server.replies["END"] = fill
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        senders.append(sender)
        ran = ended(sender)
    assert 74 == ran.code, ran.err
    assert "Traceback" not in ran.err
    assert len(trial.server.accepted) <= 12 + 2 * 4
    trial.server.replies.clear()
    last = trial.send()
    found = trial.counts()
    assert (3 if found["in_doubt"] else 0) == last.code, last.err
    assert found["in_doubt"] <= 4
    assert 60 == found["sent"] + found["in_doubt"]
    trial.nobody_twice()


@contextmanager
def mounted(place: Path) -> Iterator[Path]:
    """A disk of its own at this place; skips where that needs more rights."""
    place.mkdir()
    tried = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", place], capture_output=True, check=False
    )
    if not tried or tried.returncode != 0:
        pytest.skip("needs root to mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_K08_a_disk_that_fills_while_workers_send(tmp_path: Path, server: ScriptedServer) -> None:
    """A real full disk: 74 before the next content; with room the same command goes on, and nobody has two."""
    with mounted(tmp_path / "disk") as disk:
        trial = Trial(tmp_path / "c", server).write(400, sending="connections = 4\nworkers = 2")

        def fill(_: Command) -> None:
            if len(server.accepted) == 30:
                with suppress(OSError), (disk / "fill").open("wb", buffering=0) as file:
                    while True:
                        file.write(b"x" * 65536)

        server.replies["END"] = fill
        words = ("--state-dir", disk / "state", "--run", "r")
        ran = trial.send(*words)
        assert (74, "failed") == (ran.code, ran.json["reason"]), ran.err
        assert "full" in ran.err
        assert "Traceback" not in ran.err
        (disk / "fill").unlink()
        server.replies.clear()
        last = trial.send(*words)
        counts = last.json["counts"]
        assert (3 if counts["in_doubt"] else 0) == last.code, last.err
        assert counts["in_doubt"] <= 4
        assert 400 == counts["sent"] + counts["in_doubt"]
        assert set(trial.got().values()) == {1}


@pytest.mark.parametrize("workers", [1, 2])
def test_K08_K10_a_folder_that_cannot_be_written(
    tmp_path: Path, server: ScriptedServer, workers: int
) -> None:
    """Read-only (another's share, a stick with its lock on): check and preview serve, a send is refused with 74 before anybody is called; writable again it goes."""
    with mounted(tmp_path / "disk") as disk:
        trial = Trial(disk / "c", server).write(20, sending=f"connections = 2\nworkers = {workers}")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        checked, shown = run_here("check", trial.folder), run_here("preview", trial.folder)
        ran = trial.send()
        assert (0, 0) == (checked.code, shown.code), (checked.err, shown.err)
        assert (74, 0) == (ran.code, server.connections), ran.err
        assert "Traceback" not in ran.err
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert (0, once(*range(1, 21))) == ((again := trial.send()).code, trial.got()), again.err


# -- two at once, and the clock ------------------------------------------------------------------------------------


@SLOW
def test_O04_two_with_workers_at_once_in_a_loop(trial: Trial) -> None:
    """Two starts at the same instant, ten times, each with workers: each row is one process's."""
    trial.write(100, sending="connections = 4\nworkers = 2")
    trial.server.replies["END"] = lambda _: Delay(0.01)
    for _ in range(10):
        for sender in [sending(trial, "--limit", "10") for _ in range(2)]:
            _, err = sender.communicate(timeout=60)
            assert sender.returncode in (0, 75), err.decode()
    last = trial.send()

    assert (0, once(*range(1, 101))) == (last.code, trial.got()), last.err


@pytest.mark.parametrize("jump", [timedelta(hours=-30), timedelta(days=40)])
def test_O05_a_clock_that_jumps_while_workers_send(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, witness: Witness, jump: timedelta
) -> None:
    """The wall clock is set in the middle: the rate holds, nothing hangs, everybody has his mail once."""
    trial.write(24, sending='rate = "20/s"\nconnections = 2\nworkers = 2')
    ran = send_over_a_jump(monkeypatch, trial, jump)

    assert (0, once(*range(1, 25))) == (ran.code, trial.got()), ran.err
    assert trial.server.peak(witness.window) <= 20


def test_a_list_that_grew_is_told_and_its_new_people_wait(trial: Trial) -> None:
    """Rows added at the top while the first half is out: 65; accepted, row numbers follow, and the rest get their own, by workers."""
    trial.write(40, sending="connections = 2\nworkers = 2", letter=LETTER_WITH_TOKEN)
    assert 75 == trial.send("--limit", "20").code
    write_list(trial.folder, [*reversed(people(5, 41)), *reversed(people(40))])
    assert 65 == (told := trial.send()).code, told.err
    assert 20 == len(trial.server.accepted)
    assert 0 == (ran := trial.send("--accept-new")).code, ran.err

    assert once(*range(1, 46)) == trial.got()
    for mail in trial.server.accepted:
        number = int(mail.recipients[0][1:].partition("@")[0])
        assert f"Your token tok{number:06d}x".encode() in mail.content
