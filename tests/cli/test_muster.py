"""Processes that help to check the list and then send: born once, never needed, and gone in the end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from mailmerge_cli import offspring
from mailmerge_cli.cli.muster import Muster
from support.arrivals import got, once
from support.processes import alive, wait_until_gone, workers_of
from support.program import people, run_here, write_list, write_toml
from support.scripted_smtp import ScriptedServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

MANY = 1200


@pytest.fixture
def births(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that are born from now on."""
    born: list[int] = []
    bear = offspring.bear

    def counted(*parts: object) -> object:
        child = bear(*parts)  # type: ignore[arg-type]
        born.append(child.pid or 0)
        return child

    monkeypatch.setattr(offspring, "bear", counted)
    return born


@pytest.fixture
def many(here: Path, server: ScriptedServer) -> Path:
    write_list(here, people(MANY))
    write_toml(here, f"smtp+insecure://127.0.0.1:{server.port}", sending='workers = "2"\nconnections = 4')
    return here


@pytest.mark.usefixtures("many")
def test_who_helped_to_check_sends(births: list[int], server: ScriptedServer) -> None:
    """Two workers are two processes, whatever they did before; everybody has one mail, and nobody is left."""
    ran = run_here("send", "--yes")

    assert (0, once(*range(1, MANY + 1))) == (ran.code, got(server)), ran.err
    assert 2 == len(births)
    wait_until_gone(births, 60)


@pytest.mark.usefixtures("many")
def test_one_that_is_killed_while_it_helps_is_replaced(
    births: list[int], server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check goes on without it, and another is born to send: everybody once."""
    worker = Muster.worker

    def after_a_death(self: Muster) -> object:
        if alive(births[0]):
            os.kill(births[0], signal.SIGKILL)
            wait_until_gone(births[:1], 60)
        return worker(self)

    monkeypatch.setattr(Muster, "worker", after_a_death)
    ran = run_here("send", "--yes")

    assert (0, once(*range(1, MANY + 1))) == (ran.code, got(server)), ran.err
    assert 3 == len(births)


def test_a_list_that_is_refused_leaves_nobody(many: Path, births: list[int], server: ScriptedServer) -> None:
    """A bad address behind everybody else: 65, nobody mailed, and the helpers are gone when the call is."""
    write_list(many, [*people(MANY), f"{MANY + 1},Last,nowhere,1"])
    ran = run_here("send", "--yes")

    assert (65, []) == (ran.code, server.accepted), ran.err
    assert 2 == len(births)
    assert not any(map(alive, births))


@pytest.mark.usefixtures("many")
def test_a_few_mails_call_nobody(births: list[int]) -> None:
    """One mail of a long list is sent by this process, which needs nobody to check it either while the list is short."""
    ran = run_here("send", "--yes", "--limit", "1")

    assert 75 == ran.code, ran.err
    assert [] == births


def test_each_is_a_hand_once_and_then_a_worker() -> None:
    """Those at hand come first, the dead are passed over, a further one is born; who is too many ends at once."""
    with Muster(3, -1) as muster:
        assert muster.hand is not None
        first, second, _ = (muster.hand().process for _ in range(3))
        with pytest.raises(OSError, match="help already"):
            muster.hand()
        muster.keep(2)
        first.kill()
        first.join()
        taken, born = muster.worker(), muster.worker()
        assert second.pid == taken.process.pid
        assert born.process.pid not in (None, second.pid)
        for one in (taken, born):
            one.sock.close()  # by this a worker knows that its main process is gone
            one.process.join(60)
            assert 0 == one.process.exitcode
    assert [] == workers_of(os.getpid())


def test_nobody_is_at_hand_where_no_process_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of processes: no hands, and no fault before somebody really needs a worker."""

    def refused(*_: object) -> object:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(offspring, "bear", refused)
    with Muster(2, -1) as muster:
        assert muster.hand is None
        with pytest.raises(OSError, match="temporarily"):
            muster.worker()
