"""The crew's laws: what the engine promises with one process, it promises with several."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest

from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.worker import WorkerBug
from mailmerge_cli.errors import ConfigFault, CredentialsFault, LedgerFault, Refused, Unreachable
from mailmerge_cli.events import Trouble, Waiting
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.rate import Rate
from support.crews import CrewStage


def test_everybody_gets_one_mail_from_one_of_the_workers(tmp_path: Path) -> None:
    """Each row once, over processes that are not this one; all of them are gone at the end."""
    stage = CrewStage(tmp_path, 200, "slow", workers=2)
    ending = stage.run()

    assert stage.ledger.states() == {State.SENT: 200}
    assert stage.all_sent == list(range(1, 201))
    assert (ending.sent, ending.begun, ending.error) == (200, 200, None)
    assert len(stage.sent) == 2
    assert str(os.getpid()) not in stage.sent


def test_no_more_workers_than_lines_are_started(tmp_path: Path) -> None:
    """Two mails need two connections at most, so two processes at most."""
    stage = CrewStage(tmp_path, 2, workers=4)
    stage.run(lambda _, crew: None)

    assert stage.all_sent == [1, 2]
    assert len(stage.sent) <= 2


def test_what_is_handed_out_ahead_is_bounded(tmp_path: Path) -> None:
    """Memory does not grow with the list: a few parcels a line are drawn before the first of them is begun."""
    stage = CrewStage(tmp_path, 300, "slow", workers=2)
    stage.run()

    assert stage.ledger.most_ahead <= 6 * 4 + 4 + 1


def test_K08_no_content_leaves_a_worker_when_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    """The intent is not on disk, so nothing is sent; the ending carries the fault."""
    stage = CrewStage(tmp_path, 10)
    stage.ledger.fault = LedgerFault("disk full")
    ending = stage.run()

    assert stage.all_sent == []
    assert isinstance(ending.error, LedgerFault)


def test_a_ledger_that_fails_in_the_middle_stops_all_workers(tmp_path: Path) -> None:
    """What was begun before stays begun; not one content leaves after the fault."""
    stage = CrewStage(tmp_path, 1000, "slow")

    def fail(*_: object) -> None:
        stage.ledger.fault = LedgerFault("disk full")

    ending = stage.run(fail)
    begun = {record.begun.delivery for batch in stage.ledger.batches for record in batch if record.begun}

    assert isinstance(ending.error, LedgerFault)
    assert set(stage.all_sent) <= begun
    assert len(begun) < 1000


@pytest.mark.parametrize(
    ("script", "kind"),
    [("refused login", CredentialsFault), ("no transport", ConfigFault), ("unreachable", Unreachable)],
)
def test_errors_keep_their_kind_on_the_way(tmp_path: Path, script: str, kind: type[Exception]) -> None:
    """What a transport raises in a worker ends the run as it would in this process; nobody is touched."""
    rules = Rules(connections=2, max_wait=None) if script != "unreachable" else Rules(connections=2)
    stage = CrewStage(tmp_path, 10, script, rules=rules)
    if script == "unreachable":
        stage.run(lambda engine, _: engine.fail(Unreachable("long enough")), after=1.0)
        assert any(isinstance(event, Waiting) for event in stage.events)
    else:
        assert isinstance(stage.run().error, kind)
    assert stage.ledger.states() == {State.PENDING: 10}


def test_a_secret_is_asked_for_and_comes(tmp_path: Path) -> None:
    """The worker's transport gets the account's secret from the main process."""
    ending = CrewStage(tmp_path, 3, "refused login").run()

    assert "open sesame" in str(ending.error)


def test_a_bug_in_a_worker_is_not_swallowed(tmp_path: Path) -> None:
    """It is raised here with its traceback, and no row is lost."""
    stage = CrewStage(tmp_path, 20, "bug")
    with pytest.raises(WorkerBug, match="ZeroDivisionError"):
        stage.run()

    assert stage.ledger.states().get(State.PENDING, 0) + stage.ledger.states()[State.SENT] + 1 == 20


def test_a_mail_that_cannot_be_made_stops_the_run(tmp_path: Path) -> None:
    """Not what was checked: 65, changed; its row is pending."""
    stage = CrewStage(tmp_path, 400)
    stage.ledger.sender = "unlucky"
    ending = stage.run()

    assert isinstance(ending.error, Refused)
    assert ending.reason == "changed"
    assert stage.ledger.deliveries[13].state is State.PENDING
    assert 13 not in stage.all_sent
    assert State.SENDING not in stage.ledger.states()


def test_a_worker_that_dies_leaves_one_doubt_and_a_successor(tmp_path: Path) -> None:
    """Its own mail is in doubt, and is not sent again; all the others go."""
    stage = CrewStage(tmp_path, 60, "dies", rules=Rules(connections=2))
    ending = stage.run()

    assert stage.ledger.deliveries[7].state is State.IN_DOUBT
    assert stage.ledger.states() == {State.SENT: 59, State.IN_DOUBT: 1}
    assert stage.all_sent.count(7) == 1
    assert ending.error is None
    assert [event for event in stage.events if isinstance(event, Trouble)]


def test_all_workers_killed_at_once(tmp_path: Path) -> None:
    """No row is sent twice and none is lost: at most one a line is in doubt."""
    stage = CrewStage(tmp_path, 400, "slow")
    stage.run(lambda _, crew: [os.kill(pid, signal.SIGKILL) for pid in crew.pids])
    states = stage.ledger.states()

    assert states[State.SENT] + states.get(State.IN_DOUBT, 0) == 400
    assert states.get(State.IN_DOUBT, 0) <= 4
    assert len(stage.all_sent) == len(set(stage.all_sent))


def test_P09_trouble_holds_all_workers(tmp_path: Path) -> None:
    """After the server's trouble nobody takes a mail for a second; then all goes on."""
    stage = CrewStage(tmp_path, 300, "trouble")
    stage.run()
    times = sorted(at for notes in stage.sent.values() for _, at in notes)

    assert stage.ledger.states() == {State.SENT: 300}
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) > 0.9


