"""What we write: dot-stuffing on pieces, addresses that cannot end a line, MAIL's parameters, EHLO's keywords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.transports.smtp.commands import mail_from, rcpt_to, sendable, stuffed
from mailmerge_cli.transports.smtp.offers import Offers
from mailmerge_cli.transports.smtp.reply import Reply

PIECES = st.lists(
    st.lists(st.sampled_from([b".", b"..", b"\r\n", b"a", b"", b"b.c"]), max_size=6).map(b"".join), max_size=6
)


def unstuffed(octets: bytes) -> bytes:
    """What a server makes of it (RFC 5321 §4.5.2)."""
    return b"\r\n".join(line.removeprefix(b".") for line in octets.split(b"\r\n"))


@given(PIECES)
def test_P22_dots_come_back_whatever_the_pieces(pieces: list[bytes]) -> None:
    """Cut anywhere, stuffing and unstuffing give the content back, and no line of it is a lone dot."""
    content = b"".join(pieces)
    wire = b"".join(stuffed(pieces))
    assert wire.endswith(b"\r\n") or not content
    assert b"." not in wire.split(b"\r\n")
    assert unstuffed(wire).removesuffix(b"\r\n") == content.removesuffix(b"\r\n")


@given(st.integers(0, 5000), st.integers(0, 200), st.lists(st.integers(0, 9000), max_size=4))
def test_P22_big_pieces_are_searched_as_small_ones(before: int, dots: int, places: list[int]) -> None:
    """However a piece is searched, each dot at a line's start is found: behind many dots, behind none, at its very end."""
    piece = bytearray(b"a" * before + b". " * dots + b"b" * 4096 + b"\r\n")
    for place in places:
        piece = piece[: place % len(piece)] + b"\n." + piece[place % len(piece) :]
    content = bytes(piece)
    assert b"".join(stuffed((content,))).removesuffix(b"\r\n") == (
        (b"." if content.startswith(b".") else b"") + content.replace(b"\n.", b"\n..")
    ).removesuffix(b"\r\n")


@pytest.mark.parametrize("lookalike", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r\n"])
def test_P22_nothing_looks_like_the_end(lookalike: bytes) -> None:
    """SMTP smuggling: no line end that any server knows is followed by a lone dot."""
    wire = b"".join(stuffed((b"a" + lookalike + b"MAIL FROM:<x@example.org>\r\n",)))
    assert lookalike not in wire


def test_a_piece_without_dots_is_not_copied() -> None:
    """What many mails share stays one object."""
    shared = b"x" * 100 + b"\r\n"
    assert stuffed((b"head\r\n", shared))[1] is shared


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.org",
        "",
        '"a b"@example.org',
        '"a\\"b"@example.org',
        "jürgen@example.org",
        "a+b@xn--exmple-cua.org",
    ],
)
def test_sendable(address: str) -> None:
    """Addresses, quoted local parts and the null sender can stand in an envelope."""
    assert sendable(address)


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org>\r\nRCPT TO:<evil@example.com",
        "a@example.org\n",
        "a@example.org\0",
        "a b@example.org",
        "a<b@example.org",
        "a@example.org> SIZE=1",
        '"a\r\n"@example.org',
        '"a"b"@example.org',
        "a@example.org\u2028",
        "a\u00a0@example.org",
        "a@example.org\x85",
    ],
)
def test_A08_not_sendable(address: str) -> None:
    """Nothing that could end the address, the line or the command."""
    assert not sendable(address)


@given(st.text(max_size=30))
def test_A08_what_is_sendable_is_one_line(address: str) -> None:
    """Whatever passes gives exactly one command line with exactly this address."""
    if sendable(address):
        line = rcpt_to(address)
        assert line.splitlines() == [line[:-2]]
        assert line == b"RCPT TO:<" + address.encode() + b">\r\n"


def test_mail_from() -> None:
    """The parameters that are wanted, in RFC order, and none else."""
    assert mail_from("", size=0, eight_bit=False, smtputf8=False) == b"MAIL FROM:<>\r\n"
    assert (
        mail_from("a@example.org", size=7, eight_bit=True, smtputf8=True)
        == b"MAIL FROM:<a@example.org> SIZE=7 BODY=8BITMIME SMTPUTF8\r\n"
    )


@pytest.mark.parametrize(
    ("lines", "offers"),
    [
        ((b"hi",), Offers()),
        ((b"PIPELINING",), Offers()),
        (
            (b"hi", b"pipelining", b"SIZE 1000", b"8bitmime", b"SMTPUTF8", b"STARTTLS", b"AUTH plain LOGIN"),
            Offers(
                pipelining=True, eight_bit=True, smtputf8=True, starttls=True, sized=True, size=1000,
                mechanisms=("PLAIN", "LOGIN"),
            ),
        ),
        ((b"hi", b"SIZE"), Offers(sized=True)),
        ((b"hi", b"SIZE 0", b"", b"\xff\xfe"), Offers(sized=True)),
        ((b"hi", b"SIZE big"), Offers(sized=True)),
        ((b"hi", b"AUTH=LOGIN PLAIN"), Offers(mechanisms=("LOGIN", "PLAIN"))),
        ((b"hi", b"AUTH LOGIN", b"AUTH=LOGIN"), Offers(mechanisms=("LOGIN",))),
    ],
)  # fmt: skip
def test_offers(lines: tuple[bytes, ...], offers: Offers) -> None:
    """Keywords in any case; the greeting line is none; what is not understood is not offered."""
    assert Offers.of(Reply(250, lines)) == offers
