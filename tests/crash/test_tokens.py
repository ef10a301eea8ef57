"""Nobody gets another person's mail, whatever happens on the way: over every transport, with workers, retries, kills and groups."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

import pytest

from faults.trial import Trial
from mailmerge_cli.mailbox import Mailbox
from support.processes import wait_until_gone, workers_of
from support.program import command, run_here, states
from support.scripted_smtp import Close, Command, Delay, Keep, Reset, ScriptedServer
from support.tokens import assert_all_their_own, write_tokens

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
    pytest.mark.usefixtures("impatient"),
]
COUNT = 48
SLOW = pytest.mark.slow


class Moody:
    """What a server of bad temper does: later, never, a broken connection before, in and behind the content."""

    def __init__(self, seed: int, *, doubts: bool = True) -> None:
        self._chance = random.Random(seed)
        self._seen: set[int] = set()
        self._whose: dict[int, int] = {}  # connection → person
        self._lock = Lock()
        self._doubts = doubts

    def rules(self) -> dict[str, Callable[[Command], object]]:
        return {"MAIL": self.mail, "RCPT": self.rcpt, "CONTENT": self.content, "END": self.end}

    def mail(self, _: Command) -> object:
        return self._one_of(30, [Close("421 4.3.2 bye"), Reset(), "451 4.3.0 later"])

    def rcpt(self, command: Command) -> object:
        number = int(command.line.split("<p")[1].partition("@")[0])
        self._whose[command.connection] = number
        return "550 5.1.1 no such user" if number % 10 == 7 else self._one_of(40, [Reset()])

    def content(self, _: Command) -> object:
        return self._one_of(40, [Reset(), Close()])

    def end(self, command: Command) -> object:
        number = self._whose[command.connection]
        with self._lock:
            first = number not in self._seen
            self._seen.add(number)
        if first and number % 3 == 0:
            return "451 4.2.1 his mailbox is busy"
        choice = ["451 4.3.0 later", "554 5.6.0 content"]
        return self._one_of(12, choice + [Keep(Reset()), Keep(Close()), Reset()] * self._doubts)

    def _one_of(self, rarely: int, rules: list[object]) -> object:
        with self._lock:
            return self._chance.choice(rules) if self._chance.randrange(rarely) == 0 else None


def taken(server: ScriptedServer) -> Iterator[tuple[str, bytes]]:
    """To whom, and what."""
    for mail in list(server.accepted):
        (address,) = mail.recipients
        yield address, mail.content


@pytest.mark.parametrize("grouped", [False, pytest.param(True, marks=SLOW)])
@pytest.mark.parametrize(
    ("pipelining", "workers"),
    [
        ("envelope", 1),
        ("next", 3),
        *(
            pytest.param(how, number, marks=SLOW)
            for how, number in [
                ("envelope", 3),
                ("next", 1),
                ("auto", 1),
                ("auto", 3),
                ("off", 1),
                ("off", 3),
            ]
        ),
    ],
)
def test_T12_over_smtp_with_a_server_of_bad_temper(
    tmp_path: Path, server: ScriptedServer, pipelining: str, workers: int, grouped: bool
) -> None:
    """Deferrals, refusals, resets before, in and behind the content, resumes: each mail is its own person's, nobody has two."""
    trial = Trial(tmp_path / "c", server)
    sending = f'retry_after = "1s"\nconnections = 3\nworkers = {workers}'
    write_tokens(trial.folder, COUNT, trial.url, grouped=grouped, sending=sending)
    trial.account(pipelining=pipelining, timeout=5)
    server.replies |= Moody(workers).rules()
    for words in (["--limit", "15"], [], []):
        ran = trial.send("--max-wait", "3s", *words)
        assert ran.code in (0, 1, 3, 75), ran.err
    server.replies.clear()
    ran = trial.send("--max-wait", "5s")
    found = trial.states()

    assert {f"p{n}@example.org" for n in range(1, COUNT + 1)} >= set(
        assert_all_their_own(taken(server), grouped=grouped)
    )
    assert {str(n) for n in range(1, COUNT + 1)} == set(found)
    assert {"sent", "failed", "deferred", "in_doubt"} >= set(found.values()), ran.err
    assert sum(state == "sent" for state in found.values()) >= COUNT // 3
    assert "sent" in {found[str(n)] for n in range(3, COUNT + 1, 3)}, "nobody came through who was deferred"
    assert [] == server.violations
    trial.nobody_twice()


