"""The main process's side of a worker, which the test plays: whatever it does or leaves undone, each row comes out right."""

from __future__ import annotations

import asyncio

import pytest

from mailmerge_cli.engine import post as posts
from mailmerge_cli.engine.frames import Say, flat
from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.worker import WorkerBug
from mailmerge_cli.errors import CredentialsFault, LedgerFault, Stopped, Unreachable
from mailmerge_cli.events import Trouble
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict
from mailmerge_cli.model.rate import Rate
from mailmerge_cli.secret import Secret
from support.played_workers import OpenPurse, Played, PlayedStage

ACCEPTED = flat(Outcome(Verdict.ACCEPTED, code=250))
RELEASED = flat(Outcome(Verdict.RELEASED))
REFUSED = flat(Outcome(Verdict.REFUSED, Blame.RECIPIENT, code=550, enhanced="5.1.1"))
TROUBLE = flat(Outcome(Verdict.DEFERRED, Blame.TRANSPORT, code=451))
CROWDED = flat(Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.FEWER_CONNECTIONS, code=421))
MANY = Rules(connections=8)


async def carries(worker: Played, line: int, *deliveries: int) -> None:
    """As a transport does that has no trouble."""
    ticket = 1000 * (line + 1)
    for delivery in deliveries:
        worker.says(Say.COMMIT, ticket + delivery, line, 0, None, delivery)
        await worker.hears(Say.WRITTEN)
        worker.says(Say.COMMIT, 0, line, delivery, ACCEPTED, 0)
    worker.says(Say.ENDED, line, None)


# -- births and deaths -----------------------------------------------------------------------------------------------


def test_workers_that_cannot_be_started_end_the_run_and_touch_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's reason is told, and that it goes without workers; everybody is pending."""
    stage = PlayedStage(monkeypatch, 5, births=0)
    ending = stage.run()

    assert isinstance(ending.error, Stopped)
    assert "could not be started: Cannot allocate memory" in ending.error.message
    assert "--workers 1" in ending.error.hint
    assert {State.PENDING: 5} == stage.ledger.states()


def test_a_worker_that_cannot_be_replaced_ends_the_run_with_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It died, and there is no memory for another: no bug, no traceback; its row is in doubt, the rest is pending."""
    stage = PlayedStage(monkeypatch, 5, births=1)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        await worker.hears(Say.WRITTEN)
        worker.hangs_up()

    ending = stage.run(play)

    assert isinstance(ending.error, Stopped)
    assert "--workers 1" in ending.error.hint
    assert {State.IN_DOUBT: 1, State.PENDING: 4} == stage.ledger.states()


def test_what_a_dying_worker_was_not_told_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asked whether it may send and was gone before the answer: nothing left, so the next worker sends it."""
    stage = PlayedStage(monkeypatch, 8, rules=MANY)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        worker.hangs_up()
        successor = await stage.worker()
        await successor.hears(Say.WORK)
        for line in range(8):
            await successor.hears(Say.OPEN)
            await carries(successor, line, line + 1)

    ending = stage.run(play)

    assert (8, None) == (ending.sent, ending.error)
    assert {State.SENT: 8} == stage.ledger.states()


def test_a_worker_that_dies_while_nobody_needs_it_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run holds off, the idle worker ends: the next one is started when there is something to do again."""
    stage = PlayedStage(monkeypatch, 1)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.ENDED, 0, Unreachable("nobody there"))
        await worker.hears(Say.RECALL)
        worker.hangs_up()
        successor = await stage.worker()
        await successor.hears(Say.WORK)
        await carries(successor, 0, 1)

    ending = stage.run(play)

    assert {State.SENT: 1} == stage.ledger.states()
    assert ending.error is None
    assert ["nobody there"] == [event.text for event in stage.events if isinstance(event, Trouble)]


def test_a_worker_that_will_not_end_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program does not hang at its end."""
    monkeypatch.setattr(posts, "_PATIENCE", 0.02)
    stage = PlayedStage(monkeypatch, 1, stubborn=True)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        await carries(worker, 0, 1)

    stage.run(play)

    assert [True] == [process.killed for process in stage.processes]
    assert {State.SENT: 1} == stage.ledger.states()


