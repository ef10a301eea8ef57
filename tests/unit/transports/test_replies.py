"""What each refusal means: the table of `replies.py`, row by row, and what no row knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict
from mailmerge_cli.transports.smtp.replies import (
    accepted,
    asked_wait,
    classify,
    last_on_connection,
    remote_id,
)
from mailmerge_cli.transports.smtp.reply import Reply

END, RCPT, MAIL, DATA = "end of data", "rcpt", "mail", "data"


def reply(text: str) -> Reply:
    lines = text.split("\n")
    return Reply(int(lines[0][:3]), tuple(line[4:].encode() for line in lines))


def outcome(phase: str, text: str, provider: str = "") -> Outcome:
    return classify(phase, reply(text), provider)


@pytest.mark.parametrize(
    ("phase", "text", "advice"),
    [
        # Q01, Q02, Q03: Google
        (END, "550-5.4.5 Daily user sending limit exceeded. For more\n550 5.4.5 information - gsmtp", Advice.QUOTA),
        (MAIL, "550 5.4.5 Daily SMTP relay sending limit exceeded for this user.", Advice.QUOTA),
        (MAIL, "421 4.7.28 Our system has detected an unusual rate of unsolicited mail", Advice.SLOW_DOWN),
        (MAIL, "421 4.7.0 Try again later, closing connection. - gsmtp", Advice.SLOW_DOWN),
        (RCPT, "450 4.2.1 Peak SMTP relay limit exceeded for customer.", Advice.SLOW_DOWN),
        # Q04 - Q08: Microsoft 365
        (MAIL, "432 4.3.2 Concurrent connections limit exceeded.", Advice.FEWER_CONNECTIONS),
        (END, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", Advice.QUOTA),
        (END, "550 5.7.705 Access denied, tenant has exceeded threshold.", Advice.STOP),
        (END, "550 5.7.708 Access denied, traffic not accepted from this IP.", Advice.STOP),
        (END, "550 5.1.8 Access denied, bad outbound sender AS(42004)", Advice.STOP),
        (MAIL, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", Advice.STOP_CONFIG),
        (END, "554 5.2.252 SendAsDenied; a@example.org not allowed to send as b@example.org", Advice.STOP_CONFIG),
        (END, "554 5.2.2 mailbox full; STOREDRV.Submission.Exception", Advice.STOP),
        (MAIL, "530 5.7.57 Client not authenticated to send mail.", Advice.STOP_CREDENTIALS),
        # Q09: Amazon SES
        (END, "454 Throttling failure: Maximum sending rate exceeded.", Advice.SLOW_DOWN),
        (END, "454 Throttling failure: Daily message quota exceeded.", Advice.QUOTA),
        (END, "554 Message rejected: Email address is not verified.", Advice.STOP_CONFIG),
        (END, "554 Sending paused for this account.", Advice.STOP),
        # Q10: Yahoo, Outlook.com
        (MAIL, "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume", Advice.SLOW_DOWN),
        (MAIL, "550 5.7.1 messages from [192.0.2.1] weren't sent, on our block list (S3150)", Advice.STOP),
        (MAIL, "451 4.7.650 The mail server has been temporarily rate limited (S775)", Advice.SLOW_DOWN),
        (MAIL, "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1", Advice.STOP),
        # NetEase, Tencent, Alibaba
        (MAIL, "451 MI:SFQ 192.0.2.1,1,abc", Advice.SLOW_DOWN),
        (MAIL, "550 MI:STC 192.0.2.1", Advice.QUOTA),
        (MAIL, "421 HL:REP 192.0.2.1", Advice.SLOW_DOWN),
        (MAIL, "421 HL:ICC too many", Advice.FEWER_CONNECTIONS),
        (MAIL, "553 Mail from must equal authorized user", Advice.STOP_CONFIG),
        (MAIL, "501 mail from address must be same as authorization user", Advice.STOP_CONFIG),
        (END, "550 Ip frequency limited. Please contact", Advice.SLOW_DOWN),
        # any server
        (MAIL, "530 5.7.0 Authentication required", Advice.STOP_CREDENTIALS),
        (MAIL, "530 5.7.0 Must issue a STARTTLS command first", Advice.STOP_CONFIG),
        (RCPT, "553 5.7.1 <a@example.org>: Sender address rejected: not owned by user b", Advice.STOP_CONFIG),
        (RCPT, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example.net", Advice.STOP),
        (MAIL, "553 5.1.8 no", Advice.STOP_CONFIG),
        (MAIL, "550 5.7.1 not you", Advice.STOP_CONFIG),
        (MAIL, "450 4.7.1 Error: too much mail from 192.0.2.1", Advice.SLOW_DOWN),
        (RCPT, "450 4.7.1 rate limit exceeded", Advice.SLOW_DOWN),
        (RCPT, "421 4.7.0 Error: too many connections from 192.0.2.1", Advice.FEWER_CONNECTIONS),
        (MAIL, "552 5.7.0 You have exceeded the maximum of 500 messages per hour", Advice.QUOTA),
        (MAIL, "452 4.3.1 Insufficient system storage", Advice.NONE),
        (MAIL, "550 nobody knows why", Advice.NONE),
        (RCPT, "451 4.3.0 Temporary lookup failure", Advice.NONE),
        (RCPT, "421 4.3.2 shutting down", Advice.NONE),
        (END, "452 4.3.1 disk full", Advice.NONE),
        (END, "451 local error in processing", Advice.NONE),
        (DATA, "451 4.3.0 later", Advice.NONE),
    ],
)  # fmt: skip
def test_a_fault_of_account_or_server_burns_no_row(phase: str, text: str, advice: Advice) -> None:
    """Quota, speed, reputation, sender, login, server: deferred, blame TRANSPORT, and the advice that fits, 5xx or not."""
    found = outcome(phase, text)
    assert (found.verdict, found.blame, found.advice) == (Verdict.DEFERRED, Blame.TRANSPORT, advice)


@pytest.mark.parametrize(
    ("phase", "text", "verdict", "blame"),
    [
        (RCPT, "550 5.1.1 no such user", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "550 5.1.1 User not listed in Domino Directory", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "550 User p@example.org not listed in public directory", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "554 5.7.1 <p@example.com>: Relay access denied", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "552 5.2.2 Mailbox over quota", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "550 what", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "599 what", Verdict.REFUSED, Blame.RECIPIENT),
        (END, "550 5.1.1 no such user", Verdict.REFUSED, Blame.RECIPIENT),
        (RCPT, "450 4.2.0 <p@example.org>: Greylisted, see http://example.org", Verdict.DEFERRED, Blame.RECIPIENT),
        (RCPT, "451 4.7.1 Greylisting in action, please come back later", Verdict.DEFERRED, Blame.RECIPIENT),
        (RCPT, "452 4.2.2 Mailbox full", Verdict.DEFERRED, Blame.RECIPIENT),
        (RCPT, "452 4.2.2 The mailbox has exceeded its limit, try again in 24 hours", Verdict.DEFERRED, Blame.RECIPIENT),
        (RCPT, "450 4.2.1 The user you are trying to contact is receiving mail too quickly", Verdict.DEFERRED, Blame.RECIPIENT),
        (RCPT, "452 4.5.3 Too many recipients", Verdict.DEFERRED, Blame.RECIPIENT),
        (RCPT, "450 what", Verdict.DEFERRED, Blame.RECIPIENT),
        (END, "452 4.2.2 Mailbox full", Verdict.DEFERRED, Blame.RECIPIENT),
        (MAIL, "552 5.3.4 Message size exceeds fixed limit", Verdict.REFUSED, Blame.MESSAGE),
        (MAIL, "552 too big", Verdict.REFUSED, Blame.MESSAGE),
        ("content", "552 5.3.4 too big", Verdict.REFUSED, Blame.MESSAGE),
        (END, "552 5.2.3 Message exceeds local size limit", Verdict.REFUSED, Blame.MESSAGE),
        (END, "554 5.6.0 bad MIME", Verdict.REFUSED, Blame.MESSAGE),
        (END, "550 5.7.1 spam", Verdict.REFUSED, Blame.MESSAGE),
        (END, "554 DT:SPM 163 smtp1", Verdict.REFUSED, Blame.MESSAGE),
        (END, "550 Mail content denied", Verdict.REFUSED, Blame.MESSAGE),
        (DATA, "554 no", Verdict.REFUSED, Blame.MESSAGE),
        (END, "451 4.7.1 looks odd, we will look again", Verdict.DEFERRED, Blame.MESSAGE),
    ],
)  # fmt: skip
def test_a_fault_of_one_mail_is_its_own(phase: str, text: str, verdict: Verdict, blame: Blame) -> None:
    """P10, P11, P13, P15, Q03, Q11, Q12: what is about this recipient or this message stops nobody else."""
    found = outcome(phase, text)
    assert (found.verdict, found.blame, found.advice) == (verdict, blame, Advice.NONE)


@pytest.mark.parametrize(
    ("text", "advice", "verdict"),
    [
        ("552 sending limit", Advice.QUOTA, Verdict.DEFERRED),
        ("436 from mismatch", Advice.STOP_CONFIG, Verdict.DEFERRED),
        ("556 no", Advice.NONE, Verdict.DEFERRED),
        ("557 no", Advice.NONE, Verdict.REFUSED),
    ],
)
def test_codes_of_one_provider(text: str, advice: Advice, verdict: Verdict) -> None:
    """Alibaba's own codes mean something only where the account is one of its."""
    found = outcome(END, text, "aliyun-dm")
    assert (found.advice, found.verdict) == (advice, verdict)


