"""What travels between the processes arrives whole, whatever the pieces in which it comes."""

from __future__ import annotations

import asyncio
import pickle
import socket

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailmerge_cli.engine.frames import Frames, Say, flat, whole
from mailmerge_cli.engine.worker import WorkerBug, portable
from mailmerge_cli.errors import Problem, Refused, Unreachable
from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict

outcomes = st.builds(
    Outcome,
    st.sampled_from(Verdict),
    st.sampled_from(Blame),
    st.sampled_from(Advice),
    st.integers(0, 599),
    st.text(max_size=8),
    st.text(max_size=40),
    st.text(max_size=12),
    st.text(max_size=12),
    st.floats(0, 1e6),
    st.text(max_size=20),
)

accepted = st.builds(
    Outcome,
    st.just(Verdict.ACCEPTED),
    st.sampled_from([Blame.NOBODY, Blame.NOBODY, Blame.TRANSPORT]),
    st.sampled_from([Advice.NONE, Advice.NONE, Advice.SLOW_DOWN]),
    code=st.integers(0, 599),
    enhanced=st.text(max_size=8),
    text=st.text(max_size=40),
    phase=st.text(max_size=12),
    remote_id=st.text(max_size=12),
    wait=st.sampled_from([0.0, 1.0]),
    hint=st.sampled_from(["", "look"]),
)


@given(st.one_of(outcomes, accepted))
@example(
    Outcome(Verdict.ACCEPTED, code=250, enhanced="2.0.0", text="Ok", phase="end of data", remote_id="77")
)
@example(Outcome(Verdict.ACCEPTED, hint="look"))
@example(Outcome(Verdict.ACCEPTED, wait=1.0))
@example(Outcome(Verdict.ACCEPTED, Blame.TRANSPORT))
@example(Outcome(Verdict.ACCEPTED, advice=Advice.SLOW_DOWN))
def test_an_outcome_comes_out_as_it_went_in(outcome: Outcome) -> None:
    """All of its fields."""
    assert whole(flat(outcome)) == outcome


@given(
    words=st.lists(st.lists(st.text(max_size=50), max_size=4), min_size=1, max_size=6), cut=st.integers(1, 40)
)
@settings(max_examples=60, deadline=None)
def test_frames_arrive_in_order_however_they_are_cut(words: list[list[str]], cut: int) -> None:
    """Octets in any pieces; the words are the same, in the same order."""

    async def go() -> list[tuple[object, ...]]:
        heard: list[tuple[object, ...]] = []
        ours, theirs = socket.socketpair()
        frames = Frames(ours, heard.extend, lambda: None)
        octets = b""
        for word in words:
            piece = pickle.dumps([(Say.TRACE, *word)])
            octets += len(piece).to_bytes(4, "little") + piece
        for start in range(0, len(octets), cut):
            frames.data_received(octets[start : start + cut])
        ours.close()
        theirs.close()
        return heard

    assert asyncio.run(go()) == [(Say.TRACE, *word) for word in words]


def test_what_was_said_before_the_end_is_heard_before_the_loss() -> None:
    """A peer that says something and is gone: first the words, then the loss, and the loss once."""

    async def go() -> list[object]:
        story: list[object] = []
        ours, theirs = socket.socketpair()
        frames = Frames(ours, story.extend, lambda: story.append("lost"))
        piece = pickle.dumps([(Say.ENDED, 1, None)])
        theirs.sendall(len(piece).to_bytes(4, "little") + piece)
        theirs.close()
        await frames.open()
        frames.say(Say.DRY)  # a write into the void, which ends the reading
        await asyncio.sleep(0.05)
        frames.close()
        return story

    assert asyncio.run(go()) == [(Say.ENDED, 1, None), "lost"]


def test_our_errors_travel_whole_and_others_as_their_traceback() -> None:
    """Message, hint, reason and problems survive; a foreign error is told as a text."""
    refused = portable(
        Refused("no", hint="do", reason="changed", problems=(Problem(3, "To", "address", "bad"),))
    )
    gone = pickle.loads(pickle.dumps(portable(Unreachable("gone", wait=3.0, fewer_connections=True))))
    back = pickle.loads(pickle.dumps(refused))

    assert (back.message, back.hint, back.reason, back.problems[0].row) == ("no", "do", "changed", 3)
    assert (gone.wait, gone.fewer_connections) == (3.0, True)
    assert isinstance(portable(KeyError("x")), WorkerBug)


def test_what_came_before_a_write_that_failed_is_heard() -> None:
    """The peer said something and is gone, and the first thing done here is to write: its words come before the loss all the same."""

    async def go() -> list[object]:
        story: list[object] = []
        ours, theirs = socket.socketpair()
        frames = Frames(ours, story.extend, lambda: story.append("lost"))
        octets = b""
        for number in range(3):
            piece = pickle.dumps([(Say.ENDED, number, None)])
            octets += len(piece).to_bytes(4, "little") + piece
        theirs.sendall(octets + b"\x10")  # and the beginning of one that it did not finish
        theirs.close()
        await frames.open()
        frames.say(Say.DRY)
        frames.flush()
        async with asyncio.timeout(20):
            while "lost" not in story:
                await asyncio.sleep(0.001)
        return story

    assert asyncio.run(go()) == [*((Say.ENDED, number, None) for number in range(3)), "lost"]


def test_who_hangs_up_himself_hears_nothing_more() -> None:
    """Not even of the end; and hanging up twice, or before the pair was opened, is no trouble."""

    async def go() -> list[object]:
        story: list[object] = []
        for opened in (False, True):
            ours, theirs = socket.socketpair()
            frames = Frames(ours, story.extend, lambda: story.append("lost"))
            if opened:
                await frames.open()
            piece = pickle.dumps([(Say.ENDED, 1, None)])
            theirs.sendall(len(piece).to_bytes(4, "little") + piece)
            frames.drop()
            frames.close()
            frames.say(Say.DRY)
            await asyncio.sleep(0.02)
            theirs.close()
            ours.close()
        return story

    assert asyncio.run(go()) == []
