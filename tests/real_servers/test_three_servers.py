"""The SMTP core against Postfix, Exim and sendmail, in every way of writing ahead: refusals at each step, 421, killed sessions, extensions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.model.account import Account, Auth, Security
from mailmerge_cli.model.mail import Blame, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.transports.smtp import SmtpTransport, carriage, commands
from real_servers.trial import a_trial, kill_and_settle
from support import refused
from support.exim import PER_CONNECTION
from support.feeds import KnownSecrets, RecordingFeed, a_mail, an_account, mark
from support.postfix import Postfix
from support.private_server import Kept, PrivateServer

pytestmark = pytest.mark.servers

MODES = ("off", "envelope", "next", "auto")


def account(server: PrivateServer, mode: str = "envelope") -> Account:
    """At the door where Postfix refuses what the two others refuse everywhere."""
    port = server.ports["refusing"] if isinstance(server, Postfix) else server.port
    return an_account(
        host="127.0.0.1", port=port, security=Security.NONE, auth=Auth.NONE, pipelining=mode, timeout=20.0, timeout_end_of_data=20.0
    )  # fmt: skip


def carried(account: Account, mails: Sequence[Mail], connections: int = 1) -> dict[int, Outcome]:
    """Connections, each after the last, until nothing is left; what was released is taken again, as the engine does."""
    outcomes: dict[int, Outcome] = {}
    by_number = {mail.delivery: mail for mail in mails}
    left = list(mails)
    transport = SmtpTransport(account, KnownSecrets())

    async def run(feed: RecordingFeed) -> None:
        while feed.mails:
            await asyncio.gather(*(transport.carry(feed) for _ in range(connections)))

    for _ in range(len(mails)):
        feed = RecordingFeed(left)
        asyncio.run(run(feed))
        feed.check()
        outcomes |= feed.outcomes
        left = [by_number[n] for n, outcome in feed.outcomes.items() if outcome.verdict is Verdict.RELEASED]
        if not left:
            return outcomes
    raise AssertionError(f"released for ever: {left}")


def numbers(kept: Sequence[Kept], among: Sequence[Mail]) -> list[int]:
    """Whose mails arrived, in order, each as often as it did; none holds two people's content."""
    found = []
    for one in kept:
        marks = [mail.delivery for mail in among if mark(mail.delivery) in one.octets]
        assert len(marks) == 1
        found += marks
    return sorted(found)