def test_Q04_fewer_connections_over_workers(tmp_path: Path) -> None:
    """The line that is too many ends, nobody is lost."""
    stage = CrewStage(tmp_path, 100, "crowded")
    stage.run()

    assert stage.ledger.states() == {State.SENT: 100}
    assert any("going on with 3" in event.text for event in stage.events if isinstance(event, Trouble))


def test_P25_permits_are_asked_for_one_by_one(tmp_path: Path) -> None:
    """100/s over four lines in two workers: never more in a second."""
    stage = CrewStage(tmp_path, 250, rates=[Rate(100, 1)])
    stage.run()
    times = sorted(at for notes in stage.sent.values() for _, at in notes)

    assert stage.ledger.states() == {State.SENT: 250}
    assert max(sum(start <= at < start + 0.95 for at in times) for start in times) <= 100


def test_K04_the_first_signal_lets_what_is_in_flight_finish(tmp_path: Path) -> None:
    """Nothing is left in the middle."""
    stage = CrewStage(tmp_path, 5000, "slow")
    ending = stage.run(lambda engine, _: engine.interrupt())
    states = stage.ledger.states()

    assert ending.reason == "interrupted"
    assert set(states) == {State.SENT, State.PENDING}
    assert states[State.SENT] == len(stage.all_sent)


def test_limit_begins_no_more_than_that(tmp_path: Path) -> None:
    """--limit 30: thirty are sent, the rest is pending."""
    stage = CrewStage(tmp_path, 100, rules=Rules(connections=4, limit=30))
    ending = stage.run()

    assert stage.ledger.states() == {State.SENT: 30, State.PENDING: 70}
    assert ending.reason == "limit"


def test_traces_come_home(tmp_path: Path) -> None:
    """--debug shows what the transports in the workers say."""
    stage = CrewStage(tmp_path, 5, traced=True, rules=Rules(connections=1))
    stage.run()

    assert stage.traces == ["carrying in True"]
