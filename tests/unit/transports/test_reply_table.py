"""The table of `replies.py`, word by word: each code and each alternative of its patterns by a reply that nothing else in the table knows.

Without its row, each of these replies would be judged by its digits alone, and otherwise. `tests/mutation` holds the file to that.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict
from mailmerge_cli.transports.smtp.replies import asked_wait, classify, last_on_connection, remote_id
from mailmerge_cli.transports.smtp.reply import Reply

MAIL, RCPT, DATA, CONTENT, END = "mail", "rcpt", "data", "content", "end of data"


class Means(NamedTuple):
    """What an outcome says; of its hint, a word that only this hint has. Empty: there is none."""

    verdict: Verdict = Verdict.DEFERRED
    blame: Blame = Blame.TRANSPORT
    advice: Advice = Advice.NONE
    wait: float = 0.0
    hint: str = ""


PLAIN = Means()
QUOTA = Means(advice=Advice.QUOTA, hint="goes on when it is free")
HOURLY = Means(advice=Advice.QUOTA, wait=3600, hint="hourly")
SLOW = Means(advice=Advice.SLOW_DOWN, wait=60)
SLOWER = Means(advice=Advice.SLOW_DOWN, wait=900, hint="lower rate")
CROWDED = Means(advice=Advice.FEWER_CONNECTIONS, wait=30, hint="fewer connections")
BLOCKED = Means(advice=Advice.STOP, hint="blocked this account")
OWN_MAILBOX = Means(advice=Advice.STOP, hint="sender's own mailbox")
SENDER = Means(advice=Advice.STOP_CONFIG, hint="send from this address")
LOGIN = Means(advice=Advice.STOP_CREDENTIALS, hint="wants a login")
TLS_FIRST = Means(advice=Advice.STOP_CONFIG, hint="encryption")
TOO_BIG = Means(Verdict.REFUSED, Blame.MESSAGE, hint="larger")
LETTER = Means(Verdict.REFUSED, Blame.MESSAGE, hint="says or holds")
DISLIKED = Means(blame=Blame.MESSAGE, wait=60)
NOBODY_THERE = Means(Verdict.REFUSED, Blame.RECIPIENT)
GREYLISTED = Means(blame=Blame.RECIPIENT, wait=60)
THEIRS = Means(blame=Blame.RECIPIENT)
THEIRS_FULL = Means(blame=Blame.RECIPIENT, wait=3600, hint="mailbox is full")
MANY = Means(blame=Blame.RECIPIENT, hint="fewer recipients")
RELAY = Means(Verdict.REFUSED, Blame.RECIPIENT, hint="pass mail on")


def reply(text: str) -> Reply:
    return Reply(int(text[:3]), (text[4:].encode(),))


def check(phase: str, text: str, means: Means, provider: str = "") -> None:
    found = classify(phase, reply(text), provider)
    assert means[:4] == (found.verdict, found.blame, found.advice, found.wait)
    assert means.hint in found.hint if means.hint else found.hint == ""


@pytest.mark.parametrize(
    "words", ["Must issue STARTTLS first", "encryption required", "encryption is required"]
)
def test_a_server_that_wants_encryption_first(words: str) -> None:
    """Settings, not the row, and not the login."""
    check(MAIL, f"550 {words}", TLS_FIRST)


@pytest.mark.parametrize(
    "text",
    ["530 no", "535 no"]
    + [
        f"550 {words}"
        for words in (
            "authentication required", "authentication is required", "must authenticate first", "must log in first",
            "must login first", "client not authenticated", "Client was not authenticated",
        )
    ],
)  # fmt: skip
def test_a_server_that_wants_a_login(text: str) -> None:
    """By its code, or by its words whatever the code is."""
    check(MAIL, text, LOGIN)


@pytest.mark.parametrize(
    "text",
    [
        "550 5.4.5 no", "550 5.1.90 no",
        "550 SubmissionQuotaExceeded", "550 RecipientRateLimitExceeded",
        "454 daily quota", "550 daily message limit", "550 MI:STC 1",
        "550 exceeded 500 mails per day", "550 reached the 500 a day", "550 limit is 500/24h", "550 limit: 500 daily",
    ],
)  # fmt: skip
def test_a_used_up_quota_of_the_day(text: str) -> None:
    """Q01, Q06, Q09: the run pauses until it is free; the letter is not to blame."""
    check(END, text, QUOTA)


@pytest.mark.parametrize(
    "text",
    [
        "550 exceeded the hourly number", "550 reached 50 per hour", "550 limit is 50 an hour", "550 hourly quota", "550 hourly message limit",
    ],
)  # fmt: skip
def test_a_used_up_quota_of_the_hour(text: str) -> None:
    """It is free again after an hour at most."""
    check(END, text, HOURLY)


@pytest.mark.parametrize(
    ("text", "elsewhere", "means"),
    [
        ("552 quota", LETTER, QUOTA),
        ("552 limit", LETTER, QUOTA),
        ("436 no", PLAIN, SENDER),
        ("556 no", LETTER, MANY),
        ("557 no", LETTER, TOO_BIG),
    ],
)
def test_a_code_that_means_something_at_one_provider(text: str, elsewhere: Means, means: Means) -> None:
    """Only there; elsewhere its digits count."""
    check(END, text, means, "aliyun-dm")
    check(END, text, elsewhere)


@pytest.mark.parametrize("text", ["552 no", "550 limit"])
def test_a_quota_of_that_provider_needs_code_and_word(text: str) -> None:
    """Its 552 is a mailbox or a size as well, and its words stand in other refusals."""
    check(END, text, LETTER, "aliyun-dm")


@pytest.mark.parametrize(
    "enhanced", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.0", "5.2.1", "5.2.33"]
)
def test_an_address_that_is_none_after_the_letter_too(enhanced: str) -> None:
    """The recipient is named, so the letter is not to blame (RFC 3463 §3.2, §3.3)."""
    check(END, f"550 {enhanced} no", NOBODY_THERE)


def test_a_closed_mailbox_is_the_recipients_whatever_words_follow() -> None:
    """A word of the content rules does not make it the letter's fault."""
    check(RCPT, "550 5.2.1 closed because of malware", NOBODY_THERE)


