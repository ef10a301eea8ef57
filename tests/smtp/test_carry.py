"""How mails travel over one connection: groups, the order of ledger and wire, what is written ahead and what never is."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailmerge_cli.errors import Unreachable
from mailmerge_cli.model.mail import Advice, Blame, Mail, Settlement, Verdict
from mailmerge_cli.transports.smtp import SmtpTransport
from support.feeds import Commit, KnownSecrets, RecordingFeed, a_mail, an_account, carry, mark
from support.scripted_smtp import Close, Delay, Drip, Hang, Keep, Reset, ScriptedServer

MODES = ("off", "envelope", "next", "auto")
GROUPED = ("envelope", "next", "auto")

V = Verdict


def mails(count: int) -> list[Mail]:
    return [a_mail(number) for number in range(1, count + 1)]


@pytest.mark.parametrize("mode", MODES)
def test_all_arrive_once_and_whole(mode: str) -> None:
    """Every mail of the feed arrives once, octet for octet, and nothing against the rules is said."""
    with ScriptedServer() as server:
        sent = mails(7)
        feed = RecordingFeed(sent, server=server)

        assert carry(server, feed, pipelining=mode) is None

        assert [b"".join(mail.content) for mail in sent] == [mail.content for mail in server.accepted]
        assert [mail.envelope.recipients for mail in sent] == [mail.recipients for mail in server.accepted]
        assert server.violations == []
        assert {*feed.verdicts.values()} == {V.ACCEPTED}
        assert server.connections == 1
        assert server.verbs()[-1] == "QUIT"


@pytest.mark.parametrize("mode", MODES)
def test_content_waits_for_its_begin(mode: str) -> None:
    """DESIGN law 2: no octet of a content leaves before the commit that begins it has returned."""
    with ScriptedServer() as server:

        async def look(settled: Settlement | None, begun: Mail | None) -> None:
            await asyncio.sleep(0.03)
            assert begun is None or not server.saw(mark(begun.delivery))

        feed = RecordingFeed(mails(4), server=server, on_commit=look)
        assert carry(server, feed, pipelining=mode) is None
        assert len(server.accepted) == 4


@pytest.mark.parametrize("mode", MODES)
def test_outcome_and_next_intent_share_a_commit(mode: str) -> None:
    """While mails are ready, each commit holds one outcome and the next intent; the last outcome goes alone."""
    with ScriptedServer() as server:
        feed = RecordingFeed(mails(3), server=server)
        carry(server, feed, pipelining=mode)
        assert feed.commits == [
            Commit(None, None, 1),
            Commit(1, V.ACCEPTED, 2),
            Commit(2, V.ACCEPTED, 3),
            Commit(3, V.ACCEPTED, None),
        ]


@pytest.mark.parametrize("mode", MODES)
def test_outcome_does_not_wait_for_the_throttle(mode: str) -> None:
    """When no mail is ready, what is held is settled alone before the feed is asked for the next."""
    with ScriptedServer() as server:
        feed = RecordingFeed(mails(3), server=server, ready=False)
        carry(server, feed, pipelining=mode)
        assert feed.log == [
            "take 1", "begin 1", "accepted 1",
            "take 2", "begin 2", "accepted 2",
            "take 3", "begin 3", "accepted 3",
        ]  # fmt: skip
        assert server.ahead == 0


@pytest.mark.parametrize("mode", GROUPED)
def test_outcome_does_not_wait_for_a_slow_envelope(mode: str) -> None:
    """A server that thinks long about the next recipient does not keep the last outcome off the disk."""
    with ScriptedServer({"RCPT": {2: Delay(0.8)}}) as server:
        feed = RecordingFeed(mails(2), server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert feed.log.index("accepted 1") < feed.log.index("begin 2")
        assert Commit(1, V.ACCEPTED, None) in feed.commits


def test_envelope_is_one_write() -> None:
    """`envelope`: MAIL, RCPT and DATA are one write; nothing stands behind a dot."""
    with ScriptedServer() as server:
        carry(server, RecordingFeed(mails(2)), pipelining="envelope")
        assert [chunk.count(b"\r\n") for chunk in server.reads if chunk.startswith(b"MAIL")] == [3, 3]
        assert server.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA"] * 2, "QUIT"]
        assert server.ahead == 0


@pytest.mark.parametrize("mode", ["next", "auto"])
def test_next_envelope_is_behind_the_dot(mode: str) -> None:
    """`next`: RSET and the next envelope stand behind this mail's dot, in the same write, as long as mails are ready."""
    with ScriptedServer() as server:
        carry(server, RecordingFeed(mails(3)), pipelining=mode)
        rest = ["RSET", "MAIL", "RCPT", "DATA"]
        assert server.verbs() == ["EHLO", *rest[1:], *rest, *rest, "QUIT"]
        assert sum(b"\r\n.\r\nRSET\r\nMAIL FROM:" in chunk for chunk in server.reads) == 2
        assert server.ahead == 2


