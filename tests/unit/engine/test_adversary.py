"""What an adversary would try on the engine: words of the dead, a content too many, a row that is not what it was."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from mailmerge_cli.engine.frames import Flow, Say, flat
from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.run import Ending
from mailmerge_cli.errors import Stopped
from mailmerge_cli.ledger.records import Record
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict
from support.engine_parts import Stage, accept
from support.played_workers import Play, Played, PlayedStage

ACCEPTED = flat(Outcome(Verdict.ACCEPTED, code=250))
QUOTA = Outcome(Verdict.DEFERRED, Blame.TRANSPORT, Advice.QUOTA, code=452, text="daily quota")
REJECTED = Outcome(Verdict.REFUSED, Blame.RECIPIENT, code=550, enhanced="5.1.1")


async def with_a_content_allowed(stage: PlayedStage) -> Played:
    """A worker whose first line may send delivery 1: its ticket 1 is written."""
    worker = await stage.worker()
    await worker.hears(Say.WORK)
    await settled(worker, 1, 0, None, 1)
    return worker


async def settled(worker: Played, ticket: int, done: int, outcome: object, begun: int = 0) -> None:
    """On its first line: what became of a delivery, and which one follows; that is written, and nothing else of it."""
    worker.says(Say.COMMIT, ticket, 0, done, outcome, begun)
    assert ([ticket],) == await worker.hears(Say.WRITTEN)


def stopped_by_the_quota(stage: PlayedStage, play: Play) -> None:
    """One content was begun, nobody has a mail, and all are still to be sent."""
    ending = stage.run(play)
    assert ("quota", 0, 1) == (ending.reason, ending.sent, ending.begun)
    assert {State.PENDING: 8} == stage.ledger.states()


def test_a_tickets_promise_dies_with_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the dead one asked becomes durable after its end: the successor, whose tickets have the same numbers, is never told so (law 2)."""
    stage = PlayedStage(monkeypatch, 8, rules=Rules(connections=8))
    told: list[list[int]] = []

    async def play(stage: PlayedStage) -> None:
        worker = await stage.worker()
        await worker.hears(Say.WORK)
        worker.says(Say.COMMIT, 77, 0, 0, None, 1)
        worker.hangs_up()
        successor = await stage.worker()
        parcels: list[object] = []
        while len(parcels) < 8:
            parcels += (await successor.hears(Say.WORK))[0]
        for line in range(8):
            await successor.hears(Say.OPEN)
            successor.says(Say.COMMIT, line + 1, line, 0, None, line + 1)
            told.append((await successor.hears(Say.WRITTEN))[0])
            successor.says(Say.COMMIT, 0, line, line + 1, ACCEPTED, 0)
            successor.says(Say.ENDED, line, None)

    ending = stage.run(play)

    assert [[number] for number in range(1, 9)] == told
    assert (8, None) == (ending.sent, ending.error)
    assert {State.SENT: 8} == stage.ledger.states()


def test_Q01_after_a_refusal_that_stops_the_run_a_worker_sends_no_second_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One commit may hold an outcome and an intent; where the outcome stops the run, the intent is not granted, in a worker either."""
    stage = PlayedStage(monkeypatch, 8)

    async def play(stage: PlayedStage) -> None:
        worker = await with_a_content_allowed(stage)
        worker.says(Say.COMMIT, 2, 0, 1, flat(QUOTA), 2)
        ticket, error = await worker.hears(Say.FAULT)
        assert (2, Stopped) == (ticket, type(error))
        await settled(worker, 3, 2, flat(Outcome(Verdict.RELEASED)))
        worker.says(Say.ENDED, 0, error)

    stopped_by_the_quota(stage, play)


def test_Q01_a_worker_that_has_not_heard_of_the_stop_sends_nothing_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refusal was committed alone; the next mail was taken from what the worker had ahead: it is not granted any more."""
    stage = PlayedStage(monkeypatch, 8)

    async def play(stage: PlayedStage) -> None:
        worker = await with_a_content_allowed(stage)
        await settled(worker, 2, 1, flat(QUOTA))
        worker.says(Say.COMMIT, 3, 0, 0, None, 2)
        ticket, error = await worker.hears(Say.FAULT)
        assert (3, Stopped) == (ticket, type(error))
        worker.says(Say.COMMIT, 0, 0, 2, flat(Outcome(Verdict.RELEASED)), 0)
        worker.says(Say.ENDED, 0, error)

    stopped_by_the_quota(stage, play)


