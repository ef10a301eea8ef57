"""kill -9 at random: the ledger opens, is whole, and holds every batch whose commit had returned (faults K01, K02, K03)."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Counts, State
from support.ledgers import NOON, draft_of, entry

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")

ROWS = 20_000
CONNECTIONS = 8

# Eight connections as one writer sees them: each batch settles what each has under way and begins its next mail, in one commit.
# Only what is on the disk is said: a line "begun …" or "settled …" goes out after write has returned.
_SENDER = """
import os, sys, pathlib, itertools, random
from datetime import UTC, datetime
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.records import Answer, Intent, Record
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.mail import Blame, Outcome, Verdict
home, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)
outcomes = [Outcome(Verdict.ACCEPTED, code=250)] * 8 + [Outcome(Verdict.DEFERRED, Blame.RECIPIENT, code=450),
    Outcome(Verdict.REFUSED, Blame.RECIPIENT, code=550)]

with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
    run = ledger.runs()[-1]
    os.write(1, b"recovered %d\\n" % ledger.recover())
    due = itertools.chain(ledger.deliveries(run, [State.PENDING]))
    under_way = {}
    while True:
        records, words = [], []
        for connection in range(8):
            settled = begun = None
            if connection in under_way:
                outcome = chance.choice(outcomes)
                settled = Answer(under_way.pop(connection), outcome, "hr")
                words.append(f"{outcome.verdict} {settled.delivery}")
            one = next(due, None)
            if one:
                begun = Intent(one.id, ledger.message_id(one, "example.org"), "hr")
                under_way[connection] = one.id
                words.append(f"begun {one.id}")
            if settled or begun:
                records.append(Record(begun, settled))
        if not records:
            os.write(1, b"end\\n")
            break
        ledger.write(records, datetime.now(UTC))
        os.write(1, ("".join(word + "\\n" for word in words)).encode())
"""
_AFTER = {"accepted": State.SENT, "deferred": State.DEFERRED, "refused": State.FAILED}


def whole(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


def test_K01_killed_at_random_twenty_times(tmp_path: Path) -> None:
    """Each row has its end exactly once or is in doubt, at most one a connection and kill; nothing that was committed is lost."""
    chance = random.Random(20261120)
    path = tmp_path / ".mailmerge" / "ledger.sqlite3"
    with (
        Ledger.open(path, home=tmp_path) as ledger,
        draft_of(*(entry(f"K{row:05}", row) for row in range(ROWS))) as draft,
    ):
        run = ledger.enter("run", NOON, "", draft, "")
    begun: set[int] = set()
    ended: dict[int, State] = {}
    kills = 0
    for seed in range(21):
        said = killed(tmp_path, seed, chance.uniform(0.0, 0.06) if seed < 20 else None)
        kills += said[-1:] != ["end"]
        for line in said:
            word, _, number = line.partition(" ")
            if word == "begun":
                assert int(number) not in begun, "a mail was begun twice"
                begun.add(int(number))
            elif word in _AFTER:
                assert int(number) not in ended
                ended[int(number)] = _AFTER[word]
        assert whole(path)

    with Ledger.open(path, home=tmp_path) as ledger:
        found = {one.id: one for one in ledger.deliveries(run)}
        for number, state in ended.items():
            assert found[number].state is state, "a committed outcome was lost"
        doubtful = {number for number, one in found.items() if one.state is State.IN_DOUBT}
        # What was begun and has no outcome that was told is in doubt, or its outcome was committed in the instant of the kill.
        assert begun - ended.keys() <= doubtful | {
            n for n, one in found.items() if one.state in _AFTER.values()
        }
        assert len(doubtful) <= kills * CONNECTIONS
        assert ledger.counts(run).rows == ROWS
        assert ledger.counts(run).pending == ledger.counts(run).sending == 0
    assert kills >= 15
    assert len(doubtful) > 0


def killed(home: Path, seed: int, seconds: float | None) -> list[str]:
    """What a sender said before it was killed so long after its first word; None: it may end."""
    child = subprocess.Popen([sys.executable, "-c", _SENDER, str(home), str(seed)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        first = child.stdout.readline()
        if seconds is not None:
            time.sleep(seconds)
            child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
    child.wait(timeout=60)
    lines = (first + rest).decode().split("\n")
    return lines[:-1]  # what follows the last line's end was cut by the kill


_PLANNER = """
import os, sys, pathlib
from datetime import UTC, datetime
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Entry
home = pathlib.Path(sys.argv[1])
draft = Draft()
draft.add([Entry(row, f"K{row}", f"k{row}@example.org", bytes(32)) for row in range(5000)])
print("go", flush=True)
with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
    ledger.enter("run", datetime.now(UTC), "", draft, "")
    print("entered", flush=True)
    sys.stdin.readline()
"""


def test_K02_killed_while_the_ledger_is_made_and_the_plan_entered(tmp_path: Path) -> None:
    """A plan stands whole in the ledger or not at all, and a half-made ledger is none."""
    chance = random.Random(7)
    seen = set()
    for number in range(16):
        home = tmp_path / str(number)
        home.mkdir()
        path = home / ".mailmerge" / "ledger.sqlite3"
        child = subprocess.Popen(
            [sys.executable, "-c", _PLANNER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.05) if number < 14 else chance.uniform(0, 0.008))
        child.kill()
        said = child.communicate(timeout=60)[0]
        looked = Ledger.read(path)
        if looked is not None:
            looked.close()
        with Ledger.open(path, home=home) as ledger, Draft() as draft:
            run = ledger.run("run")
            seen.add("none" if looked is None else "empty" if run is None else "whole")
            assert run is None or ledger.counts(run) == Counts(pending=5000)
            assert run is not None or b"entered" not in said
            draft.add([entry("A")])
            assert ledger.counts(ledger.enter("run", NOON, "", draft, "")) == Counts(pending=1)
        assert whole(path)
    assert "whole" in seen or "empty" in seen


_QUOTA = """
import os, sys, pathlib
from datetime import UTC, datetime
from mailmerge_cli.ledger.quota import QuotaBook
from mailmerge_cli.model.rate import Rate
with QuotaBook(pathlib.Path(sys.argv[1])) as quota:
    os.write(1, b"go\\n")
    while True:
        grant = quota.reserve("a@example.org", [Rate(100000, 86400)], 3, datetime.now(UTC))
        os.write(1, b"x" * grant.count)
"""


def test_K01_a_permit_that_was_granted_is_counted_after_a_kill(tmp_path: Path) -> None:
    """No kill makes an account forget what it may have sent."""
    from datetime import UTC, datetime

    from mailmerge_cli.ledger.quota import QuotaBook

    path, granted = tmp_path / "quota.sqlite3", 0
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", _QUOTA, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()
            time.sleep(0.05)
            child.kill()
            granted += len(child.stdout.read())
        child.wait(timeout=30)
        with QuotaBook(path) as quota:
            counted = sum(one.count for one in quota.taken("a@example.org", 86_400, datetime.now(UTC)))
        assert granted <= counted <= granted + 3 * 5
    assert granted > 0
    assert whole(path)
