"""Catalogue K, as the program meets it: kills, signals, full disks, lost and doubled ledgers."""

from __future__ import annotations

import contextlib
import csv
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.trial import Trial, hang_up, once, sending
from support.program import command, ended, log_lines, run_here, running
from support.scripted_smtp import Delay, Hang, Keep
from support.soon import soon
from support.witness import Witness

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit, strace or a tmpfs")


# -- kills ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [(), ("--connections", "2", "--workers", "2")])
def test_K01_K02_killed_at_any_moment_of_its_start(trial: Trial, how: tuple[str, ...]) -> None:
    """From the first moment on, while the ledger is made and the plan entered: everybody once, or in doubt, nobody forgotten."""
    chance = random.Random(2)
    trial.write(40)
    trial.server.replies["END"] = lambda _: Delay(0.004)
    for _ in range(3):
        sender = sending(trial, *how)
        time.sleep(chance.uniform(0.1, 0.8))
        sender.kill()
        sender.communicate()
    last = trial.send()
    found = trial.states()

    assert 40 == len(found)
    assert set(found.values()) <= {"sent", "in_doubt"}, last.err
    assert (3 if "in_doubt" in found.values() else 0) == last.code
    assert sum(state == "in_doubt" for state in found.values()) <= 3 * 2
    trial.nobody_twice()


@pytest.mark.parametrize("keep", [True, False])
def test_P08_O03_killed_between_the_dot_and_the_ledger(trial: Trial, keep: bool) -> None:
    """Kill -9 while the answer to the dot is on its way: in doubt from the stored intent, never sent again by itself, and no lock is left."""
    trial.write(4)
    senders: list[subprocess.Popen[bytes]] = []

    def strike(_: object) -> object:
        if len(trial.server.accepted) != 1:
            return None
        senders[0].kill()
        return Keep(Hang()) if keep else Hang()

    trial.server.replies["END"] = strike
    with running("send", trial.folder, "--yes", cwd=trial.folder) as sender:
        senders.append(sender)
        sender.wait(30)
    trial.server.replies.clear()
    ran = trial.send()

    assert (3, 1, 3) == (ran.code, ran.json["counts"]["in_doubt"], ran.json["counts"]["sent"]), ran.err
    assert ("in_doubt", True) == (trial.states()["2"], bool(trial.log()["2"]["message_id"]))
    assert (once(1, 2, 3, 4) if keep else once(1, 3, 4)) == trial.got()
    assert [3, 3] == [trial.send().code, trial.send("--retry-failed").code]
    trial.nobody_twice()


@LINUX
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_K03_the_intent_is_on_the_disk_before_the_content_leaves(trial: Trial, tmp_path: Path) -> None:
    """As the kernel saw it: between two contents on the wire, and before the first, the ledger was forced to the disk."""
    trial.write(4)
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-s", "2000", "-e", "trace=fdatasync,fsync,sendto,write,sendmsg,writev", "-o", str(trace), *command("send", trial.folder, "--yes")],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    if done.returncode != 0 and not trial.server.accepted:
        pytest.skip("strace may not trace here")
    events = re.findall(r"(f(?:data)?sync)\(|(Subject: Your token)", trace.read_text(errors="replace"))
    order = "".join("s" if sync else "C" for sync, _ in events)

    assert (0, 4) == (done.returncode, order.count("C")), order
    assert re.fullmatch(r"(?:s+C)+s+", order), order


# -- signals -------------------------------------------------------------------------------------------------------


def test_K05_two_sigterms_end_a_hanging_send(trial: Trial) -> None:
    """The server never answers: 143 within seconds, the one under way is in doubt, the lock is free."""
    trial.write(4)
    trial.server.replies["END"] = {2: Keep(Hang())}
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        trial.server.wait_for(lambda s: len(s.accepted) >= 2, 60)
        sender.terminate()
        time.sleep(0.3)
        with soon(25):  # the first alone would wait 30 s for the server
            sender.terminate()
            ran = ended(sender)
    trial.server.replies.clear()

    assert (143, 1, 1, 2) == (
        ran.code,
        *(ran.json["counts"][name] for name in ("sent", "in_doubt", "pending")),
    ), ran.err
    assert 3 == trial.send().code
    trial.nobody_twice()