@pytest.mark.parametrize("lines", [1, 2])
def test_a_worker_that_does_not_leave_when_told_is_ended_by_force(
    monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    """The second signal, and a worker that hangs with all its lines: its row is in doubt, the others are pending, nobody waits for it."""
    monkeypatch.setattr(posts, "_PATIENCE", 0.02)
    stage = PlayedStage(monkeypatch, 3, rules=Rules(connections=lines))

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        await worker.hears(Say.WRITTEN)
        stage.engine.interrupt()
        stage.engine.abort()
        for _ in range(lines):
            await worker.hears(Say.CANCEL)

    ending = stage.run(play)

    assert "interrupted" == ending.reason
    assert [True] == [process.killed for process in stage.processes]
    assert {State.IN_DOUBT: 1, State.PENDING: 2} == stage.ledger.states()


def test_nobody_to_send_to_starts_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list costs nothing."""
    stage = PlayedStage(monkeypatch, 0, births=0)

    assert stage.run().error is None
    assert [] == stage.processes


# -- what is written -------------------------------------------------------------------------------------------------


def test_K08_an_intent_behind_a_refusal_that_cannot_be_written_is_not_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker hears of the fault and sends nothing; what it hands back then is no trouble, and the ending carries the fault."""
    stage = PlayedStage(monkeypatch, 3)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        await worker.hears(Say.WRITTEN)
        stage.ledger.fault = LedgerFault("disk full")
        worker.says(Say.COMMIT, 2, 0, 1, REFUSED, 2)
        ticket, error = await worker.hears(Say.FAULT)
        assert (2, LedgerFault) == (ticket, type(error))
        worker.says_together((Say.COMMIT, 0, 0, 2, RELEASED, 0), (Say.ENDED, 0, error))

    ending = stage.run(play)

    assert isinstance(ending.error, LedgerFault)
    assert {State.SENDING: 1, State.PENDING: 2} == stage.ledger.states()


def test_the_last_outcome_of_a_worker_that_is_gone_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """It said so and was ended by force before the ledger had it: sent is sent, and nobody is told who cannot hear it."""
    monkeypatch.setattr(posts, "_PATIENCE", 0.0)
    stage = PlayedStage(monkeypatch, 8, rules=MANY)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        await worker.hears(Say.WRITTEN)
        worker.says(Say.COMMIT, 2, 0, 1, ACCEPTED, 0)
        worker.hangs_up()
        stage.engine.interrupt()

    ending = stage.run(play)

    assert (1, "interrupted") == (ending.sent, ending.reason)
    assert {State.SENT: 1, State.PENDING: 7} == stage.ledger.states()


# -- stock -----------------------------------------------------------------------------------------------------------


def test_what_a_worker_did_not_take_is_recalled_and_goes_with_the_next_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that ends early: its stock goes back to the list, and the worker is told to forget it."""
    stage = PlayedStage(monkeypatch, 4)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        assert [1, 2, 3, 4] == [mail.delivery for mail in (await worker.hears(Say.WORK))[0]]
        await carries(worker, 0, 1)
        await worker.hears(Say.RECALL)
        assert [2, 3, 4] == [mail.delivery for mail in (await worker.hears(Say.WORK))[0]]
        await carries(worker, 0, 2, 3, 4)

    stage.run(play)

    assert {State.SENT: 4} == stage.ledger.states()
    assert [1] * 4 == [one.attempts for one in stage.ledger.deliveries.values()]


def test_the_line_that_is_too_many_is_closed_once_and_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server wants fewer connections: the worker is told which one ends; the other line carries the rest."""
    stage = PlayedStage(monkeypatch, 6, rules=Rules(connections=2))

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.OPEN)
        await worker.hears(Say.OPEN)
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        await worker.hears(Say.WRITTEN)
        worker.says(Say.COMMIT, 0, 0, 1, CROWDED, 0)
        assert (1,) == await worker.hears(Say.CLOSE)
        worker.says(Say.ENDED, 1, None)
        await carries(worker, 0, 2, 3, 4, 5, 6)
        await worker.hears(Say.RECALL)
        await worker.hears(Say.OPEN)
        await carries(worker, 0, 1)
        assert Say.CLOSE not in [word[0] for word in worker.heard]

    stage.run(play)

    assert {State.SENT: 6} == stage.ledger.states()


# -- secrets, permits, traces ----------------------------------------------------------------------------------------


class Purse(OpenPurse):
    """Its password cannot be had; its tokens are counted."""

    async def password(self) -> Secret:
        raise CredentialsFault("The keychain is locked.")


def test_a_secret_that_cannot_be_had_is_told_in_the_worker_with_its_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The line that asked hears the main process's own error, and ends the run with it."""
    stage = PlayedStage(monkeypatch, 2, credentials=Purse())

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.OPEN)
        worker.says(Say.ASK, 7, "password", False)
        ticket, error = await worker.hears(Say.FAULT)
        assert 7 == ticket
        worker.says(Say.ENDED, 0, error)

    ending = stage.run(play)

    assert isinstance(ending.error, CredentialsFault)
    assert "The keychain is locked." == ending.error.message
    assert {State.PENDING: 2} == stage.ledger.states()


