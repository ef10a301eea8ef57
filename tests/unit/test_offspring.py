"""Processes that this one starts: they run what they are told and nothing else, and mind nobody else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailmerge_cli import offspring
from support.births import tell_signals

SCRIPT = """\
import multiprocessing, os, sys
from mailmerge_cli import offspring
from support.births import tell_signals
print("begun")
ours, theirs = multiprocessing.Pipe()
child = offspring.bear(tell_signals, theirs)
theirs.close()
print(ours.recv()[0])
child.join()
"""


def test_the_script_that_began_it_all_is_not_run_again(tmp_path: Path) -> None:
    """One without a guard, too: a second run of it could be a second send."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    path = os.pathsep.join(sys.path)
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("begun\n__main__ is empty\n", "") == (ran.stdout, ran.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_a_child_is_deaf_and_this_process_is_not() -> None:
    """SIGINT, SIGTERM and SIGHUP are ignored there, and not held back in either."""
    before = sys.modules["__main__"]
    ours, theirs = multiprocessing.Pipe()
    child = offspring.bear(tell_signals, theirs)
    theirs.close()
    with ours:
        _, ignored, held_back = ours.recv()
    child.join()
    child.close()

    assert (True, []) == (ignored, held_back)
    mine = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert set() == signal.pthread_sigmask(signal.SIG_BLOCK, ()) & mine
    assert sys.modules["__main__"] is before


def test_there_is_at_least_one_core() -> None:
    """As many as this process may use."""
    assert 1 <= offspring.cores() <= (os.cpu_count() or 1)


def test_a_child_that_cannot_be_born_leaves_this_process_as_it_was() -> None:
    """Its `__main__` is there again, and signals come through."""
    before = sys.modules["__main__"]
    with pytest.raises(Exception, match="pickle"):
        offspring.bear(tell_signals, lambda: None)

    assert sys.modules["__main__"] is before
    if sys.platform != "win32":
        mine = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert set() == signal.pthread_sigmask(signal.SIG_BLOCK, ()) & mine


@pytest.mark.parametrize(("told", "cores"), [(8, 8), (None, 1)])
def test_where_nobody_says_which_cores_are_ours_all_of_them_are(
    monkeypatch: pytest.MonkeyPatch, told: int | None, cores: int
) -> None:
    """macOS and Windows; and where nobody knows their number, there is one."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: told)

    assert cores == offspring.cores()