def test_K04_one_sigint_loses_nothing(trial: Trial) -> None:
    """What is in flight is finished and nothing is in doubt; the text says what to type; again: the rest."""
    trial.write(40)
    trial.server.replies["END"] = lambda _: Delay(0.03)
    with running("send", trial.folder, "--yes", cwd=trial.folder) as sender:
        trial.server.wait_for(lambda s: len(s.accepted) >= 3, 60)
        sender.send_signal(signal.SIGINT)
        ran = ended(sender)
    assert (130, 0) == (ran.code, trial.counts()["in_doubt"]), ran.err
    assert "Traceback" not in ran.err
    assert "mailmerge send" in ran.err + ran.out
    trial.server.replies.clear()
    assert (0, once(*range(1, 41))) == (trial.send().code, trial.got())


def test_K06_a_terminal_that_is_closed_costs_nobody_a_mail(trial: Trial) -> None:
    """SIGHUP in the middle: it ends as with SIGTERM; the same command then sends the rest, nobody has two, nothing is in doubt."""
    trial.write(30)
    trial.server.replies["END"] = lambda _: Delay(0.03)
    with running("send", trial.folder, "--yes", cwd=trial.folder) as sender:
        trial.server.wait_for(lambda s: len(s.accepted) >= 3, 60)
        sender.send_signal(signal.SIGHUP)
        sender.wait(20)
    trial.server.replies.clear()
    ran = trial.send()

    assert ran.code == 0, ran.err
    assert set(trial.states().values()) == {"sent"}
    trial.nobody_twice()


def test_K07_a_process_that_was_stopped_makes_up_for_nothing(trial: Trial, witness: Witness) -> None:
    """SIGSTOP, a while, SIGCONT (a laptop that slept): the rate holds in every window, no burst; everybody once."""
    trial.write(16, sending='rate = "10/s"')
    with running("send", trial.folder, "--yes", cwd=trial.folder) as sender:
        trial.server.wait_for(lambda s: len(s.accepted) >= 4, 60)
        sender.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        sender.send_signal(signal.SIGCONT)
        ran = ended(sender)

    assert (0, once(*range(1, 17))) == (ran.code, trial.got()), ran.err
    # A MAIL that was stamped before the stop may be written after it: one a connection.
    assert trial.server.peak(witness.window) <= 10 + 1


def test_K07_a_connection_that_died_meanwhile_is_made_anew(trial: Trial) -> None:
    """The server gave up while the process was stopped between two mails: nobody is lost, nobody has two."""
    trial.write(6, sending='rate = "3/s"')
    with running("send", trial.folder, "--yes", cwd=trial.folder) as sender:
        trial.server.wait_for(lambda s: len(s.accepted) >= 2, 60)
        time.sleep(0.1)
        sender.send_signal(signal.SIGSTOP)
        hang_up(trial.server)
        sender.send_signal(signal.SIGCONT)
        ran = ended(sender)

    assert (0, once(*range(1, 7))) == (ran.code, trial.got()), ran.err


# -- the disk ------------------------------------------------------------------------------------------------------


def test_K08_no_room_for_the_ledger_no_mail(trial: Trial) -> None:
    """Nothing more can be written: 74 before the first mail, nobody is mailed; with room it goes on as if nothing had been."""
    trial.write(50)
    limited = [
        "/bin/sh",
        "-c",
        'ulimit -f 40; exec "$@"',
        "sh",
        *command("send", trial.folder, "--yes", "--json"),
    ]
    done = subprocess.run(limited, cwd=trial.folder, capture_output=True, check=False, timeout=60)

    assert 74 == done.returncode, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert [] == trial.server.accepted
    assert (0, once(*range(1, 51))) == ((ran := trial.send()).code, trial.got()), ran.err