def body(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").partition(b"\n\n")[2]


class Case(NamedTuple):
    """A mail, and at which step and with which enhanced code it is refused; accepted where both are empty."""

    mail: Mail
    phase: str = ""
    enhanced: str = ""


def a_case(number: int) -> Case:
    """Good ones and bad ones, in every order."""
    own, bad = f"s{number}@example.org", {7: (refused.SENDER, "5.7.1"), 6: (refused.SENDER_FOR_NOW, "4.3.0")}
    sender, code = bad.get(number % 13, (own, ""))
    if code:
        return Case(a_mail(number, sender=sender), "mail", code)
    to, code = {0: (refused.RECIPIENT, "5.1.1"), 4: (refused.RECIPIENT_FOR_NOW, "4.2.1")}.get(
        number % 5, ("", "")
    )
    if code:
        return Case(a_mail(number, to, sender=own), "rcpt", code)
    if number % 11 in (3, 4):
        both = (
            f"p{number}@example.org",
            refused.RECIPIENT if number % 11 == 3 else refused.RECIPIENT_FOR_NOW,
        )
        return Case(a_mail(number, both, sender=own), "rcpt", "5.1.1" if number % 11 == 3 else "4.2.1")
    if number % 17 in (2, 3):
        return Case(a_mail(number, sender=refused.AT_DATA), "data", "5.7.1")
    mail = a_mail(number, sender=own, body=b".\r\n..\r\n.x\r\nQUIT\r\n\r\n")
    if number % 7 in (1, 2):
        content = (f"{refused.HEADER}: yes\r\n".encode(), *mail.content)
        return Case(mail._replace(content=content), "end of data", "5.7.1")
    return Case(mail)


@pytest.mark.parametrize("connections", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_P11_P16_refusals_at_every_step(server: PrivateServer, mode: str, connections: int) -> None:
    """Of two hundred each gets the answer that is his; what was accepted is there once, whole, under its own sender, and nothing else."""
    cases = [a_case(number) for number in range(1, 201)]
    mails = [case.mail for case in cases]
    outcomes = carried(account(server, mode), mails, connections)

    for case in cases:
        outcome = outcomes[case.mail.delivery]
        if case.phase:
            assert (case.phase, case.enhanced) == (outcome.phase, outcome.enhanced), (
                case.mail.delivery,
                outcome,
            )
            assert outcome.verdict in (Verdict.REFUSED, Verdict.DEFERRED)
        else:
            assert (Verdict.ACCEPTED, True) == (outcome.verdict, bool(outcome.remote_id)), outcome
    good = {case.mail.delivery: case.mail for case in cases if not case.phase}
    assert len(good) > 50 > len(good) - 100
    kept = server.kept(len(good))
    assert sorted(good) == numbers(kept, mails)
    for one in kept:
        (number,) = numbers([one], mails)
        assert (f"s{number}@example.org", f"p{number}@example.org") == one[:2]
        assert body(b"".join(good[number].content)) == body(one.octets)


@pytest.mark.parametrize("mode", MODES)
def test_P04_a_421_for_one_recipient(server: PrivateServer, mode: str) -> None:
    """Two servers hang up after it, one does not: that mail is put off, all others go, over new connections."""
    mails = [a_mail(n, refused.RECIPIENT_WITH_421 if n in (4, 5, 9) else "") for n in range(1, 13)]
    outcomes = carried(account(server, mode), mails)

    assert {4, 5, 9} == {n for n, outcome in outcomes.items() if outcome.verdict is not Verdict.ACCEPTED}
    assert {(Verdict.DEFERRED, 421, "4.3.2", "rcpt")} == {
        (outcomes[n].verdict, outcomes[n].code, outcomes[n].enhanced, outcomes[n].phase) for n in (4, 5, 9)
    }
    assert [n for n in range(1, 13) if n not in (4, 5, 9)] == numbers(server.kept(9), mails)


@pytest.mark.parametrize("mode", MODES)
def test_sessions_killed_in_the_middle(server: PrivateServer, mode: str) -> None:
    """Its process dies right after a begin, four times: in doubt is that mail at most, and nothing else of it is wrong."""
    mails = [a_mail(number) for number in range(1, 81)]
    deaths = [10, 11, 37, 60]
    begun = 0

    async def on_commit(settled: Settlement | None, mail: Mail | None) -> None:
        nonlocal begun
        begun += mail is not None
        if mail is not None and begun in deaths:
            deaths.remove(begun)
            server.kill_sessions()

    outcomes: dict[int, Outcome] = {}
    transport = SmtpTransport(account(server, mode), KnownSecrets())

    async def run(feed: RecordingFeed) -> None:
        until = time.monotonic() + 60
        while feed.mails and time.monotonic() < until:
            with contextlib.suppress(MailmergeError):
                await transport.carry(feed)

    for _ in range(20):
        feed = RecordingFeed([mail for mail in mails if mail.delivery not in outcomes], on_commit=on_commit)
        asyncio.run(run(feed))
        feed.check()
        again = (Verdict.RELEASED, Verdict.DEFERRED)
        outcomes |= {n: outcome for n, outcome in feed.outcomes.items() if outcome.verdict not in again}
        if len(outcomes) == len(mails):
            break

    assert [] == deaths
    sent = sorted(n for n, outcome in outcomes.items() if outcome.verdict is Verdict.ACCEPTED)
    doubt = {n for n, outcome in outcomes.items() if outcome.verdict is Verdict.UNKNOWN}
    assert len(sent) + len(doubt) == len(mails)
    assert len(doubt) <= 4
    arrived = numbers(server.kept(len(sent)), mails)
    assert len(arrived) == len(set(arrived)), "twice"
    assert set(sent) <= set(arrived) <= set(sent) | doubt


@pytest.mark.parametrize("mode", MODES)
def test_P23_a_limit_of_messages_of_a_connection(server: PrivateServer, mode: str) -> None:
    """Exim says 421 after forty: another connection goes on, and no row hears of it."""
    mails = [a_mail(number) for number in range(1, PER_CONNECTION * 2 + 21)]
    outcomes = carried(account(server, mode), mails, connections=1)

    assert {Verdict.ACCEPTED} == {outcome.verdict for outcome in outcomes.values()}
    assert [mail.delivery for mail in mails] == numbers(server.kept(len(mails)), mails)


@pytest.mark.parametrize("mode", MODES)
def test_P21_eight_bits_and_addresses_outside_ascii(server: PrivateServer, mode: str) -> None:
    """BODY=8BITMIME everywhere; SMTPUTF8 where it is offered, and refused by ourselves where it is not."""
    eight = "süß 工资\r\n".encode() + bytes(range(160, 256)) + b"\r\n"
    mails = [
        a_mail(1, body=eight, eight_bit=True),
        a_mail(2, "用户@example.org", smtputf8=True),
        a_mail(3, body=eight, eight_bit=True),
    ]
    outcomes = carried(account(server, mode), mails)

    offered = server.offers_smtputf8
    good = [1, 2, 3] if offered else [1, 3]
    assert good == sorted(n for n, outcome in outcomes.items() if outcome.verdict is Verdict.ACCEPTED)
    if not offered:
        assert (Verdict.REFUSED, Blame.RECIPIENT, 0) == (
            outcomes[2].verdict,
            outcomes[2].blame,
            outcomes[2].code,
        )
        assert "SMTPUTF8" in outcomes[2].text
    kept = server.kept(len(good))
    assert good == numbers(kept, mails)
    for one in kept:
        (number,) = numbers([one], mails)
        assert body(b"".join(mails[number - 1].content)) == body(one.octets)
        if number == 2:
            assert "用户@example.org".encode() in one.octets


@pytest.mark.parametrize("told", ["before", "at MAIL", "at the end of data"])
@pytest.mark.parametrize("mode", ["off", "envelope", "next"])
def test_B07_too_large(server: PrivateServer, mode: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SIZE before anything is said; by each server's own 552, were we not to look; its row alone, and the next mail goes."""
    if told != "before":
        monkeypatch.setattr(carriage, "objection", lambda mail, offers: None)
    if told == "at the end of data":
        real = commands.mail_from
        monkeypatch.setattr(
            commands, "mail_from", lambda sender, **words: real(sender, **{**words, "size": 0})
        )
    large = a_mail(2, body=b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * (refused.SIZE // 70))
    mails = [a_mail(1), large, a_mail(3)]
    outcomes = carried(account(server, mode), mails)

    assert (Verdict.REFUSED, Blame.MESSAGE) == (outcomes[2].verdict, outcomes[2].blame), outcomes[2]
    if told == "before":
        assert (0, "mail") == (outcomes[2].code, outcomes[2].phase)
    else:
        assert (552, "mail" if told == "at MAIL" else "end of data") == (outcomes[2].code, outcomes[2].phase)
    assert [1, 3] == numbers(server.kept(2), mails)


@pytest.mark.parametrize("mode", ["envelope", "auto"])
def test_the_whole_program(server: PrivateServer, tmp_path: Path, mode: str) -> None:
    """Everything a mail can hold, read back and compared; again: nothing."""
    trial = a_trial(tmp_path / "c", server, 30)
    trial.account(pipelining=mode, connections=3)
    ran = trial.send()

    assert (0, 30) == (ran.code, ran.json["sent_now"]), ran.err
    trial.each_once()
    assert all(line["remote_id"] for line in trial.log().values())
    assert (0, 0) == ((again := trial.send()).code, again.json["sent_now"])


def test_the_whole_program_while_sessions_are_killed(server: PrivateServer, tmp_path: Path) -> None:
    """kill -9 at all sessions, three times, and two workers: nobody twice, one in doubt a connection and kill at most; then all."""
    trial = a_trial(tmp_path / "c", server, 160, sending='retry_after = "1s"')
    trial.account(pipelining="next", connections=3)
    kill_and_settle(trial, "--workers", 2, connections=3)
