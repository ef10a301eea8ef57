"""A refusal that is about all mails reaches the engine before this connection takes another one, so that nobody runs into it twice."""

from __future__ import annotations

import pytest

from mailmerge_cli.model.mail import Verdict
from support.feeds import RecordingFeed, a_mail, carry
from support.scripted_smtp import ScriptedServer


@pytest.mark.parametrize("mode", ["off", "envelope"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "END"])
def test_P25_too_fast_is_told_before_the_next_is_taken(mode: str, step: str) -> None:
    """450 4.7.1 too much mail: its commit comes before the next take."""
    with ScriptedServer({step: {2: "450 4.7.1 Error: too much mail from you"}}) as server:
        feed = RecordingFeed([a_mail(1), a_mail(2), a_mail(3)])
        assert carry(server, feed, pipelining=mode) is None
        assert {1: Verdict.ACCEPTED, 2: Verdict.DEFERRED, 3: Verdict.ACCEPTED} == feed.verdicts
        assert feed.log.index("deferred 2") < feed.log.index("take 3")