@pytest.mark.parametrize(("refresh", "token"), [(False, "token"), (True, "fresh")])
def test_a_token_is_had_anew_when_the_worker_says_so(
    monkeypatch: pytest.MonkeyPatch, refresh: bool, token: str
) -> None:
    """A token that the server found stale is not given a second time."""
    stage = PlayedStage(monkeypatch, 1)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.ASK, 7, "token", refresh)
        assert (7, token, None) == await worker.hears(Say.SECRET)
        await carries(worker, 0, 1)

    stage.run(play)


class NeverAnswers(OpenPurse):
    """A keychain whose question nobody answers."""

    def __init__(self) -> None:
        self.cancelled = False

    async def password(self) -> Secret:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError


def test_a_question_for_a_secret_does_not_outlive_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second signal ends a run that waits for a password, and nothing is left waiting."""
    purse = NeverAnswers()
    stage = PlayedStage(monkeypatch, 2, credentials=purse)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.OPEN)
        worker.says(Say.ASK, 7, "password", False)
        worker.says(Say.TRACE, "nobody asked for it")
        stage.engine.interrupt()
        stage.engine.abort()
        await worker.hears(Say.CANCEL)
        worker.says(Say.ENDED, 0, None)

    ending = stage.run(play)

    assert "interrupted" == ending.reason
    assert purse.cancelled
    assert {State.PENDING: 2} == stage.ledger.states()


def test_a_line_that_is_closed_while_it_waits_gets_no_permit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives its mail back, and the other line sends it."""
    stage = PlayedStage(monkeypatch, 3, rules=Rules(connections=2), rates=[Rate(1000, 1)])

    async def permitted(worker: Played, line: int) -> bool:
        worker.says(Say.PERMIT, line)
        number, granted = await worker.hears(Say.PERMITTED)
        assert line == number
        return bool(granted)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.OPEN)
        await worker.hears(Say.OPEN)
        await worker.hears(Say.WORK)
        assert await permitted(worker, 0)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        await worker.hears(Say.WRITTEN)
        worker.says(Say.COMMIT, 0, 0, 1, CROWDED, 0)
        await worker.hears(Say.CLOSE)
        assert not await permitted(worker, 1)
        worker.says(Say.COMMIT, 0, 1, 2, RELEASED, 0)
        worker.says(Say.ENDED, 1, None)
        for delivery in (3, 2):
            assert await permitted(worker, 0)
            worker.says(Say.COMMIT, delivery, 0, 0, None, delivery)
            await worker.hears(Say.WRITTEN)
            worker.says(Say.COMMIT, 0, 0, delivery, ACCEPTED, 0)
        worker.says(Say.ENDED, 0, None)
        await worker.hears(Say.OPEN)
        await carries(worker, 0, 1)

    stage.run(play)

    assert {State.SENT: 3} == stage.ledger.states()
    assert [2, 1, 1] == [one.attempts for one in stage.ledger.deliveries.values()]


class FullBook:
    """The account's quota, on a disk that fills up."""

    def __init__(self, permits: int) -> None:
        self._permits = permits

    def permit(self, now: object) -> None:
        self._permits -= 1
        if self._permits < 0:
            raise LedgerFault("The quota cannot be written: disk full.")


def test_a_quota_that_cannot_be_written_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that waits for its permit gets none, and the ending carries the fault: nobody waits for ever."""
    stage = PlayedStage(monkeypatch, 3, quota=FullBook(0))

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.PERMIT, 0)
        assert (0, False) == await worker.hears(Say.PERMITTED, 5)
        worker.says(Say.COMMIT, 0, 0, 1, RELEASED, 0)
        worker.says(Say.ENDED, 0, None)

    assert isinstance(stage.run(play).error, LedgerFault)
    assert {State.PENDING: 3} == stage.ledger.states()


# -- bugs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["at once", "later"])
def test_a_bug_that_no_line_is_to_blame_for_is_told_as_a_bug(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It is raised here with its traceback; that its line ends as well, in the same frame or in another, changes nothing."""
    stage = PlayedStage(monkeypatch, 3)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        bug = (Say.STOP, WorkerBug("Traceback: ZeroDivisionError"))
        if moment == "at once":
            worker.says_together(bug, (Say.ENDED, 0, None))
        else:
            worker.says(*bug)
            await worker.hears(Say.RECALL)
            worker.says(Say.ENDED, 0, None)

    with pytest.raises(WorkerBug, match="ZeroDivisionError"):
        stage.run(play)

    assert {State.PENDING: 3} == stage.ledger.states()


def test_a_bug_while_the_run_holds_off_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who would have woken the workers after the hold is not left waiting."""
    stage = PlayedStage(monkeypatch, 3)

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 1, 0, 0, None, 1)
        await worker.hears(Say.WRITTEN)
        worker.says_together(
            (Say.COMMIT, 0, 0, 1, TROUBLE, 0), (Say.ENDED, 0, WorkerBug("Traceback: ZeroDivisionError"))
        )

    with pytest.raises(WorkerBug):
        stage.run(play)