def test_after_a_refusal_that_stops_nobody_a_worker_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused recipient's outcome and the next intent: both are written, and the intent is granted by its own ticket."""
    stage = PlayedStage(monkeypatch, 2)

    async def play(stage: PlayedStage) -> None:
        worker = await with_a_content_allowed(stage)
        await settled(worker, 2, 1, flat(REJECTED), 2)
        await settled(worker, 3, 2, ACCEPTED)
        worker.says(Say.ENDED, 0, None)

    ending = stage.run(play)

    assert (1, 2, None) == (ending.sent, ending.begun, ending.error)
    assert {State.FAILED: 1, State.SENT: 1} == stage.ledger.states()


def test_a_worker_that_dies_between_refusal_and_grant_leaves_its_next_row_pending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refusal is written, the intent that came with it is not: nothing of it has left, and the successor sends it once."""
    stage = PlayedStage(monkeypatch, 2)

    async def play(stage: PlayedStage) -> None:
        worker = await with_a_content_allowed(stage)
        worker.says(Say.COMMIT, 2, 0, 1, flat(REJECTED), 2)
        worker.hangs_up()
        successor = await stage.worker()
        assert [2] == [parcel.delivery for parcel in (await successor.hears(Say.WORK))[0]]
        successor.says(Say.COMMIT, 1, 0, 0, None, 2)
        assert ([1],) == await successor.hears(Say.WRITTEN)
        successor.says(Say.COMMIT, 0, 0, 2, ACCEPTED, 0)
        successor.says(Say.ENDED, 0, None)

    ending = stage.run(play)

    assert (1, None) == (ending.sent, ending.error)
    assert {State.FAILED: 1, State.SENT: 1} == stage.ledger.states()


def test_a_row_that_comes_round_again_is_not_taken_for_fresh() -> None:
    """A refusal that was the server's fault leaves its row pending: its next attempt keeps the first one, and follows from it."""
    refusals = [Outcome(Verdict.REFUSED, Blame.TRANSPORT, code=554)]
    stage = Stage(1, lambda mail: refusals.pop() if refusals else accept(mail))
    at_first = stage.ledger.write

    def write(batch: list[Record], at):
        settled = at_first(batch, at)
        for record in batch:
            if record.begun is not None:
                number = record.begun.delivery
                one = stage.ledger.deliveries[number]
                stage.ledger.deliveries[number] = one._replace(
                    first_attempt=one.first_attempt or at, last_attempt=at
                )
        return settled

    stage.ledger.write = write
    stage.run()

    begun = [record.begun for batch in stage.ledger.batches for record in batch if record.begun]
    answers = [record.settled for batch in stage.ledger.batches for record in batch if record.settled]
    assert [True, False] == [intent.first for intent in begun]
    assert answers[1].of is not None
    assert answers[1].of.first_attempt is not None
    assert {State.SENT: 1} == stage.ledger.states()