def test_a_mailbox_code_where_no_recipient_is_asked_about_blames_none() -> None:
    """Before a recipient was named it cannot be his; at DATA it is not known whose."""
    check(MAIL, "550 5.2.1 no", PLAIN)
    check(DATA, "550 5.2.1 no", LETTER)


@pytest.mark.parametrize(
    "words",
    [
        "5.7.705 no", "bad outbound sender", "AS(4201)", "AS4201", "S3150", "S3140", "[BL21]", "HL:IPB 1",
        "unusual sending activity", "sending paused", "account is suspended", "client host x rejected", "client host x blocked",
        "blocked using zen", "ip is on a black list", "host is on a blocklist", "server is on a blacklist",
    ],
)  # fmt: skip
def test_a_block_of_the_account_or_the_address_stops(words: str) -> None:
    """Q06, Q10: no letter and no recipient is burnt."""
    check(END, f"550 {words}", BLOCKED)
    check(RCPT, f"550 {words}", BLOCKED)


@pytest.mark.parametrize("phase", [MAIL, DATA, CONTENT, END])
def test_Q08_the_senders_own_mailbox_is_full(phase: str) -> None:
    """554 5.2.2 is the sender's wherever no recipient is asked about."""
    check(phase, "554 5.2.2 no", OWN_MAILBOX)


def test_Q08_the_recipients_mailbox_is_full() -> None:
    """At RCPT it is his, and a 552 always is."""
    check(RCPT, "554 5.2.2 no", NOBODY_THERE)
    check(END, "552 5.2.2 no", NOBODY_THERE)


@pytest.mark.parametrize(
    "words",
    [
        "5.7.60 no", "SendAsDenied", "not allowed to send as x", "send as denied", "send-as permission is missing",
        "sender address rejected", "not owned by user", "sender not allowed", "sender is not authorized", "sender not authorised",
        "mail from must be yours", "mailfrom is not the same", "mail from is not equal",
        "DT:SUM 1", "MI:SPB 1", "the from address is not one of your addresses", "address is not verified",
    ],
)  # fmt: skip
def test_Q07_a_sender_that_is_not_allowed(words: str) -> None:
    """Settings: neither recipient nor letter is burnt, whenever it is said."""
    check(RCPT, f"550 {words}", SENDER)
    check(END, f"550 {words}", SENDER)


@pytest.mark.parametrize("text", ["553 no", "550 5.7.1 no", "550 5.1.7 no", "550 5.1.8 no"])
def test_a_refusal_of_mail_from_is_about_the_sender(text: str) -> None:
    """RFC 5321 §4.3.2, RFC 3463 §3.2 and §3.8; at RCPT the same words are about the recipient."""
    check(MAIL, text, SENDER)
    check(RCPT, text, NOBODY_THERE)


@pytest.mark.parametrize(
    "text",
    [
        "432 no", "450 too many connections", "450 too many open sessions", "450 concurrent connections", "450 HL:ICC 1",
        "450 connection frequency limit", "550 connection rate limit",
    ],
)  # fmt: skip
def test_Q04_too_many_connections(text: str) -> None:
    """Fewer are used; not slower."""
    check(MAIL, text, CROWDED)


