"""The state machine: every way through the table, what is not in it, and replies that nobody asked for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.transports.smtp.conversation import Conversation
from mailmerge_cli.transports.smtp.states import TABLE, WRITABLE, State, Step, after


def ready() -> Conversation:
    talk = Conversation()
    talk.receive(b"220 hi\r\n")
    talk.ask(Step.EHLO)
    talk.receive(b"250 hi\r\n")
    talk.replies.clear()
    return talk


def test_the_table_knows_every_state() -> None:
    """No state is forgotten, and only first digits that exist lead on."""
    assert set(TABLE) == set(State)
    assert {digit for steps in TABLE.values() for digits in steps.values() for digit in digits} <= {
        2,
        3,
        4,
        5,
    }


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, Step)))
def test_421_and_what_is_not_in_the_table_end_it(state: State, step: Step) -> None:
    """RFC 5321 §3.8; out of step is over."""
    assert after(state, step, 421) is State.OVER
    for code in (200, 250, 354, 334, 450, 550):
        digits = TABLE[state].get(step, {})
        if code // 100 not in digits:
            assert after(state, step, code) is State.OVER


def test_content_is_reached_over_one_way_only() -> None:
    """Only RCPT accepted, then DATA with 354, lets content out; and only an accepted MAIL leads to an accepted RCPT."""
    ways = [
        (state, step, code)
        for state, step, code in itertools.product(State, Step, range(200, 600))
        if after(state, step, code) is State.CONTENT
    ]
    assert ways == [(State.RECIPIENT, Step.DATA, 354)]
    to_recipient = {
        (state, step)
        for state, step, code in itertools.product(State, Step, range(200, 600))
        if after(state, step, code) is State.RECIPIENT and state is not State.RECIPIENT
    }
    assert to_recipient == {(State.SENDER, Step.RCPT)}


CODES = st.sampled_from([220, 235, 250, 251, 334, 354, 421, 450, 452, 503, 550, 554])


@given(st.lists(CODES, min_size=3, max_size=3))
def test_a_group_lets_content_out_only_if_all_are_as_they_should_be(codes: list[int]) -> None:
    """DESIGN: content only if this MAIL was 2xx, this RCPT 2xx and DATA 354."""
    talk = ready()
    talk.ask(Step.MAIL, Step.RCPT, Step.DATA)
    talk.receive(b"".join(b"%d x\r\n" % code for code in codes))
    mail, rcpt, data = codes
    assert (talk.state is State.CONTENT) == (mail // 100 == 2 and rcpt // 100 == 2 and data == 354)
    assert (talk.state is State.HOLLOW) == (
        mail // 100 == 2 and rcpt // 100 in (4, 5) and rcpt != 421 and data == 354
    )


def test_replies_wait_for_their_asker() -> None:
    """Replies come out in order; the state runs ahead to the last that came."""
    talk = ready()
    talk.ask(Step.MAIL, Step.RCPT, Step.DATA)
    talk.receive(b"250 a\r\n250 b\r\n35")
    assert [reply.code for reply in talk.replies] == [250, 250]
    assert talk.state is State.RECIPIENT
    talk.receive(b"4 c\r\n")
    assert talk.state is State.CONTENT


def test_a_reply_to_nothing_ends_it() -> None:
    """An idle 421, or a late reply, is not taken for an answer to the next command."""
    talk = ready()
    talk.receive(b"421 4.4.2 idle\r\n")
    assert talk.over
    assert talk.unasked is not None
    assert talk.unasked.code == 421
    assert not talk.replies


def test_of_replies_to_nothing_the_first_counts() -> None:
    """What follows a 421 that nobody asked for does not hide it."""
    talk = ready()
    talk.receive(b"421 4.4.2 idle\r\n250 what\r\n")
    assert talk.unasked is not None
    assert talk.unasked.code == 421
    assert "421" in talk.fault
    assert not talk.replies


def test_garbage_ends_it_but_not_what_came_before() -> None:
    """The reply in front of the garbage counts."""
    talk = ready()
    talk.ask(Step.MAIL, Step.RCPT)
    talk.receive(b"250 a\r\nwhat?\r\n")
    assert talk.over
    assert talk.fault
    assert [reply.code for reply in talk.replies] == [250]


@pytest.mark.parametrize("cut", [False, True])
def test_P17_behind_garbage_no_reply_is_anybodys(cut: bool) -> None:
    """The 554 to DATA behind garbage to RCPT is not the recipient's, whether both come at once or one after the other."""
    talk = ready()
    talk.ask(Step.MAIL, Step.RCPT, Step.DATA)
    chunks = [b"250 2.1.0 Ok\r\n\xff\xfe\r\n", b"554 5.5.1 no valid recipients\r\n"]
    for chunk in chunks if cut else [b"".join(chunks)]:
        talk.receive(chunk)

    assert [250] == [reply.code for reply in talk.replies]
    assert talk.over
    assert talk.unasked is None


def test_after_the_end_the_rest_of_a_group_is_still_read() -> None:
    """A 354 to a refused MAIL ends it; the replies behind are not lost."""
    talk = ready()
    talk.ask(Step.RSET, Step.MAIL, Step.RCPT, Step.DATA)
    talk.receive(b"250 a\r\n451 b\r\n250 c\r\n354 d\r\n")
    assert talk.over
    assert [reply.code for reply in talk.replies] == [250, 451, 250, 354]
    assert "RCPT" in talk.fault


@pytest.mark.parametrize("step", list(WRITABLE))
def test_a_step_out_of_turn_is_our_bug(step: Step) -> None:
    """What may not be pipelined is asked only when all is quiet and the state is right."""
    talk = ready()
    talk.ask(Step.MAIL)
    with pytest.raises(AssertionError):
        talk.ask(step)


def test_tls_starts_the_conversation_again() -> None:
    """RFC 3207 §4.2: after the handshake comes EHLO, and nothing else."""
    talk = ready()
    talk.ask(Step.STARTTLS)
    talk.receive(b"220 go\r\n")
    assert talk.state is State.SECURING
    talk.replies.clear()
    assert talk.quiet
    talk.secured()
    assert talk.state is State.GREETED


@pytest.mark.parametrize("extra", [b"250 evil\r\n", b"2", b"\r\n"])
def test_C04_bytes_behind_starttls_are_seen(extra: bytes) -> None:
    """Anything behind the 220 makes the conversation not quiet."""
    talk = ready()
    talk.ask(Step.STARTTLS)
    talk.receive(b"220 go\r\n" + extra)
    talk.replies.clear()
    assert not talk.quiet or talk.over


@given(
    st.lists(st.sampled_from([Step.MAIL, Step.RCPT, Step.DATA, Step.RSET, Step.QUIT]), max_size=6),
    st.binary(max_size=200),
)
def test_no_bytes_break_it(steps: list[Step], octets: bytes) -> None:
    """Whatever comes, the conversation is in a state of its table."""
    talk = ready()
    talk.ask(*steps)
    talk.receive(octets)
    assert talk.state in TABLE