class Reckless:
    """A worker that does its work, and at any moment may fall dead. `left`: whose content it let out, and nobody refused."""

    def __init__(self, worker: Played, chance: random.Random, left: Counter[int], mortal: float) -> None:
        self._worker, self._chance, self._left, self._mortal = worker, chance, left, mortal
        self._queue: list[int] = []
        self._idle: set[int] = set()
        self._asked: dict[int, tuple[int, int]] = {}  # ticket → line, begun delivery or 0
        self._sending: dict[int, int] = {}  # line → delivery
        self._ticket, self._dry, self._flow = 0, False, Flow.GO

    async def live(self, running: asyncio.Task[Ending]) -> None:
        """Until it dies, or the run is over."""
        worker = self._worker
        while not running.done():
            await asyncio.sleep(0)
            heard, worker.heard[:] = worker.heard[:], []
            for say, *parts in heard:
                self._hear(Say(say), parts)
            for act in [
                *(lambda line=line: self._go_on(line) for line in sorted(self._idle | set(self._sending)))
            ]:
                if self._chance.random() < self._mortal:
                    worker.hangs_up()
                    return
                act()

    def _hear(self, say: Say, parts: list[object]) -> None:
        match say, parts:
            case Say.WORK, [list() as parcels]:
                self._queue += [parcel.delivery for parcel in parcels]
                self._dry = False
            case Say.DRY, _:
                self._dry = True
            case Say.RECALL, _:
                self._queue, self._dry = [], False
            case Say.FLOW, [flow]:
                self._flow = Flow(flow)
            case Say.OPEN, [int() as line]:
                self._idle.add(line)
            case Say.WRITTEN, [list() as tickets]:
                for ticket in tickets:
                    line, begun = self._asked.pop(ticket)  # KeyError: somebody else's
                    if begun:
                        self._left[begun] += 1
                        self._sending[line] = begun
                    else:
                        self._idle.add(line)
            case Say.FAULT, [int() as ticket, _]:
                line, begun = self._asked.pop(ticket)
                self._worker.says(Say.COMMIT, 0, line, begun, flat(Outcome(Verdict.RELEASED)), 0)
                self._worker.says(Say.ENDED, line, None)

    def _go_on(self, line: int) -> None:
        done = self._sending.pop(line, 0)
        takes = self._queue and self._flow is Flow.GO and (not done or self._chance.random() < 0.7)
        if not (done or takes):
            if self._dry or self._flow is Flow.STOP:
                self._idle.discard(line)
                self._worker.says(Say.ENDED, line, None)
            return
        outcome = self._chance.choices(OUTCOMES, (80, 8, 8, 1))[0]
        if done and outcome is not OUTCOMES[0]:
            self._left[done] -= 1  # the server said so
        begun = self._queue.pop(0) if takes else 0
        self._ticket += 1
        self._asked[self._ticket] = (line, begun)
        self._idle.discard(line)
        self._worker.says(Say.COMMIT, self._ticket, line, done, flat(outcome) if done else None, begun)


OUTCOMES = (
    Outcome(Verdict.ACCEPTED, code=250),
    REJECTED,
    Outcome(Verdict.DEFERRED, Blame.RECIPIENT, code=450),
    QUOTA,
)


@pytest.mark.parametrize("seed", range(40))
def test_whenever_workers_die_nobody_gets_two_and_nobody_is_lost(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whose content left and was not refused has it or is in doubt; it left once; all others are pending, deferred or failed (law 1)."""
    chance = random.Random(seed)
    left: Counter[int] = Counter()
    connections, mortal = chance.choice([1, 3, 8]), chance.choice([0.0, 0.01, 0.1])
    rules = Rules(connections=connections, max_wait=None, stop_after=0)
    stage = PlayedStage(monkeypatch, 30, rules=rules)

    async def play(stage: PlayedStage) -> None:
        while not stage.running.done():
            birth = asyncio.create_task(stage.worker())
            await asyncio.wait({birth, stage.running}, return_when=asyncio.FIRST_COMPLETED)
            if birth.done():
                await Reckless(birth.result(), chance, left, mortal).live(stage.running)
            else:
                birth.cancel()

    ending = stage.run(play)

    assert isinstance(ending.error, Stopped | None)
    assert max(left.values(), default=0) <= 1
    for number, one in stage.ledger.deliveries.items():
        reached = one.state in (State.SENT, State.IN_DOUBT)
        assert reached if left[number] else one.state is not State.SENT, (number, one)
        assert one.state is not State.SENDING
    if ending.error is None:
        assert stage.ledger.left() == 0
