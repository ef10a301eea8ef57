"""One process at a time works on a campaign."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailmerge_cli.errors import ExitCode, LedgerFault, Stopped
from mailmerge_cli.ledger.lock import CampaignLock, is_held

_HOLD = """
import sys, pathlib
from mailmerge_cli.ledger.lock import CampaignLock
home = pathlib.Path(sys.argv[1])
with CampaignLock(home / ".mailmerge" / "lock", home=home):
    print("held", flush=True)
    sys.stdin.readline()
"""

_LOOK = """
import sys, pathlib
from mailmerge_cli.ledger.lock import is_held
print("go", flush=True)
while True:
    is_held(pathlib.Path(sys.argv[1]))
"""


def holder(home: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.communicate("\n", timeout=10)


def test_O01_the_second_leaves_at_once_and_is_told_who_has_it(home: Path) -> None:
    """Stopped, `locked`, with the holder's pid and since when; the holder is not disturbed."""
    child = holder(home)
    try:
        with (
            pytest.raises(Stopped) as caught,
            CampaignLock(home / ".mailmerge" / "lock", home=home, patience=0),
        ):
            pass
        assert (caught.value.reason, caught.value.exit_code) == ("locked", ExitCode.STOPPED)
        assert f"process {child.pid}, since 20" in caught.value.message
        assert is_held(home / ".mailmerge" / "lock")
    finally:
        end(child)
    assert not is_held(home / ".mailmerge" / "lock")


def test_O03_a_killed_holder_leaves_no_lock(home: Path) -> None:
    """The file that a kill leaves behind means nothing, whatever pid stands in it."""
    child = holder(home)
    child.kill()
    child.communicate(timeout=60)
    path = home / ".mailmerge" / "lock"

    assert f'"pid": {child.pid}' in path.read_text()
    assert not is_held(path)
    with CampaignLock(path, home=home):
        assert is_held(path)


def test_looking_makes_nothing(home: Path) -> None:
    """status on a campaign that was never sent leaves no file."""
    assert not is_held(home / ".mailmerge" / "lock")
    assert list(home.iterdir()) == []


def test_the_lock_is_free_again_after_an_error(home: Path) -> None:
    """Whatever ends the work ends the lock."""
    path = home / ".mailmerge" / "lock"
    with pytest.raises(KeyError), CampaignLock(path, home=home):
        raise KeyError
    with CampaignLock(path, home=home):
        pass


def test_a_look_does_not_turn_a_sender_away(home: Path) -> None:
    """Read-only commands hold the lock for an instant; a sender waits that out."""
    path = home / ".mailmerge" / "lock"
    with CampaignLock(path, home=home):
        pass
    looker = subprocess.Popen([sys.executable, "-c", _LOOK, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert looker.stdout is not None
        assert looker.stdout.readline() == "go\n"
        for _ in range(50):
            with CampaignLock(path, home=home, patience=10):
                pass
    finally:
        looker.kill()
        looker.communicate(timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights on Windows")
def test_C15_the_lock_is_no_link(home: Path, tmp_path: Path) -> None:
    """A link in the lock's place is refused, and its target stays as it was."""
    target = tmp_path / "target"
    target.write_text("precious")
    (home / ".mailmerge").mkdir()
    (home / ".mailmerge" / "lock").symlink_to(target)

    with (
        pytest.raises(LedgerFault, match="symbolic link"),
        CampaignLock(home / ".mailmerge" / "lock", home=home),
    ):
        pass
    assert target.read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forked workers are POSIX")
def test_a_workers_life_keeps_the_lock(home: Path) -> None:
    """While a forked worker of a killed sender still lives, nobody else may work: it may still be sending."""
    script = _HOLD.replace(
        '    print("held"',
        '    import os\n    worker = os.fork()\n    if not worker: sys.stdin.readline(); sys.exit()\n    print(worker, flush=True)\n    print("held"',
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    worker = int(child.stdout.readline())
    child.stdout.readline()
    child.kill()
    child.wait(timeout=10)
    path = home / ".mailmerge" / "lock"

    assert is_held(path)
    os.kill(worker, signal.SIGKILL)
    child.communicate(timeout=60)
    with CampaignLock(path, home=home, patience=10):
        pass
