"""Reading replies: any cut of the bytes gives the same, limits hold, and nothing unsafe comes out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.transports.smtp.reply import (
    MAX_LINE,
    MAX_LINES,
    Botched,
    Reply,
    ReplyParser,
    escape,
)


def parsed(*chunks: bytes) -> list[Reply]:
    parser, replies = ReplyParser(), []
    for chunk in chunks:
        parser.receive(chunk, replies)
    assert not parser.halfway
    return replies


TEXT = st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").rstrip(b"\r"))
REPLIES = st.lists(
    st.builds(Reply, st.integers(200, 599), st.lists(TEXT, min_size=1, max_size=4).map(tuple)), max_size=6
)


@given(replies=REPLIES, cuts=st.lists(st.integers(0, 600), max_size=8))
def test_any_cut_gives_the_same(replies: list[Reply], cuts: list[int]) -> None:
    """Where the network cuts the bytes is no matter (RFC 5321 §4.2)."""
    octets = b"".join(
        b"".join(b"%d-%s\r\n" % (reply.code, line) for line in reply.lines[:-1])
        + b"%d %s\r\n" % (reply.code, reply.lines[-1])
        for reply in replies
    )
    places = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
    assert parsed(*(octets[a:b] for a, b in pairwise(places))) == replies


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_any_bytes_are_a_reply_or_botched(chunks: list[bytes]) -> None:
    """P17: no other exception than Botched, whatever comes; its text is short and safe."""
    parser, replies = ReplyParser(), []
    said = ""
    try:
        for chunk in chunks:
            parser.receive(chunk, replies)
    except Botched as botched:
        said = str(botched)
    assert len(said) < 400
    assert said.isprintable()


@pytest.mark.parametrize(
    "octets",
    [
        b"hello\r\n",
        b"25 no\r\n",
        b"250_ok\r\n",
        b"2500 ok\r\n",
        b"150 ok\r\n",
        b"650 ok\r\n",
        b"\xb2\xb5\xb0 ok\r\n",
        b"\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\nb\r\n",
        b"250 " + b"x" * (MAX_LINE + 1),
        b"250 " + b"x" * (MAX_LINE + 1) + b"\r\n",
        b"250-x\r\n" * (MAX_LINES + 1),
    ],
)
def test_P17_no_smtp_is_botched(octets: bytes) -> None:
    """What is no reply, or too much of one, is refused at once."""
    with pytest.raises(Botched):
        ReplyParser().receive(octets, [])


def test_what_came_before_the_fault_counts() -> None:
    """Replies in front of garbage are kept: the answer to the dot may be among them."""
    replies: list[Reply] = []
    with pytest.raises(Botched):
        ReplyParser().receive(b"250 2.0.0 Ok\r\ngarbage\r\n", replies)
    assert [reply.code for reply in replies] == [250]


def test_memory_is_bounded() -> None:
    """A server that says something else each time fills no cache."""
    parser, replies = ReplyParser(), []
    for number in range(1000):
        parser.receive(b"250 2.0.0 queued as %d\r\n" % number, replies)
    assert len(parser._known) <= 64
    assert len({reply.lines for reply in replies}) == 1000


@pytest.mark.parametrize(
    ("lines", "enhanced", "text"),
    [
        ((b"2.1.0 Ok",), "2.1.0", "Ok"),
        ((b"5.7.1 one", b"5.7.1 two"), "5.7.1", "one two"),
        ((b"no code",), "", "no code"),
        ((b"5.1.1",), "5.1.1", ""),
        ((b"",), "", ""),
        ((b"10.20.30 x",), "", "10.20.30 x"),
        (("5.1.1 用户不存在".encode(),), "5.1.1", "用户不存在"),
        (("5.1.1 père".encode("latin-1"),), "5.1.1", "père"),
        ((b"\x1b[2Jgone\x07",), "", "\\x1b[2Jgone\\x07"),
        (("\u202eevil\u2066".encode(),), "", "\\u202eevil\\u2066"),
    ],
)
def test_what_a_reply_says(lines: tuple[bytes, ...], enhanced: str, text: str) -> None:
    """L02: codes apart, UTF-8 or Latin-1, nothing that a terminal obeys or hides."""
    reply = Reply(550, lines)
    assert (reply.enhanced, reply.text) == (enhanced, text)


@given(st.text(max_size=2000))
def test_escaped_text_is_safe(text: str) -> None:
    """Whatever is in it: printable, one line, at most 500 characters; what was safe and short is unchanged."""
    safe = escape(text)
    assert safe.isprintable()
    assert len(safe) <= 500
    if text.isprintable() and len(text) <= 500:
        assert safe == text


def test_a_text_without_end_is_looked_at_from_its_beginning() -> None:
    """A peer that sends megabytes does not make us escape them all; what is cut off shows."""
    safe = escape("\x07" * 1_000_000)
    assert safe == "\\x07" * 124 + "\\x0…"
