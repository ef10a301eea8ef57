"""What every transport must do, whatever it speaks: the seam's laws, case by case, for each transport that this package brings.

A transport of your own: write a rig (a function that prepares a world for a case, or says that the case cannot happen there), add
it to `RIGS`. See docs/ADDING_A_TRANSPORT.md.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailmerge_cli.errors import CredentialsFault, Unreachable
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.mail import Blame, Mail, Settlement, Verdict
from mailmerge_cli.model.transport import Limits, Transport
from mailmerge_cli.transports.registry import open_transport
from support.feeds import KnownSecrets, RecordingFeed, a_mail, an_account, mark
from support.scripted_smtp import Close, Hang, Keep, ScriptedServer

SECRET = "correct-horse-battery"


@dataclass
class World:
    """A transport whose other end behaves as the case says.

    Attributes:
        transport: the one under test.
        received: the contents that the other end took, so far.
        held: waits until the other end holds a content and does not answer (case `silent after content`).
        told: what the trace got.
    """

    transport: Transport
    received: Callable[[], list[bytes]]
    held: Callable[[], None]
    told: list[str]


Rig = Callable[[str, Path], AbstractContextManager[World]]


class NotHere(Exception):
    """This case cannot happen with this transport."""


SMTP_CASES: dict[str, dict[str, object]] = {
    "good": {},
    "refused recipient": {"RCPT": {2: "550 5.1.1 no such user"}},
    "temporary": {"RCPT": {2: "450 4.2.0 greylisted, try again in 90 seconds"}},
    "too fast": {"MAIL": {2: "451 4.7.0 slow down, try again in 5 minutes"}},
    "lost before content": {"DATA": {2: Close()}},
    "lost after content": {"END": {2: Keep(Close())}},
    "silent after content": {"END": {2: Hang()}},
    "bad credentials": {},
}


def smtp(pipelining: str) -> Rig:
    @contextmanager
    def rig(case: str, tmp_path: Path) -> Iterator[World]:
        password = "wrong" if case == "bad credentials" else SECRET
        size = ("SIZE 2000",) if case == "oversize" else ("SIZE 1000000", "SMTPUTF8")
        with ScriptedServer(
            SMTP_CASES.get(case, {}), extensions=("PIPELINING", *size), users={"hr@example.org": password}
        ) as server:
            told: list[str] = []
            account = an_account(server, pipelining=pipelining)
            transport = open_transport(account, KnownSecrets(SECRET), told.append)
            yield World(
                transport,
                lambda: [mail.content for mail in server.accepted],
                lambda: server.wait_for(lambda s: s.saw(mark(2))),
                told,
            )

    return rig


@contextmanager
def outbox(case: str, tmp_path: Path) -> Iterator[World]:
    if case not in ("good", "non-ASCII"):
        raise NotHere
    folder = tmp_path / "outbox"
    told: list[str] = []
    account = Account("outbox", kind="outbox", folder=folder)

    def received() -> list[bytes]:
        files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns) if folder.exists() else []
        return [file.read_bytes() for file in files]

    yield World(open_transport(account, KnownSecrets(SECRET), told.append), received, lambda: None, told)


RIGS: dict[str, Rig] = {
    "smtp off": smtp("off"),
    "smtp envelope": smtp("envelope"),
    "smtp next": smtp("next"),
    "outbox": outbox,
}


@pytest.fixture(params=RIGS, name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], AbstractContextManager[World]]:
    @contextmanager
    def prepare(case: str) -> Iterator[World]:
        try:
            with RIGS[request.param](case, tmp_path) as prepared:
                yield prepared
        except NotHere:
            pytest.skip(f"{case!r} cannot happen with {request.param}")

    return prepare


Worlds = Callable[[str], AbstractContextManager[World]]


def three() -> list[Mail]:
    return [a_mail(1), a_mail(2), a_mail(3)]


def carry(world: World, feed: RecordingFeed) -> BaseException | None:
    try:
        asyncio.run(world.transport.carry(feed))
    except Unreachable as error:
        return error
    finally:
        feed.check()
    return None


def test_accepted(world: Worlds) -> None:
    """Contents arrive octet for octet, in the feed's order, each accepted once."""
    with world("good") as it:
        sent = three()
        feed = RecordingFeed(sent)
        assert carry(it, feed) is None
        assert {*feed.verdicts.values()} == {Verdict.ACCEPTED}
        assert it.received() == [b"".join(mail.content) for mail in sent]


def test_content_waits_for_its_begin(world: Worlds) -> None:
    """Nothing of a content is at the other end while its begin is on its way to the disk."""
    with world("good") as it:

        async def look(settled: Settlement | None, begun: Mail | None) -> None:
            await asyncio.sleep(0.02)
            assert begun is None or not any(mark(begun.delivery) in content for content in it.received())

        feed = RecordingFeed(three(), on_commit=look)
        assert carry(it, feed) is None


def test_nothing_is_held_while_waiting(world: Worlds) -> None:
    """With no mail ready, an outcome is settled before the feed is asked again."""
    with world("good") as it:
        feed = RecordingFeed(three(), ready=False)
        carry(it, feed)
        assert feed.log == [word for n in (1, 2, 3) for word in (f"take {n}", f"begin {n}", f"accepted {n}")]