def test_greylisting_waits_a_minute_or_as_long_as_it_says() -> None:
    """P10: at least 60 s; longer where the server names a time, a day at most."""
    assert outcome(RCPT, "450 4.2.0 greylisted").wait == 60
    assert outcome(RCPT, "450 4.2.0 greylisted, try again in 5 minutes").wait == 300
    assert outcome(RCPT, "450 4.2.0 greylisted for 99999 hours").wait == 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("please try again in 300 seconds", 300),
        ("Try after 2 hours.", 7200),
        ("wait about 10 mins", 600),
        ("in 3 s", 3),
        ("later", 0),
        ("in 5 recipients", 0),
        ("limit of 30 seconds", 0),
    ],
)
def test_asked_wait(text: str, seconds: float) -> None:
    """Times are understood where a wait is meant."""
    assert asked_wait(text) == seconds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("id=1", "1"),
        ("Ok: queued as 4F1C2A0B", "4F1C2A0B"),
        ("OK id=1abcDE-00001Q-2x", "1abcDE-00001Q-2x"),
        (
            "<1.a@example.org> [InternalId=123456, Hostname=X.example.org] 2 bytes. Queued mail for delivery",
            "123456",
        ),
        ("OK  1700000000 d9443c01a7336-1c5sm - gsmtp", "d9443c01a7336-1c5sm"),
        ("3A5x8a message accepted for delivery", "3A5x8a"),
        ("Ok 0100018f-abcd-4321-0000-000000", "0100018f-abcd-4321-0000-000000"),
        ("ok 1700000000 qp 4711", "4711"),
        ("Mail OK queued as gzga-smtp-mta-g1-4,_____wD3", "gzga-smtp-mta-g1-4"),
        ("Ok", ""),
        ("Great success", ""),
    ],
)
def test_remote_id(text: str, found: str) -> None:
    """The id that the server gave the message is found in the usual forms."""
    assert remote_id(text) == found


