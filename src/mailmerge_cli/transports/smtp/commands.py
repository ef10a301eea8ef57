"""What we say, as bytes: command lines and dot-stuffed content.

Rule: nothing that came from a cell can end a line here; an address that could is refused before (`sendable`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

CRLF = b"\r\n"
END_OF_DATA = b".\r\n"
RSET = b"RSET\r\n"
DATA = b"DATA\r\n"
QUIT = b"QUIT\r\n"

_SMALL = 8192
_BIG = 4096
_FEW_DOTS = 64
_DOT_AT_START = re.compile(rb"\n\.")  # `find` takes more than twice as long for two octets

# A quoted local part may hold spaces and brackets, nothing may hold a control (RFC 5321 §4.1.2).
_PLAIN = re.compile(r"[^\x00-\x20\x7f-\xa0\u2028\u2029<>\"]*")
_QUOTED = re.compile(
    r'"(?:[^"\\\x00-\x1f\x7f-\x9f\u2028\u2029]|\\[\x20-\x7e])*"@[^\x00-\x20\x7f-\xa0\u2028\u2029<>"]+'
)


def line(verb: str, *words: str) -> bytes:
    """One command line. The words are ours or checked; a line end in one of them is a bug."""
    text = " ".join((verb, *words))
    assert not {"\r", "\n"} & set(text), verb
    return text.encode() + CRLF


def sendable(address: str) -> bool:
    """Whether the address can stand between `<` and `>` and mean one mailbox (CVE-style injections: A08)."""
    return _PLAIN.fullmatch(address) is not None or _QUOTED.fullmatch(address) is not None


def mail_from(sender: str, *, size: int, eight_bit: bool, smtputf8: bool) -> bytes:
    """MAIL with the parameters that are wanted; `size` 0 leaves SIZE= out (RFC 1870, 6152, 6531)."""
    words = f"MAIL FROM:<{sender}> SIZE={size}" if size else f"MAIL FROM:<{sender}>"
    if eight_bit:
        words += " BODY=8BITMIME"
    if smtputf8:
        words += " SMTPUTF8"
    return f"{words}\r\n".encode()


def rcpt_to(address: str) -> bytes:
    """RCPT for one address."""
    return f"RCPT TO:<{address}>\r\n".encode()


def _dotted(piece: bytes) -> bool:
    """Whether a line within the piece begins with a dot.

    Base64 has no dot at all, and one octet is found ten times as fast as two in a row: so a big piece is searched from dot to
    dot, until it turns out to be prose.
    """
    place = 0
    if len(piece) > _BIG:
        for _ in range(_FEW_DOTS):
            place = piece.find(b".", place + 1)
            if place < 0:
                return False
            if piece[place - 1] == 0x0A:
                return True
    return _DOT_AT_START.search(piece, place) is not None


def whole(content: tuple[bytes, ...]) -> bytes | None:
    """A small content in one piece, with its final dot, where nothing needs stuffing; None where only `stuffed` can tell."""
    if len(content) != 1 or len(content[0]) > _SMALL:
        return None
    octets = content[0] + END_OF_DATA
    first = _DOT_AT_START.search(octets)
    # The first dot at a line's start is the final one, so the content ends in a line's end and has no such dot itself.
    if first is not None and first.end() == len(octets) - 2 and octets[0] != 0x2E:
        return octets
    return None


def stuffed(pieces: Iterable[bytes]) -> list[bytes]:
    """The content ready for DATA, without its final dot: a dot at a line's start doubled, also across pieces; ends in CRLF.

    A lone LF counts as a line's end here. Content has none (model/mail.py), and should one slip through, a server that
    takes `LF . CR LF` for the end of data must not find it (SMTP smuggling, CVE-2023-51764).
    """
    out = []
    last = b"\n"
    for piece in pieces:
        if not piece:
            continue
        if piece[0] == 0x2E and last[-1] == 0x0A:
            out.append(b".")
        last = piece
        out.append(piece.replace(b"\n.", b"\n..") if _dotted(piece) else piece)
    if last[-1] != 0x0A:
        out.append(CRLF)
    return out