@pytest.mark.parametrize("mode", MODES)
def test_P20_nothing_is_pipelined_that_was_not_offered(mode: str) -> None:
    """Without PIPELINING each command waits for its reply."""
    with ScriptedServer(extensions=("SIZE 1000000",)) as server:
        feed = RecordingFeed(mails(3), server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert server.violations == []
        assert len(server.accepted) == 3


@pytest.mark.parametrize("mode", GROUPED)
def test_only_the_last_ehlo_counts(mode: str) -> None:
    """What EHLO offered before the login is forgotten after it."""
    with ScriptedServer(users={"hr": "secret"}, extensions_authenticated=("8BITMIME",)) as server:
        feed = RecordingFeed(mails(3), server=server)
        assert carry(server, feed, KnownSecrets("secret"), pipelining=mode) is None
        assert server.violations == []
        assert "SIZE=" not in " ".join(server.lines)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("replies", "verdict", "phase"),
    [
        ({"MAIL": {2: "550 5.5.0 no"}}, V.DEFERRED, "mail"),
        ({"MAIL": {2: "451 4.3.0 later"}}, V.DEFERRED, "mail"),
        ({"RCPT": {2: "550 5.1.1 no such user"}}, V.REFUSED, "rcpt"),
        ({"RCPT TO:<p2@": "450 4.2.0 greylisted"}, V.DEFERRED, "rcpt"),
        ({"DATA": {2: "451 4.3.0 later"}}, V.DEFERRED, "data"),
        ({"DATA": {2: "554 5.7.1 no"}}, V.REFUSED, "data"),
        ({"END": {2: "554 5.6.0 no"}}, V.REFUSED, "end of data"),
        ({"END": {2: "452 4.3.1 disk full"}}, V.DEFERRED, "end of data"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_a_refusal_is_one_mails_own(mode: str, replies: dict, verdict: Verdict, phase: str) -> None:
    """One refused mail in the middle takes nobody with it; after it comes RSET, and the next sender is its own (P10, P11, P15, P16)."""
    with ScriptedServer(replies) as server:
        sent = [a_mail(number, sender=f"s{number}@example.org") for number in (1, 2, 3)]
        feed = RecordingFeed(sent, server=server)

        assert carry(server, feed, pipelining=mode) is None

        assert feed.verdicts == {1: V.ACCEPTED, 2: verdict, 3: V.ACCEPTED}
        assert feed.outcomes[2].phase == phase
        assert [mail.sender for mail in server.accepted] == ["s1@example.org", "s3@example.org"]
        assert server.violations == []
        assert server.connections == 1
        verbs = server.verbs()
        assert verbs[: len(verbs) - verbs[::-1].index("MAIL") - 1][-1] == "RSET"


@pytest.mark.parametrize("mode", GROUPED)
def test_354_after_a_refused_mail_gets_no_dot(mode: str) -> None:
    """MAIL refused and DATA granted all the same: the connection closes without a dot; the row has MAIL's outcome."""
    lies = {"MAIL": {2: "451 4.3.0 later"}, "RCPT": {2: "503 5.5.1 no"}, "DATA": {2: "354 go"}}
    with ScriptedServer(lies) as server:
        feed = RecordingFeed(mails(3), server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert feed.verdicts == {1: V.ACCEPTED, 2: V.DEFERRED}
        assert [mail.content.count(mark(1)) for mail in server.accepted] == [1]
        assert bytes(server.received).count(b"\r\n.\r\n") == 1
        assert [mail.delivery for mail in feed.mails] == [3]


@pytest.mark.parametrize("mode", GROUPED)
def test_recipient_accepted_after_a_refused_mail_is_out_of_step(mode: str) -> None:
    """RCPT and DATA granted after a refused MAIL mean that an older sender lives on: nothing may be said there any more."""
    lies = {"MAIL": {2: "451 4.3.0 later"}, "RCPT": {2: "250 2.1.5 Ok"}, "DATA": {2: "354 go"}}
    with ScriptedServer(lies) as server:
        feed = RecordingFeed(mails(3), server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert feed.verdicts == {1: V.ACCEPTED, 2: V.DEFERRED}
        assert not server.saw(mark(2))
        assert len(server.accepted) == 1


@pytest.mark.parametrize("mode", GROUPED)
@pytest.mark.parametrize("end", ["554 5.5.1 no valid recipients", "250 2.0.0 Ok"])
def test_354_after_a_refused_recipient_gets_a_lone_dot(mode: str, end: str) -> None:
    """The only recipient refused and DATA granted: a lone dot, its reply ignored, RSET, and the next mail goes."""
    with ScriptedServer({"RCPT": {2: "550 5.1.1 no"}, "DATA": {2: "354 go"}, "END": {2: end}}) as server:
        feed = RecordingFeed(mails(3), server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert feed.verdicts == {1: V.ACCEPTED, 2: V.REFUSED, 3: V.ACCEPTED}
        assert not server.saw(mark(2))
        assert feed.outcomes[2].enhanced == "5.1.1"
        assert server.connections == 1
        assert server.violations == []


@pytest.mark.parametrize("mode", MODES)
def test_P14_several_recipients_are_all_or_nothing(mode: str) -> None:
    """Cc refused, To accepted: no DATA at all, and the row has the refusal."""
    with ScriptedServer({"RCPT TO:<cc@": "550 5.1.1 no such user"}) as server:
        both = a_mail(1, ("ann@example.org", "cc@example.org"))
        feed = RecordingFeed([both, a_mail(2)], server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert feed.verdicts == {1: V.REFUSED, 2: V.ACCEPTED}
        assert feed.outcomes[1].blame is Blame.RECIPIENT
        assert "cc@example.org" in feed.outcomes[1].hint
        assert len(server.accepted) == 1
        assert server.verbs().count("DATA") == 1


@pytest.mark.parametrize("mode", MODES)
def test_several_recipients_pipeline_no_data(mode: str) -> None:
    """With Cc and Bcc, DATA is said only when every recipient was accepted; all of them get the mail."""
    people = ("ann@example.org", "cc@example.org", "bcc@example.org")
    with ScriptedServer() as server:
        feed = RecordingFeed([a_mail(1, people), a_mail(2, people), a_mail(3)], server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert [mail.recipients for mail in server.accepted] == [people, people, ("p3@example.org",)]
        assert not [chunk for chunk in server.reads if b"<bcc@" in chunk and b"DATA" in chunk]
        assert server.violations == []


def test_P14_the_worst_recipient_decides() -> None:
    """One recipient refused for good settles the row, though another was only deferred."""
    with ScriptedServer({"RCPT TO:<a@": "450 4.2.1 later", "RCPT TO:<b@": "550 5.1.1 no"}) as server:
        feed = RecordingFeed([a_mail(1, ("a@example.org", "b@example.org"))])
        carry(server, feed)
        assert feed.verdicts == {1: V.REFUSED}
        assert feed.outcomes[1].code == 550


def test_P13_too_many_recipients_is_deferred() -> None:
    """452 4.5.3 to a Cc defers the row, with a hint."""
    with ScriptedServer({"RCPT TO:<b@": "452 4.5.3 too many recipients"}) as server:
        feed = RecordingFeed([a_mail(1, ("a@example.org", "b@example.org"))])
        carry(server, feed)
        assert (feed.outcomes[1].verdict, feed.outcomes[1].blame) == (V.DEFERRED, Blame.RECIPIENT)
        assert "fewer" in feed.outcomes[1].hint


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reply", ["421 4.3.2 bye", "500 what", Close()], ids=["421", "500", "close"])
def test_a_failed_rset_ends_the_connection(mode: str, reply: object) -> None:
    """RSET not 250: what was not sent is released and goes elsewhere; what was settled stays."""
    with ScriptedServer({"END": {1: "554 5.6.0 no"}, "RSET": {1: reply}}) as server:
        feed = RecordingFeed(mails(2), server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert feed.verdicts == {1: V.REFUSED, 2: V.RELEASED}
        assert server.accepted == []


@pytest.mark.parametrize("mode", MODES)
def test_P19_250_to_data_gets_no_content(mode: str) -> None:
    """250 instead of 354: nothing of the content is said, the row is deferred, the connection is not used again."""
    with ScriptedServer({"DATA": {2: "250 2.0.0 Ok"}}) as server:
        feed = RecordingFeed(mails(3), server=server)
        assert isinstance(carry(server, feed, pipelining=mode), Unreachable)
        assert feed.verdicts == {1: V.ACCEPTED, 2: V.DEFERRED}
        assert feed.outcomes[2].blame is Blame.TRANSPORT
        assert not server.saw(mark(2))


@pytest.mark.parametrize("mode", MODES)
def test_max_per_connection(mode: str) -> None:
    """After the account's number of messages the connection ends with QUIT; the rest of the feed is untouched."""
    with ScriptedServer(max_messages=2) as server:
        feed = RecordingFeed(mails(5), server=server)
        assert carry(server, feed, pipelining=mode, max_per_connection=2) is None
        assert [*feed.verdicts] == [1, 2]
        assert len(feed.mails) == 3
        assert server.verbs()[-1] == "QUIT"
        assert server.violations == []


@pytest.mark.parametrize("mode", MODES)
def test_P23_a_servers_limit_of_messages_changes_no_row(mode: str) -> None:
    """421 at MAIL after n messages: the mail is released, carry returns, another connection takes the rest."""
    with ScriptedServer(max_messages=2) as server:
        feed = RecordingFeed(mails(5), server=server)
        while feed.mails:
            count = len(feed.settlements)
            assert carry(server, feed, pipelining=mode) is None
            for settlement in feed.settlements[count:]:
                if settlement.outcome.verdict is V.RELEASED:
                    feed.settlements.remove(settlement)
                    feed.taken.remove(settlement.mail)
                    feed.mails.insert(0, settlement.mail)
        assert feed.verdicts == dict.fromkeys(range(1, 6), V.ACCEPTED)
        assert len(server.accepted) == 5
        assert server.connections == 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("say", ["", "421 4.4.2 idle for too long"])
def test_P23_an_idle_close_is_mended_without_a_word(mode: str, say: str) -> None:
    """The server leaves while the throttle waits: the next mail goes over a new connection, no row changes state."""
    with ScriptedServer(
        {"END": [Keep(Delay(0, Close("250 2.0.0 Ok" + (f"\n{say}" if say else ""))))]}
    ) as server:

        async def idle(mail: Mail | None) -> None:
            if mail is not None and mail.delivery == 2:
                await asyncio.sleep(0.1)

        feed = RecordingFeed(mails(3), server=server, on_take=idle, ready=lambda: len(feed.mails) != 2)
        assert carry(server, feed, pipelining=mode) is None
        assert feed.verdicts == dict.fromkeys((1, 2, 3), V.ACCEPTED)
        assert server.connections == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("mode", MODES)
def test_P04_421_at_any_step(mode: str, step: str) -> None:
    """421 defers the mail, blames the transport, and ends the connection in good order; never a row lost, never in doubt."""
    with ScriptedServer({step: Close("421 4.3.2 going down")}) as server:
        feed = RecordingFeed(mails(2), server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert (feed.outcomes[1].verdict, feed.outcomes[1].blame) == (V.DEFERRED, Blame.TRANSPORT)
        assert feed.outcomes[1].code == 421
        assert feed.verdicts.get(2, V.RELEASED) is V.RELEASED
        assert server.accepted == []


@pytest.mark.parametrize("mode", MODES)
def test_a_421_before_a_reset_is_read(mode: str) -> None:
    """What had arrived before the reset counts: the mail is deferred with 421, not in doubt."""
    for _ in range(10):
        with ScriptedServer({"END": Reset("421 4.3.2 going down")}) as server:
            feed = RecordingFeed(mails(2), server=server)
            assert carry(server, feed, pipelining=mode) is None
            assert feed.outcomes[1].code == 421


@pytest.mark.parametrize("leave", [Close(), Reset()], ids=["close", "reset"])
@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("mode", MODES)
def test_P05_lost_before_the_content(mode: str, step: str, leave: object) -> None:
    """A connection lost before the content: the mail may be tried again, nobody is in doubt."""
    with ScriptedServer({step: leave}) as server:
        feed = RecordingFeed(mails(2), server=server)
        assert isinstance(carry(server, feed, pipelining=mode), Unreachable)
        assert set(feed.verdicts.values()) <= {V.RELEASED, V.DEFERRED}
        assert not server.saw(mark(1))


def test_P05_lost_in_the_middle_of_a_big_content() -> None:
    """The connection breaks while the content is written and the dot is not: deferred, not in doubt."""
    with ScriptedServer({"CONTENT": Reset()}) as server:
        feed = RecordingFeed([a_mail(1, body=(b"y" * 76 + b"\r\n") * 100_000)])
        assert isinstance(carry(server, feed), Unreachable)
        assert (feed.outcomes[1].verdict, feed.outcomes[1].blame) == (V.DEFERRED, Blame.TRANSPORT)


@pytest.mark.parametrize("mode", MODES)
def test_a_refusal_in_the_middle_of_a_big_content_is_heard(mode: str) -> None:
    """552 while we still write, then a reset: the reply is found behind the failed write, and no dot is sent."""
    body = (b"z" * 76 + b"\r\n") * 100_000
    with ScriptedServer({"CONTENT": Reset("552 5.3.4 too big for us", after=0.1)}) as server:
        feed = RecordingFeed([a_mail(1, body=body), a_mail(2)], server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert (feed.outcomes[1].verdict, feed.outcomes[1].blame) == (V.REFUSED, Blame.MESSAGE)
        assert feed.outcomes[1].code == 552


@pytest.mark.parametrize("mode", MODES)
def test_big_contents_arrive_whole(mode: str) -> None:
    """Megabytes with dots at many line starts, to a slow reader, come out as they went in."""
    body = (b".dotted\r\n..twice\r\n" + b"x" * 76 + b"\r\n") * 10_000
    with ScriptedServer(read_slowly=0.002) as server:
        feed = RecordingFeed([a_mail(1, body=body), a_mail(2, body=body)], server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert [mail.content.endswith(body) for mail in server.accepted] == [True, True]
        assert server.violations == []


@pytest.mark.parametrize(
    "end",
    [Close(), Reset(), Keep(Close()), Keep(Reset()), Hang(), b"garbage\r\n", b"\x00\xff\r\n", "354 go on"],
)
@pytest.mark.parametrize("mode", MODES)
def test_P06_P07_P18_no_clear_answer_to_the_dot_is_doubt(mode: str, end: object) -> None:
    """Close, reset, silence or garbage behind the dot: in doubt, whether the server kept the mail or not; the others are released."""
    with ScriptedServer({"END": {2: end}}) as server:
        feed = RecordingFeed(mails(4), server=server)
        assert isinstance(carry(server, feed, pipelining=mode, timeout_end_of_data=0.5), Unreachable)
        assert feed.verdicts.pop(1) is V.ACCEPTED
        assert feed.outcomes[2].verdict is V.UNKNOWN
        assert "may have been delivered" in feed.outcomes[2].text
        assert {number for number, verdict in feed.verdicts.items() if verdict is V.UNKNOWN} == {2}


def test_P09_the_end_of_data_may_take_long() -> None:
    """The reply to the dot has its own, longer time-out."""
    with ScriptedServer({"END": Delay(0.9)}) as server:
        feed = RecordingFeed(mails(1), server=server)
        assert carry(server, feed, timeout=0.3, timeout_end_of_data=5.0) is None
        assert feed.verdicts == {1: V.ACCEPTED}


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("mode", MODES)
def test_P02_silence_is_bounded(mode: str, step: str) -> None:
    """A server that says nothing is left after the time-out, with nobody in doubt."""
    with ScriptedServer({step: Hang()}) as server:
        feed = RecordingFeed(mails(2), server=server)
        raised = carry(server, feed, pipelining=mode, timeout=0.3)
        assert isinstance(raised, Unreachable)
        assert "in time" in raised.message
        assert set(feed.verdicts.values()) <= {V.RELEASED, V.DEFERRED}


@pytest.mark.parametrize("step", ["RSET", "QUIT"])
@pytest.mark.parametrize("reply", [Hang(), Close(), Reset(), "500 no", b"\xff\r\n"])
def test_P26_what_comes_after_the_end_of_data_is_no_matter(step: str, reply: object) -> None:
    """RSET or QUIT that fails or hangs leaves `accepted` as it is."""
    with ScriptedServer({step: reply}) as server:
        feed = RecordingFeed(mails(1), server=server)
        assert carry(server, feed, pipelining="next", timeout=0.4) is None
        assert feed.verdicts == {1: V.ACCEPTED}


@pytest.mark.parametrize(
    ("replies", "extra"),
    [
        ({}, {"loses_behind_end": True}),
        ({"RSET": {1: Close()}}, {}),
        ({"RSET": {1: Hang()}}, {}),
        ({"MAIL": {2: "451 no"}, "RCPT": {2: "503 no"}, "DATA": {2: "354 stale"}}, {}),
    ],
    ids=["lost bytes", "close", "hang", "stale 354"],
)
def test_auto_falls_back_and_remembers(replies: dict, extra: dict) -> None:
    """`auto`: at the first stall, end of file or stale 354 behind a dot, this server gets `envelope` from all later connections."""
    with ScriptedServer(replies, **extra) as server:
        transport = SmtpTransport(an_account(server, pipelining="auto", timeout=0.4), KnownSecrets())
        first = RecordingFeed(mails(4), server=server)
        asyncio.run(transport.carry(first))
        first.check()
        assert server.ahead == 1
        assert first.verdicts[1] is V.ACCEPTED
        assert first.verdicts[2] in (V.RELEASED, V.DEFERRED)

        second = RecordingFeed([a_mail(8), a_mail(9)], server=server)
        asyncio.run(transport.carry(second))

        assert server.ahead == 1
        assert second.verdicts == {8: V.ACCEPTED, 9: V.ACCEPTED}


def test_next_says_what_to_do_when_the_server_loses_its_way() -> None:
    """`next` by choice does not fall back, but tells which setting helps; what was answered is settled."""
    with ScriptedServer(loses_behind_end=True) as server:
        feed = RecordingFeed(mails(3), server=server)
        raised = carry(server, feed, pipelining="next", timeout=0.4)
        assert isinstance(raised, Unreachable)
        assert "envelope" in raised.hint
        assert feed.verdicts == {1: V.ACCEPTED, 2: V.RELEASED}


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        ("MAIL", V.RELEASED),
        ("RCPT", V.RELEASED),
        ("DATA", V.RELEASED),
        ("END", V.UNKNOWN),
        ("QUIT", V.ACCEPTED),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_K05_cancelled(mode: str, at: str, verdict: Verdict) -> None:
    """Cancelled while the server hangs: what may have left is in doubt, the rest released, quickly and without QUIT."""
    with ScriptedServer({at: Hang()}) as server:
        feed = RecordingFeed(mails(1) if at == "QUIT" else mails(3), server=server)

        async def run() -> float:
            task = asyncio.create_task(
                SmtpTransport(an_account(server, pipelining=mode), KnownSecrets()).carry(feed)
            )
            await asyncio.to_thread(
                server.wait_for, lambda s: at in s.verbs() or (at == "END" and s.content_octets)
            )
            await asyncio.sleep(0.05)
            start = asyncio.get_running_loop().time()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return asyncio.get_running_loop().time() - start

        assert asyncio.run(run()) < 1.5
        feed.check()
        assert feed.outcomes[1].verdict is verdict
        assert set(feed.verdicts.values()) <= {verdict, V.RELEASED}


def test_cancelled_in_the_middle_of_a_commit() -> None:
    """A begin that was on its way to the disk when we were cancelled is released: its content never left."""
    with ScriptedServer() as server:

        async def stop_second(settled: Settlement | None, begun: Mail | None) -> None:
            if begun is not None and begun.delivery == 2:
                await asyncio.Event().wait()

        feed = RecordingFeed(mails(3), server=server, on_commit=stop_second)

        async def run() -> None:
            task = asyncio.create_task(SmtpTransport(an_account(server), KnownSecrets()).carry(feed))
            await asyncio.to_thread(
                server.wait_for, lambda s: len(s.accepted) == 1 and s.verbs().count("DATA") == 2
            )
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())
        feed.check()
        assert feed.verdicts == {1: V.ACCEPTED, 2: V.RELEASED}
        assert not server.saw(mark(2))


@pytest.mark.parametrize("mode", MODES)
def test_a_ledger_that_fails_stops_the_wire(mode: str) -> None:
    """K08: a commit that raises lets no content out, and its own error comes through."""

    class DiskFull(Exception):
        pass

    with ScriptedServer() as server:

        async def fail(settled: Settlement | None, begun: Mail | None) -> None:
            if begun is not None and begun.delivery == 2:
                raise DiskFull

        feed = RecordingFeed(mails(3), server=server, on_commit=fail)
        transport = SmtpTransport(an_account(server, pipelining=mode), KnownSecrets())
        with pytest.raises(DiskFull):
            asyncio.run(transport.carry(feed))
        assert not server.saw(mark(2))
        assert len(server.accepted) == 1


def test_a_421_during_the_commit_holds_the_content_back() -> None:
    """The server says goodbye after its 354, while the intent goes to disk: the content stays here, the mail is deferred."""
    with ScriptedServer({"DATA": {2: Close("354 go\n421 4.3.2 bye")}}) as server:

        async def slow(settled: Settlement | None, begun: Mail | None) -> None:
            await asyncio.sleep(0.05)

        feed = RecordingFeed(mails(2), server=server, on_commit=slow)
        assert carry(server, feed) is None
        assert (feed.outcomes[2].verdict, feed.outcomes[2].blame) == (V.DEFERRED, Blame.TRANSPORT)
        assert not server.saw(mark(2))


def test_no_connection_before_there_is_a_mail() -> None:
    """An empty feed costs no connection."""
    with ScriptedServer() as server:
        carry(server, RecordingFeed([]))
        carry(server, RecordingFeed([], ready=False))
        assert server.connections == 0


def test_a_mail_taken_for_a_connection_that_fails_is_given_back() -> None:
    """No connection, no harm: the mail that was taken for it is released."""
    with ScriptedServer({"CONNECT": "554 5.3.2 go away"}) as server:
        feed = RecordingFeed(mails(1), ready=False)
        assert isinstance(carry(server, feed), Unreachable)
        assert feed.verdicts == {1: V.RELEASED}


def test_P17_a_drip_has_one_deadline() -> None:
    """One octet now and then does not keep a reply's time-out from running out."""
    with ScriptedServer({"MAIL": Drip("250 2.1.0 " + "x" * 200, 0.05)}) as server:
        feed = RecordingFeed(mails(1))
        assert isinstance(carry(server, feed, timeout=0.5), Unreachable)
        assert feed.verdicts == {1: V.RELEASED}


@pytest.mark.parametrize(
    "raw",
    [b"250-\r\n" * 20_000, b"250 " + b"x" * 100_000, b"250-a\r\n550 b\r\n", b"250_ok\r\n", b"hello\r\n"],
)
@pytest.mark.parametrize("mode", ["off", "envelope"])
def test_P17_a_botched_reply_ends_the_connection(mode: str, raw: bytes) -> None:
    """What is no reply, or endless, is dropped with its connection; the row is not failed."""
    with ScriptedServer({"RCPT": raw}) as server:
        feed = RecordingFeed(mails(1))
        raised = carry(server, feed, pipelining=mode)
        assert isinstance(raised, Unreachable)
        assert len(raised.message) < 600
        assert feed.outcomes[1].verdict in (V.DEFERRED, V.RELEASED)


def test_P17_odd_replies_that_are_fine() -> None:
    """Several lines, a bare code, a lone LF, Latin-1 and control characters are understood and made safe."""
    odd = {
        "MAIL": b"250\r\n",
        "RCPT": b"250-2.1.5 one\r\n250 2.1.5 two\r\n",
        "END": b"250 2.0.0 \x1b[31mvieux p\xe8re\n",
    }
    with ScriptedServer(odd) as server:
        feed = RecordingFeed(mails(1))
        assert carry(server, feed) is None
        assert feed.outcomes[1].text == "\\x1b[31mvieux père"


def test_P27_the_queue_id_is_kept() -> None:
    """The id in the reply to the dot is the outcome's `remote_id`."""
    with ScriptedServer() as server:
        feed = RecordingFeed(mails(2))
        carry(server, feed)
        assert [outcome.remote_id for outcome in feed.outcomes.values()] == ["Q1", "Q2"]


@pytest.mark.parametrize("mode", MODES)
def test_B07_A15_P21_what_the_server_cannot_take_is_refused_before_mail(mode: str) -> None:
    """Too big, SMTPUTF8 or 8-bit where it is not offered: refused without a word on the wire, the others go on."""
    sent = [
        a_mail(1),
        a_mail(2, body=b"x" * 5000),
        a_mail(3, "jürgen@example.org", smtputf8=True),
        a_mail(4, "jürgen@example.org"),
        a_mail(5, body="süß\r\n".encode(), eight_bit=True),
        a_mail(6, "a@example.org>\r\nRCPT TO:<evil@example.com"),
        a_mail(7),
    ]
    with ScriptedServer(extensions=("PIPELINING", "SIZE 2000")) as server:
        feed = RecordingFeed(sent, server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert [feed.outcomes[n].blame for n in (2, 3, 4, 5, 6)] == [
            Blame.MESSAGE, Blame.RECIPIENT, Blame.RECIPIENT, Blame.MESSAGE, Blame.RECIPIENT,
        ]  # fmt: skip
        assert [number for number, verdict in feed.verdicts.items() if verdict is V.REFUSED] == [
            2,
            3,
            4,
            5,
            6,
        ]
        assert len(server.accepted) == 2
        assert server.verbs().count("MAIL") == 2
        assert not server.saw(b"evil")
        assert server.violations == []


@pytest.mark.parametrize("mode", MODES)
def test_P21_parameters_are_said_where_they_are_offered(mode: str) -> None:
    """SIZE=, BODY=8BITMIME and SMTPUTF8 go with the mails that want them."""
    sent = [
        a_mail(1),
        a_mail(2, body="süß\r\n".encode(), eight_bit=True),
        a_mail(3, "jürgen@example.org", smtputf8=True),
    ]
    with ScriptedServer() as server:
        feed = RecordingFeed(sent, server=server)
        assert carry(server, feed, pipelining=mode) is None
        assert [mail.parameters for mail in server.accepted] == [
            (f"SIZE={sent[0].size}",),
            (f"SIZE={sent[1].size}", "BODY=8BITMIME"),
            (f"SIZE={sent[2].size}", "SMTPUTF8"),
        ]
        assert server.accepted[2].recipients == ("jürgen@example.org",)
        assert server.violations == []


def test_a_sender_that_cannot_be_said_burns_no_row() -> None:
    """Every mail has the same sender: the run stops, the row stays."""
    with ScriptedServer() as server:
        feed = RecordingFeed([a_mail(1, sender="hr@example.org>\r\nX")])
        carry(server, feed)
        assert (feed.outcomes[1].blame, feed.outcomes[1].advice) == (Blame.TRANSPORT, Advice.STOP_CONFIG)


@pytest.mark.parametrize("mode", MODES)
def test_connections_side_by_side(mode: str) -> None:
    """Several connections share a feed and a transport; each mail goes once, and no content meets another's envelope."""
    with ScriptedServer() as server:
        sent = mails(40)
        feed = RecordingFeed(sent, server=server)
        transport = SmtpTransport(an_account(server, pipelining=mode), KnownSecrets())

        async def run() -> None:
            await asyncio.gather(*(transport.carry(feed) for _ in range(4)))

        asyncio.run(run())
        feed.check()
        assert len(server.accepted) == 40
        for mail in server.accepted:
            number = int(mail.recipients[0].partition("@")[0][1:])
            assert mark(number) in mail.content


REPLIES = st.sampled_from(
    [
        None,
        "450 4.2.0 later",
        "550 5.1.1 no",
        "421 4.3.2 bye",
        "250 2.0.0 Ok",
        "354 go",
        Close(),
        Reset(),
        b"junk\r\n",
        "503 5.5.1 no",
    ]
)
STEPS = st.sampled_from(["MAIL", "RCPT", "DATA", "END", "RSET"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=st.dictionaries(STEPS, st.dictionaries(st.integers(1, 4), REPLIES, max_size=3), max_size=4),
    mode=st.sampled_from(MODES),
)
def test_whatever_the_server_does_the_laws_hold(script: dict, mode: str) -> None:
    """For any mixture of misbehaviour: accepted means that the server has it, once, with its own envelope; refused, deferred and
    released mean that it does not; what was taken is settled once."""
    with ScriptedServer(script) as server:
        feed = RecordingFeed(mails(4), server=server)
        for _ in itertools.takewhile(lambda _: feed.mails, range(8)):
            carry(server, feed, pipelining=mode, timeout=0.5, timeout_end_of_data=0.5)
        kept = [number for mail in server.accepted for number in range(1, 5) if mark(number) in mail.content]
        assert len(kept) == len(set(kept))
        for mail in server.accepted:
            if mail.content:
                number = int(mail.recipients[0].partition("@")[0][1:])
                assert mark(number) in mail.content
        for number, verdict in feed.verdicts.items():
            if verdict is V.ACCEPTED:
                assert number in kept
            elif verdict is not V.UNKNOWN:
                assert number not in kept


def test_P25_a_server_that_finds_us_too_fast() -> None:
    """450 for a rate: the row is not to blame, the run should slow down; the scripted server counts MAILs in windows."""
    with ScriptedServer(rate=(2, 60.0)) as server:
        feed = RecordingFeed(mails(3), server=server)
        carry(server, feed)
        outcome = feed.outcomes[3]
        assert (outcome.verdict, outcome.blame, outcome.advice) == (
            V.DEFERRED,
            Blame.TRANSPORT,
            Advice.SLOW_DOWN,
        )
        assert server.peak(60.0) == 3


def test_P24_a_server_that_finds_us_too_many() -> None:
    """A second connection where one is allowed: told as such, and the first goes on."""
    with ScriptedServer({"END": Delay(0.2)}, max_connections=1) as server:
        feed = RecordingFeed(mails(4), server=server)
        transport = SmtpTransport(an_account(server), KnownSecrets())

        async def run() -> list[object]:
            return await asyncio.gather(transport.carry(feed), transport.carry(feed), return_exceptions=True)

        crowded = [each for each in asyncio.run(run()) if isinstance(each, Unreachable)]
        feed.check()
        assert [each.fewer_connections for each in crowded] == [True]
        assert len(server.accepted) == 4
