"""A worker whose main process the test plays: nothing leaves that was not promised, and nothing it was given is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mailmerge_cli.engine import worker as workers
from mailmerge_cli.engine.frames import Flow, Say
from mailmerge_cli.model.mail import Envelope, Mail, Outcome, Settlement, Verdict
from support.played_workers import Left, Trial, played_main


def mail(number: int) -> Mail:
    return Mail(
        number, f"<{number}@example.org>", Envelope("hr@example.org", ("a@example.org",)), (b"x\r\n",)
    )


class Carrier:
    """Takes, commits and notes, like a transport; its content leaves where `left` gets it."""

    def __init__(self) -> None:
        self.left: list[int] = []
        self.refused: list[BaseException] = []

    async def carry(self, feed: workers._WorkerLine) -> None:
        while (one := await feed.take()) is not None:
            try:
                await feed.commit(None, one)
            except BaseException as error:
                self.refused.append(error)
                raise
            self.left.append(one.delivery)
            await feed.commit(Settlement(one, Outcome(Verdict.ACCEPTED)), None)


def played(monkeypatch: pytest.MonkeyPatch, play: Callable[[Trial], Awaitable[None]]) -> None:
    async def go() -> None:
        async with played_main(monkeypatch) as trial:
            await play(trial)

    asyncio.run(go())


def test_rule_1_a_last_word_of_a_main_process_that_is_gone_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The intent is durable, but nobody is there to write down what comes of it: the worker leaves before the content does."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier)
        trial.gives(mail(1))
        ticket, *_ = await trial.main.hears(Say.COMMIT)
        monkeypatch.setattr(workers.os, "getppid", lambda: 1)
        trial.main.says(Say.WRITTEN, [ticket])
        with pytest.raises(Left):
            await trial.worker._lines[0].task

    played(monkeypatch, play)

    assert [] == carrier.left
    assert [Left] == [type(error) for error in carrier.refused]


def test_rule_1_nothing_leaves_before_the_intent_is_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the ticket that was given counts, and a fault instead of it ends the line with that fault."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier)
        trial.gives(mail(1), mail(2))
        ticket, *_ = await trial.main.hears(Say.COMMIT)
        assert [] == carrier.left
        trial.main.says(Say.WRITTEN, [ticket])
        settled, line, done, *_ = await trial.main.hears(Say.COMMIT)
        assert (0, 1, [1]) == (line, done, carrier.left)
        trial.main.says(Say.WRITTEN, [settled])
        ticket, *_ = await trial.main.hears(Say.COMMIT)
        trial.main.says(Say.FAULT, ticket, workers.WorkerBug("disk"))
        _, error = await trial.main.hears(Say.ENDED)
        assert isinstance(error, workers.WorkerBug)

    played(monkeypatch, play)

    assert [1] == carrier.left


def test_what_is_said_about_a_line_that_has_ended_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled, closed, permitted: the words crossed with its end, and the other line goes on."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier)
        trial.main.says(Say.CANCEL, 5)
        trial.main.says(Say.CLOSE, 5)
        trial.main.says(Say.PERMITTED, 5, True)
        trial.gives(mail(1))
        ticket, *_ = await trial.main.hears(Say.COMMIT)
        trial.main.says(Say.WRITTEN, [ticket])
        await trial.main.hears(Say.COMMIT)

    played(monkeypatch, play)

    assert [1] == carrier.left


def test_an_answer_for_a_line_that_was_cancelled_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its intent becomes durable just as it leaves: it does not send, and its end is told."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier)
        trial.gives(mail(1))
        ticket, *_ = await trial.main.hears(Say.COMMIT)
        trial.main.says(Say.CANCEL, 0)
        assert (0, None) == await trial.main.hears(Say.ENDED)
        trial.main.says(Say.WRITTEN, [ticket])
        trial.main.says(Say.OPEN, 0)
        trial.main.says(Say.DRY)
        assert (0, None) == await trial.main.hears(Say.ENDED)

    played(monkeypatch, play)

    assert [] == carrier.left


def test_a_line_that_has_nothing_to_do_waits_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """No parcel and no word that there are none: neither an end nor a busy loop, even if the flow is told anew."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier)
        trial.main.says(Say.FLOW, Flow.HOLD)
        trial.main.says(Say.FLOW, Flow.GO)
        trial.gives(mail(1))
        ticket, *_ = await trial.main.hears(Say.COMMIT)
        trial.main.says(Say.WRITTEN, [ticket])
        ticket, *_ = await trial.main.hears(Say.COMMIT)
        trial.main.says(Say.WRITTEN, [ticket])
        trial.main.says(Say.DRY)
        assert (0, None) == await trial.main.hears(Say.ENDED)

    played(monkeypatch, play)

    assert [1] == carrier.left