@LINUX
def test_K09_no_room_for_the_answer_stops_at_once(trial: Trial) -> None:
    """The disk fills between the dot and its answer: 74, no further mail; that one is in doubt on resume, and nobody has two."""
    trial.write(8)
    senders: list[subprocess.Popen[bytes]] = []

    def fill(_: object) -> None:
        if len(trial.server.accepted) == 2:
            resource.prlimit(senders[0].pid, resource.RLIMIT_FSIZE, (0, 0))

    trial.server.replies["END"] = fill
    with running("send", trial.folder, "--yes", "--json", cwd=trial.folder) as sender:
        senders.append(sender)
        ran = ended(sender, 60)
    taken = len(trial.server.accepted)

    assert (74, 3) == (ran.code, taken), ran.err
    assert "Traceback" not in ran.err
    trial.server.replies.clear()
    last = trial.send()
    assert (3, 1, 7) == (last.code, last.json["counts"]["in_doubt"], last.json["counts"]["sent"]), last.err
    trial.nobody_twice()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", place], capture_output=True, check=False
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("needs root to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path, kilobytes: int) -> None:
    """Write so much of rubbish, or until the disk is full."""
    with contextlib.suppress(OSError), (place / "fill").open("wb", buffering=0) as file:
        for _ in range(kilobytes):
            file.write(b"x" * 1000)


@LINUX
@pytest.mark.parametrize("taken", [16_700, 16_000, 15_000])
def test_K08_K14_a_disk_that_fills_in_the_middle(trial: Trial, tiny: Path, taken: int) -> None:
    """A real full disk: stopped with 74 before the next mail; with room again everybody has his mail once, and ledger and log agree."""
    trial.write(300)
    fill(tiny, taken)
    words = ("--state-dir", tiny / "state", "--run", "r")
    codes = []
    for _ in range(2):
        ran = trial.send(*words)
        codes.append(ran.code)
        assert "Traceback" not in ran.err
        if ran.code != 74:
            break
        assert "full" in ran.err, ran.err
        (tiny / "fill").unlink(missing_ok=True)
    assert codes in ([74, 0], [74, 3]), (codes, ran.err)
    found = {
        line["key"]: line["state"] for line in log_lines(trial.folder, "--state-dir", str(tiny / "state"))
    }
    table = {
        line["key"]: line["state"]
        for line in csv.DictReader(Path(ran.json["results"]).read_text(encoding="utf-8-sig").splitlines())
    }
    assert found == table
    assert set(trial.got().values()) == {1}


def test_K10_a_ledger_taken_away_in_the_middle_stops_the_run(trial: Trial) -> None:
    """Deleted while it is sending: 74, no mail without a record after that, and the next call refuses to begin afresh."""
    trial.write(30)
    done: list[int] = []

    def take_away(_: object) -> None:
        if not done:
            done.append(1)
            shutil.rmtree(trial.folder / ".mailmerge")

    trial.server.replies["END"] = take_away
    ran = trial.send()

    assert 74 == ran.code, ran.err
    assert len(trial.server.accepted) <= 3
    before = trial.got()
    assert 74 == trial.send().code
    assert before == trial.got()


def test_K11_the_kind_of_disk_decides_the_journal(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network disk no WAL is used, whatever happens, and a whole run goes through."""
    from mailmerge_cli.ledger import schema

    monkeypatch.setattr(schema, "on_network", lambda folder: True)
    assert (0, once(1, 2, 3)) == ((ran := trial.send()).code, trial.got()), ran.err
    assert not list((trial.folder / ".mailmerge").glob("*-wal"))


@pytest.mark.parametrize("way", ["copy", "backup", "other-ledger"])
def test_K12_O02_a_second_ledger_for_one_list_is_refused(trial: Trial, tmp_path: Path, way: str) -> None:
    """A copied folder, a backup put back, a new ledger beside an old result log: 74 and how to say what is meant; nobody has two."""
    trial.write(4)
    assert 75 == trial.send("--limit", "1").code
    ledger = trial.folder / ".mailmerge/ledger.sqlite3"
    shutil.copy(ledger, tmp_path / "backup")
    if way == "copy":
        shutil.copytree(trial.folder, tmp_path / "copy")
    assert 75 == trial.send("--limit", "1").code
    if way == "backup":
        for file in ledger.parent.glob("ledger.sqlite3*"):
            file.unlink()
        shutil.copy(tmp_path / "backup", ledger)
    ran = {
        "copy": lambda: run_here("send", tmp_path / "copy", "--yes", "--json"),
        "backup": trial.send,
        "other-ledger": lambda: trial.send("--state-dir", tmp_path / "elsewhere"),
    }[way]()

    assert (74, once(1, 2)) == (ran.code, trial.got()), ran.err


def test_K13_a_bug_at_one_row_repeats_nobody(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the middle: 70, what was sent is in the ledger row by row; mended, only the rest goes."""
    from mailmerge_cli.render.template import Template

    trial.write(6)
    compose = Template.compose

    def broken(self: Template, letter: object, *rest: object, **more: object) -> object:
        if "p4@" in str(letter.envelope.recipients):  # type: ignore[attr-defined]
            raise MemoryError
        return compose(self, letter, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Template, "compose", broken)
        ran = trial.send()
    assert 70 == ran.code, ran.err
    assert once(1, 2, 3) == trial.got()
    assert ("sent", "sent", "sent") == tuple(trial.states()[key] for key in "123")
    assert (0, once(*range(1, 7))) == ((again := trial.send()).code, trial.got()), again.err


def test_K14_a_lost_result_log_is_made_again_from_the_ledger(trial: Trial) -> None:
    """The file is a picture of the ledger: gone, it comes again with the next call, the same."""
    ran = trial.send("--run", "r")
    results = Path(ran.json["results"])
    before = results.read_bytes()
    results.unlink()

    assert 0 == run_here("log", trial.folder, "--out", trial.folder / "again.csv").code
    assert before == (trial.folder / "again.csv").read_bytes()
    assert (0, 0) == ((again := trial.send("--run", "r")).code, again.json["sent_now"])
    assert before == results.read_bytes()


def test_K15_a_finished_run_is_finished(trial: Trial) -> None:
    """The same command again: nothing sent, and it says so; a new mail to all needs a word for it."""
    assert [0, 0] == [trial.send().code, (again := trial.send()).code]
    assert (once(1, 2, 3), "already sent") == (
        trial.got(),
        "already sent" if "already sent" in again.err else again.err,
    )


@pytest.mark.usefixtures("impatient")
def test_K16_a_doubt_is_never_retried_by_the_way(trial: Trial) -> None:
    """--retry-failed takes the failed alone; what is in doubt needs its own word, asks, and keeps its Message-ID."""
    trial.write(3, letter="")
    trial.server.replies |= {"END": {1: Keep(b"garbage\r\n")}, "RCPT TO:<p2@": {1: "550 5.1.1 no such user"}}
    assert 3 == (ran := trial.send("--max-wait", "10s")).code, ran.err
    before = trial.log()["1"]["message_id"]
    assert 3 == trial.send("--retry-failed").code
    assert (once(1, 2, 3), "in_doubt") == (trial.got(), trial.states()["1"])

    assert 2 == run_here("resolve", "--resend", "1", "-c", trial.folder).code
    assert 0 == run_here("resolve", "--resend", "1", "-c", trial.folder, "--yes").code
    assert 0 == trial.send().code
    assert (2, before) == (trial.got()["p1@example.org"], trial.mails()[-1]["Message-ID"])


@pytest.mark.parametrize("seed", range(3))
def test_K17_rows_in_are_rows_accounted_for(trial: Trial, seed: int) -> None:
    """A server that says anything: the counts are the list, and 0 means that everybody has it."""
    chance = random.Random(seed)
    odd = [
        None,
        None,
        None,
        "550 5.1.1 no",
        "450 4.2.0 later",
        "554 5.6.0 content",
        "451 4.3.0 later",
        b"garbage\r\n",
    ]
    trial.write([f"{n},P{n},{f'p{n}@example.org' if n % 9 else 'nobody'},tok{n}" for n in range(1, 41)])
    trial.server.replies["END"] = lambda _: chance.choice([None, None, "550 5.6.0 no", "451 4.3.0 later"])
    trial.server.replies["RCPT"] = lambda _: chance.choice(odd[:5])
    for _ in range(3):
        ran = trial.send_others("--max-wait", "1s", "--connections", "2")
        counts = ran.json["counts"]
        assert (40, 40) == (counts["rows"], sum(count for name, count in counts.items() if name != "rows"))
        assert counts["sent"] == len(trial.server.accepted)
        assert (ran.code == 0) == (counts["sent"] + counts["skipped"] == 40)
        assert 40 == len(trial.states())
    trial.nobody_twice()