@pytest.mark.parametrize("words", ["MI:SFQ 1", "HL:REP 1", "frequency limited"])
def test_too_many_in_a_quarter_of_an_hour(words: str) -> None:
    """These providers count for fifteen minutes."""
    check(END, f"550 {words}", SLOWER)


@pytest.mark.parametrize(
    "text",
    [
        "550 peak relay limit", "450 4.7.28 no", "450 4.7.650 no", "421 4.7.0 no", "450 TSS04", "450 unexpected volume", "450 (S775)",
        "450 too many", "450 too fast", "450 too quickly", "450 too much", "450 rate limit", "450 sending rate", "450 message rate",
        "450 mail rate", "450 throttled", "450 slow down", "450 slowing down", "454 Maximum sending rate exceeded",
        "450 4.7.1 Error: too many recipients from 192.0.2.1",
    ],
)  # fmt: skip
def test_Q02_too_fast(text: str) -> None:
    """The whole run slows down, for a minute at least; it is not this recipient's greylisting."""
    check(RCPT, text, SLOW)


@pytest.mark.parametrize("text", ["452 4.5.3 no", "452 too many recipients"])
def test_too_many_recipients_of_one_mail(text: str) -> None:
    """RFC 5321 §4.5.3.1.10: the row's Cc and Bcc, not our speed."""
    check(END, text, MANY)


@pytest.mark.parametrize(
    "text", ["452 4.2.2 no", "450 4.2.1 The user you are trying to contact is receiving too quickly"]
)
def test_a_full_or_busy_mailbox_is_tried_in_an_hour(text: str) -> None:
    """A minute, as for greylisting, would be too soon."""
    check(RCPT, text, THEIRS_FULL)


@pytest.mark.parametrize("words", ["greylisted", "graylisting", "grey-listed"])
def test_P10_greylisting_at_any_step(words: str) -> None:
    """It is told at the end of data too."""
    check(END, f"451 {words}", GREYLISTED)


@pytest.mark.parametrize(
    "words",
    [
        "relay denied",
        "relaying not permitted",
        "relay access prohibited",
        "unable to relay",
        "not permitted to relay",
    ],
)
def test_a_server_that_does_not_pass_mail_on(words: str) -> None:
    """This recipient is refused, and the hint says what it is if it is all of them."""
    check(RCPT, f"550 {words}", RELAY)


@pytest.mark.parametrize("text", ["550 5.3.4 no", "550 5.2.3 no", "552 no"])
def test_a_size_that_is_refused_before_the_letter(text: str) -> None:
    """RFC 1870: the server was told the size and will not have it."""
    check(MAIL, text, TOO_BIG)


@pytest.mark.parametrize(
    "words",
    ["DT:SPM 1", "mail content denied", "suspected spam", "a spam message", "virus found", "malware found"],
)
def test_Q11_words_about_the_letter_blame_the_letter(words: str) -> None:
    """At any step, also where by its digits the refusal would be the recipient's."""
    check(RCPT, f"550 {words}", LETTER)


@pytest.mark.parametrize(
    ("phase", "text", "means"),
    [
        (END, "450 5.4.5 no", PLAIN),
        (RCPT, "450 5.1.1 no", GREYLISTED),
        (MAIL, "450 5.7.60 no", PLAIN),
        (END, "454 5.3.4 no", PLAIN),
        (END, "451 5.2.1 no", THEIRS),
        (RCPT, "550 4.7.28 no", NOBODY_THERE),
        (RCPT, "550 4.5.3 no", NOBODY_THERE),
        (END, "552 4.2.2 no", LETTER),
    ],
)
def test_where_codes_disagree_the_first_digit_counts(phase: str, text: str, means: Means) -> None:
    """RFC 5321 §4.2.1 makes the reply code the answer; the enhanced one only explains it."""
    check(phase, text, means)


@pytest.mark.parametrize(
    "words",
    [
        "S3150", "account suspended", "blocked using zen", "sender address rejected", "mail from must be yours",
        "address is not verified", "relay denied", "virus found",
    ],
)  # fmt: skip
def test_hard_words_in_a_temporary_refusal_are_temporary(words: str) -> None:
    """4xx says that it may be otherwise later: nobody is failed and no run is stopped."""
    check(RCPT, f"450 {words}", GREYLISTED)


@pytest.mark.parametrize(
    "words",
    ["TSS04", "too many recipients", "too many", "greylisted", "the user you are trying to contact is gone"],
)
def test_soft_words_in_a_lasting_refusal_are_lasting(words: str) -> None:
    """5xx will not be otherwise later."""
    check(RCPT, f"550 {words}", NOBODY_THERE)