def test_a_line_that_is_cancelled_while_it_waits_keeps_no_other_from_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two wait for parcels, one is told to leave: what comes then is the other one's."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier, lines=(0, 1))
        while len(trial.worker._waiters) < 2:
            await asyncio.sleep(0)
        trial.main.says(Say.CANCEL, 0)
        assert (0, None) == await trial.main.hears(Say.ENDED)
        trial.gives(mail(1))
        ticket, line, *_ = await trial.main.hears(Say.COMMIT)
        assert 1 == line
        trial.main.says(Say.WRITTEN, [ticket])
        await trial.main.hears(Say.COMMIT)

    played(monkeypatch, play)

    assert [1] == carrier.left


def test_a_line_that_is_told_to_leave_before_it_began_says_that_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opened and cancelled in one breath, as by two Ctrl-C while the workers are born: nobody waits for its end in vain."""

    async def play(trial: Trial) -> None:
        trial.starts(Carrier(), lines=())
        trial.main.says_together((Say.OPEN, 0), (Say.CANCEL, 0))
        assert (0, None) == await trial.main.hears(Say.ENDED, 5)

    played(monkeypatch, play)


@pytest.mark.parametrize("how", ["refused", "cancelled"])
def test_a_mail_without_a_permit_goes_back(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Refused, or the line leaves while it waits for the permit: handed back as never begun, with no ticket, before the line ends."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier, throttled=True)
        trial.gives(mail(1))
        assert (0,) == await trial.main.hears(Say.PERMIT)
        if how == "refused":
            trial.main.says(Say.PERMITTED, 0, False)
        else:
            trial.main.says(Say.CANCEL, 0)
        ticket, line, done, outcome, begun = await trial.main.hears(Say.COMMIT)
        assert (0, 0, 1, "released", 0) == (ticket, line, done, outcome[0], begun)
        assert (0, None) == await trial.main.hears(Say.ENDED)
        trial.main.says(Say.PERMITTED, 0, True)

    played(monkeypatch, play)

    assert [] == carrier.left


def test_what_was_recalled_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have it by now."""
    carrier = Carrier()

    async def play(trial: Trial) -> None:
        trial.starts(carrier, lines=())
        trial.gives(mail(1), mail(2))
        trial.main.says(Say.RECALL)
        trial.main.says(Say.OPEN, 0)
        trial.gives(mail(3))
        *_, begun = await trial.main.hears(Say.COMMIT)
        assert 3 == begun

    played(monkeypatch, play)

    assert [] == carrier.left


class Asking:
    """A transport whose server wants a token, and then a newer one."""

    def __init__(self, trial: Trial) -> None:
        self._credentials = workers._Credentials(trial.worker)
        self.given: list[str] = []

    async def carry(self, feed: object) -> None:
        for refresh in (False, True):
            self.given.append((await self._credentials.token(refresh=refresh)).reveal())


def test_a_token_and_a_newer_one_are_asked_of_the_main_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question has its answer, whichever comes first."""

    async def play(trial: Trial) -> None:
        asking = Asking(trial)
        trial.starts(asking, lines=(0,))
        for refresh, token in ((False, "stale"), (True, "fresh")):
            ticket, kind, anew = await trial.main.hears(Say.ASK)
            assert ("token", refresh) == (kind, anew)
            trial.main.says(Say.SECRET, ticket, token, None)
        assert (0, None) == await trial.main.hears(Say.ENDED)
        assert ["stale", "fresh"] == asking.given

    played(monkeypatch, play)


def test_the_worker_leaves_when_its_main_process_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a commit, too: the end of the pair is the end of the worker."""

    async def play(trial: Trial) -> None:
        story: list[str] = []
        trial.worker.frames._lost = lambda: story.append("left")
        trial.starts(Carrier())
        trial.gives(mail(1))
        await trial.main.hears(Say.COMMIT)
        trial.main.hangs_up()
        async with asyncio.timeout(20):
            while not story:
                await asyncio.sleep(0.001)
        task = trial.worker._lines[0].task
        assert task is not None
        task.cancel()

    played(monkeypatch, play)
