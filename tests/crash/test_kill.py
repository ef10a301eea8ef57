"""Kill -9 at any moment: nobody twice, nobody forgotten, and what cannot be known is in doubt."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from support.program import command, people, run_here, states, write_campaign
from support.scripted_smtp import Delay, ScriptedServer

TOML = 'account = "smtp+insecure://127.0.0.1:{port}"\n[recipients]\nfile = "people.csv"\nkey = "id"\n[message]\nfile = "letter.txt"\n[sending]\nconnections = {connections}\nworkers = {workers}\n'


def keys_of(server: ScriptedServer) -> Counter[str]:
    """How many mails the server took responsibility for, by key."""
    return Counter(mail.recipients[0].split("@")[0].removeprefix("p") for mail in server.accepted)


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("send", folder, "--yes", "--plain"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
@pytest.mark.parametrize(("connections", "workers"), [(1, 1), (4, 1), (6, 3)])
def test_K01_two_thousand_rows_survive_ten_kills(tmp_path: Path, connections: int, workers: int) -> None:
    """Every row exactly once or in doubt; at most one in doubt for each connection and kill."""
    rng, kills, count = random.Random(connections), 0, 2000
    with ScriptedServer({"END": lambda _: Delay(0.002)}) as server:
        toml = TOML.format(port=server.port, connections=connections, workers=workers)
        folder = write_campaign(tmp_path / "c", people(count), toml=toml)
        while kills < 10:
            before = len(server.accepted)
            sender = start(folder)
            wanted = before + rng.randrange(5, count // 14)
            while sender.poll() is None and len(server.accepted) < wanted:
                time.sleep(0.002)
            if sender.poll() is not None:
                break
            sender.kill()
            sender.wait()
            kills += 1
        last = run_here("send", folder, "--yes")
        got = keys_of(server)
    found = states(folder)

    doubtful = {key for key, state in found.items() if state == "in_doubt"}
    assert kills == 10
    assert count == len(found)
    assert all(number == 1 for number in got.values()), [key for key, number in got.items() if number > 1]
    assert {key for key, state in found.items() if state == "sent"} <= set(got)
    assert set(got) | doubtful == set(found)
    assert len(doubtful) <= kills * connections
    assert last.code == (3 if doubtful else 0)