def test_accepted() -> None:
    """A 2xx to the dot is accepted, with all that the server said."""
    assert accepted(reply("250 2.0.0 Ok: queued as X1")) == Outcome(
        Verdict.ACCEPTED, code=250, enhanced="2.0.0", text="Ok: queued as X1", phase=END, remote_id="X1"
    )


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("450 MI:DMC 163 smtp", True),
        ("421 too many messages in this connection", True),
        ("452 4.7.0 Maximum of 100 messages per connection", True),
        ("450 too many messages", False),
        ("250 2.0.0 messages per connection: 5", False),
    ],
)
def test_last_on_connection(text: str, last: bool) -> None:
    """P23: a server that has had its number of messages only wants another connection."""
    assert last_on_connection(reply(text)) is last


@given(
    st.sampled_from([MAIL, RCPT, DATA, "content", END]),
    st.integers(400, 599),
    st.lists(st.binary(max_size=60).filter(lambda b: b"\n" not in b), min_size=1, max_size=4),
    st.sampled_from(["", "gmail", "aliyun-dm"]),
)
def test_Q12_anything_is_classified(phase: str, code: int, lines: list[bytes], provider: str) -> None:
    """Whatever the server says: an outcome with safe text; 4xx is never refused but by 556; accepted or unknown never."""
    found = classify(phase, Reply(code, tuple(lines)), provider)
    assert found.verdict in (Verdict.DEFERRED, Verdict.REFUSED)
    assert code >= 500 or found.verdict is Verdict.DEFERRED
    assert found.blame is not Blame.NOBODY
    assert found.text.isprintable()
    assert len(found.text) <= 500
