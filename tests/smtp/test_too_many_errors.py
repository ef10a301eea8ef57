"""A server that counts errors and hangs up at one too many, as Postfix does: the unknown users fail, nobody waits for it."""

from __future__ import annotations

import pytest

from mailmerge_cli.model.mail import Verdict
from support.feeds import RecordingFeed, a_mail, carry
from support.scripted_smtp import Close, ScriptedServer

TOO_MANY = Close("421 4.7.0 mail.example.org Error: too many errors")


@pytest.mark.parametrize("mode", ["off", "envelope", "next", "auto"])
def test_an_unknown_user_who_was_one_too_many(mode: str) -> None:
    """550 at RCPT, then 421 to whatever comes next: he is refused for good with his own reply, and no more is settled here."""
    rules = {"RCPT TO:<p2@": "550 5.1.1 no such user", "DATA": {2: TOO_MANY}, "RSET": TOO_MANY}
    with ScriptedServer(rules) as server:
        feed = RecordingFeed([a_mail(1), a_mail(2)])
        assert carry(server, feed, pipelining=mode) is None
        outcome = feed.outcomes[2]
        if mode in ("next", "auto"):  # its envelope came behind the first one's end, and a RSET before it
            assert Verdict.RELEASED is outcome.verdict
        else:
            assert (Verdict.REFUSED, 550, "rcpt") == (outcome.verdict, outcome.code, outcome.phase)
        assert Verdict.ACCEPTED is feed.verdicts[1]


@pytest.mark.parametrize("mode", ["off", "envelope"])
@pytest.mark.parametrize(
    "say",
    [
        "421 4.7.0 mail.example.org Error: too many errors",
        "421 too many nonmail commands",
        "421 4.7.0 mail.example.org Too many bad commands; closing connection",
    ],
)
def test_too_many_errors_at_the_next_mail_change_no_row(mode: str, say: str) -> None:
    """It is the connection that has had enough: the next mail is released, nobody holds off for a minute."""
    with ScriptedServer({"MAIL": {2: Close(say)}}) as server:
        feed = RecordingFeed([a_mail(1), a_mail(2)])
        assert carry(server, feed, pipelining=mode) is None
        assert {1: Verdict.ACCEPTED, 2: Verdict.RELEASED} == feed.verdicts