def send_and_kill(folder: Path, chance: random.Random, count: int, sent: Callable[[], int]) -> None:
    """Kill -9 of the sender, or of one of its workers, as many times; each after some more mails."""
    for _ in range(count):
        before = sent()
        sender = subprocess.Popen(
            command("send", folder, "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wanted = before + chance.randrange(2, 12)
        while sender.poll() is None and sent() < wanted:
            time.sleep(0.002)
        workers = workers_of(sender.pid)
        if workers and chance.random() < 0.6:
            os.kill(chance.choice(workers), signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.3))
        workers = workers_of(sender.pid)
        sender.kill()
        sender.wait()
        wait_until_gone(workers, 60)  # as long as one lives the campaign is locked


@pytest.mark.parametrize(
    ("grouped", "workers"), [(True, 3), pytest.param(False, 3, marks=SLOW), pytest.param(True, 1, marks=SLOW)]
)
def test_T12_K01_over_kills_of_sender_and_workers(
    tmp_path: Path, server: ScriptedServer, grouped: bool, workers: int
) -> None:
    """The next sender, and the worker that takes a dead one's place, read their rows anew: still everybody his own, once or in doubt."""
    trial = Trial(tmp_path / "c", server)
    sending = f"connections = 3\nworkers = {workers}"
    write_tokens(trial.folder, COUNT, trial.url, grouped=grouped, sending=sending)
    server.replies["END"] = lambda _: Delay(0.02)
    send_and_kill(trial.folder, random.Random(workers), 3, lambda: len(server.accepted))
    server.replies.clear()
    last = trial.send()
    found = trial.states()

    assert_all_their_own(taken(server), grouped=grouped)
    assert COUNT == len(found)
    assert {"sent", "in_doubt"} >= set(found.values()), last.err
    assert sum(state == "in_doubt" for state in found.values()) <= 3 * 3
    assert (3 if "in_doubt" in found.values() else 0) == last.code
    trial.nobody_twice()


@pytest.mark.parametrize("grouped", [False, True])
def test_T12_K01_in_the_outbox(tmp_path: Path, grouped: bool) -> None:
    """Files instead of mails, killed on the way: one file a person, each with his own token; a kill between leaves no half one."""
    folder = write_tokens(tmp_path / "c", COUNT, "outbox:out", grouped=grouped, sending="workers = 3")
    outbox = folder / "out"

    def written() -> list[Path]:
        return sorted(outbox.glob("*.eml"))

    send_and_kill(folder, random.Random(7), 3, lambda: len(written()))
    last = run_here("send", folder, "--yes")
    found = states(folder)

    assert last.code in (0, 3), last.err
    mails = [(_recipient(file.read_bytes()), file.read_bytes()) for file in written()]
    got = assert_all_their_own(mails, grouped=grouped)
    assert {f"p{key}@example.org" for key, state in found.items() if state == "sent"} <= set(got)
    assert {"sent", "in_doubt"} >= set(found.values())


@pytest.mark.parametrize("workers", [1, pytest.param(3, marks=SLOW)])
def test_T12_into_the_mailbox(tmp_path: Path, workers: int) -> None:
    """The program's own mailbox, which keeps what it took as files: the same."""
    with Mailbox(tmp_path / "mailbox") as mailbox:
        folder = write_tokens(
            tmp_path / "c", COUNT, mailbox.url, grouped=True, sending=f"connections = 3\nworkers = {workers}"
        )
        send_and_kill(folder, random.Random(workers), 2, lambda: len(mailbox.letters()))
        last = run_here("send", folder, "--yes")
        kept = [(letter.recipients[0], letter.path.read_bytes()) for letter in mailbox.letters()]
    found = states(folder)

    assert last.code in (0, 3), last.err
    got = assert_all_their_own(kept, grouped=True)
    assert {f"p{key}@example.org" for key, state in found.items() if state == "sent"} <= set(got)
    assert {"sent", "in_doubt"} >= set(found.values())


def _recipient(content: bytes) -> str:
    """The address that the mail's own To names."""
    line = next(line for line in content.splitlines() if line.startswith(b"To: "))
    return line.decode().rpartition("<")[2].rstrip(">").removeprefix("To: ")