def test_check_sends_nothing(world: Worlds) -> None:
    """`check` succeeds and leaves no mail."""
    with world("good") as it:
        asyncio.run(it.transport.check())
        assert it.received() == []
        assert isinstance(it.transport.limits, Limits)
        assert it.transport.name


@pytest.mark.parametrize(
    ("case", "verdict", "blame"),
    [
        ("refused recipient", Verdict.REFUSED, Blame.RECIPIENT),
        ("temporary", Verdict.DEFERRED, Blame.RECIPIENT),
        ("too fast", Verdict.DEFERRED, Blame.TRANSPORT),
    ],
)
def test_refusals_are_outcomes(world: Worlds, case: str, verdict: Verdict, blame: Blame) -> None:
    """A remote refusal is an outcome, not an exception, and the others go on; a wait that is asked for is passed on."""
    with world(case) as it:
        feed = RecordingFeed(three())
        assert carry(it, feed) is None
        outcome = feed.outcomes[2]
        assert (outcome.verdict, outcome.blame) == (verdict, blame)
        assert outcome.code
        assert outcome.text
        assert outcome.wait == {"temporary": 90, "too fast": 300}.get(case, 0)
        assert len(it.received()) == 2


def test_oversize(world: Worlds) -> None:
    """A message that is too big fails alone, and is not uploaded."""
    with world("oversize") as it:
        feed = RecordingFeed([a_mail(1), a_mail(2, body=b"x" * 70 + b"\r\n" * 3000), a_mail(3)])
        assert carry(it, feed) is None
        assert (feed.outcomes[2].verdict, feed.outcomes[2].blame) == (Verdict.REFUSED, Blame.MESSAGE)
        assert len(it.received()) == 2


def test_bad_credentials(world: Worlds) -> None:
    """`check` and `carry` raise CredentialsFault, and no mail is begun."""
    with world("bad credentials") as it:
        for _ in range(2):
            with pytest.raises(CredentialsFault):
                asyncio.run(it.transport.check())
        feed = RecordingFeed(three())
        with pytest.raises(CredentialsFault):
            asyncio.run(it.transport.carry(feed))
        feed.check()
        assert not [commit for commit in feed.commits if commit.begun]


def test_lost_before_the_content(world: Worlds) -> None:
    """What was lost before its content may be tried again; nobody is in doubt."""
    with world("lost before content") as it:
        feed = RecordingFeed(three())
        carry(it, feed)
        assert feed.verdicts[1] is Verdict.ACCEPTED
        assert feed.verdicts[2] in (Verdict.DEFERRED, Verdict.RELEASED)
        assert Verdict.UNKNOWN not in feed.verdicts.values()


def test_lost_after_the_content(world: Worlds) -> None:
    """What was lost after its content is in doubt, and nobody else."""
    with world("lost after content") as it:
        feed = RecordingFeed(three())
        assert carry(it, feed) is not None
        assert feed.verdicts[2] is Verdict.UNKNOWN
        assert [*feed.verdicts.values()].count(Verdict.UNKNOWN) == 1


def test_cancelled(world: Worlds) -> None:
    """Cancelled with a content out: that one is in doubt, what came behind is released, at once."""
    with world("silent after content") as it:
        feed = RecordingFeed(three())

        async def run() -> float:
            clock = asyncio.get_running_loop().time
            task = asyncio.create_task(it.transport.carry(feed))
            await asyncio.to_thread(it.held)
            start = clock()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return clock() - start

        assert asyncio.run(run()) < 1.5
        feed.check()
        assert feed.verdicts[2] is Verdict.UNKNOWN
        assert feed.verdicts.get(3, Verdict.RELEASED) is Verdict.RELEASED


def test_two_at_once(world: Worlds) -> None:
    """Two connections of one transport share a feed; each mail goes once."""
    with world("good") as it:
        feed = RecordingFeed([a_mail(number) for number in range(1, 21)])

        async def run() -> None:
            await asyncio.gather(it.transport.carry(feed), it.transport.carry(feed))

        asyncio.run(run())
        feed.check()
        assert len(it.received()) == 20
        assert {*feed.verdicts.values()} == {Verdict.ACCEPTED}


def test_non_ascii_address(world: Worlds) -> None:
    """An address with other than ASCII letters arrives, where the other end can take it."""
    with world("non-ASCII") as it:
        feed = RecordingFeed([a_mail(1, "jürgen@example.org", smtputf8=True)])
        assert carry(it, feed) is None
        assert feed.verdicts == {1: Verdict.ACCEPTED}


def test_no_secret_is_told(world: Worlds) -> None:
    """Neither the trace nor what can be printed of the transport holds the secret; nor does the trace hold content."""
    with world("good") as it:
        feed = RecordingFeed(three())
        carry(it, feed)
        told = "\n".join([*it.told, repr(it.transport), str(it.transport), repr(vars(it.transport))])
        assert SECRET not in told
        assert "content-of" not in told


def test_a_ledger_that_fails_lets_nothing_out(world: Worlds) -> None:
    """No begin, no content; the ledger's own error comes through."""
    with world("good") as it:

        async def fail(settled: Settlement | None, begun: Mail | None) -> None:
            if begun is not None:
                raise OSError(os.strerror(28))

        with pytest.raises(OSError, match=os.strerror(28)):
            asyncio.run(it.transport.carry(RecordingFeed(three(), on_commit=fail)))
        assert it.received() == []