@pytest.mark.parametrize(
    ("phase", "text", "means"),
    [
        (RCPT, "421 bye", PLAIN),
        (RCPT, "422 what", GREYLISTED),
        (RCPT, "450 4.3.1 what", PLAIN),
        (MAIL, "451 4.1.8 what", PLAIN),
        (MAIL, "451 4.2.0 what", PLAIN),
        (MAIL, "451 4.6.0 what", PLAIN),
        (MAIL, "451 4.7.1 what", PLAIN),
        (END, "451 4.1.1 what", THEIRS),
        (END, "451 4.2.0 what", THEIRS),
        (END, "451 4.6.0 what", DISLIKED),
        (DATA, "451 4.7.1 what", DISLIKED),
        (END, "451 4.4.1 what", PLAIN),
        (MAIL, "550 5.1.9 what", PLAIN),
        (RCPT, "552 what", NOBODY_THERE),
        (END, "550 what", LETTER),
    ],
)
def test_Q12_what_no_row_knows_goes_by_its_digits(phase: str, text: str, means: Means) -> None:
    """First digit, step, and the subject of the enhanced code (RFC 3463 §3)."""
    check(phase, text, means)


def test_an_outcome_holds_all_that_the_server_said() -> None:
    """Code, enhanced code, words, step, and how long to wait."""
    assert classify(RCPT, reply("450 4.2.0 Greylisted for 2 minutes")) == Outcome(
        Verdict.DEFERRED, Blame.RECIPIENT, code=450, enhanced="4.2.0", text="Greylisted for 2 minutes", phase=RCPT, wait=120.0
    )  # fmt: skip


def test_a_refusal_for_good_has_nothing_to_wait_for() -> None:
    """Whatever time its words name."""
    assert classify(RCPT, reply("550 5.1.1 gone, try in 5 minutes")).wait == 0
    assert classify(RCPT, reply("550 5.1.1 gone")).wait == 0


@pytest.mark.parametrize(
    "words",
    [
        "MI:DMC 1", "RP:DRC 1",
        "too many messages on the connection", "too many mails for a session", "too many e-mails on the connection",
        "Too Many Transactions in the session", "100 messages per connection", "100 mails per session", "no more mails on this connection",
        "no more messages in this session", "session limit", "connection limit of messages",
        "Error: too many errors", "too many nonmail commands", "too many syntax or protocol errors", "Too many unrecognized commands",
        "Too many bad commands; closing connection",
    ],
)  # fmt: skip
@pytest.mark.parametrize("code", [450, 554])
def test_P23_the_forms_of_enough_on_this_connection(code: int, words: str) -> None:
    """4xx or 5xx: the mail goes over another one."""
    assert last_on_connection(reply(f"{code} {words}"))
    assert not last_on_connection(reply(f"250 {words}"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("in 2s", 2), ("after 2 sec", 2), ("for 2 secs", 2), ("wait 2 second", 2), ("within 2 seconds", 2),
        ("in about 2 m", 120), ("in at least 2 min", 120), ("in 2 mins", 120), ("in 2 minute", 120), ("In 2 Minutes", 120),
        ("in 2 h", 7200), ("in 2 hr", 7200), ("in 2 hrs", 7200), ("in 2 hour", 7200), ("in 2 hours", 7200),
        ("in 2 months", 0), ("in 90000 s", 86400), ("in 1234567 s", 0),
    ],
)  # fmt: skip
def test_the_forms_of_a_wait(text: str, seconds: float) -> None:
    """Each word and each unit, short and long; what is no time of the day is none; a day at most."""
    assert asked_wait(text) == seconds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2.0.0 Ok: queued as 4F1C2A0BX.", "4F1C2A0BX"),
        ("OK QUEUED AS <a.b>", "a.b"),
        ("OK ID=<1abcDE>", "1abcDE"),
        ("[internalid=77, x", "77"),
        ("OK 1 abcdef-1 - gsmtp", "abcdef-1"),
        ("OK 1 abcdef-1 - gsmtp x", ""),
        ("abcdef Message Accepted for delivery", "abcdef"),
        ("x abcdef message accepted", ""),
        ("ok a1-b2-C3", "a1-b2-C3"),
        ("OK: a1-b2-c3", "a1-b2-c3"),
        ("OK a1-b2", ""),
        ("OK 17 QP 4711", "4711"),
    ],
)
def test_the_forms_of_an_id(text: str, found: str) -> None:
    """In capitals or not, in brackets or not; the full stop of the sentence is none of it; what only looks like one is none."""
    assert remote_id(text) == found


@pytest.mark.parametrize(("size", "found"), [(128, 128), (129, 128)])
def test_an_id_is_short(size: int, found: int) -> None:
    """A server can say anything; 128 characters of an id are kept."""
    assert len(remote_id("queued as " + "a" * size)) == found
    assert len(remote_id("id=" + "a" * size)) == found
