"""The message compiler: what is equal for all mails is encoded once, what differs is encoded and set in between.

Rule 1: every line ends in CRLF, none is longer than 998 octets, and only header lines of SMTPUTF8 mails hold other than ASCII.
Rule 2: pieces that mails share (files, images) are the same bytes objects in all of them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable
from datetime import datetime

from mailmerge_cli.render.base64 import base64_lines
from mailmerge_cli.render.letter import Attachment, Letter
from mailmerge_cli.render.seven_bit import is_seven_bit
from mailmerge_cli.render.words import mailbox_line, structured, unstructured

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STRUCTURED = frozenset({"List-Unsubscribe", "List-Unsubscribe-Post"})

_SEVEN, _QUOTED, _BASE64 = range(3)
_ENCODINGS = ("7bit", "quoted-printable", "base64")
# binascii makes a line of 77 where a blank at its end is what is too much; RFC 2045 §6.7 (5) allows 76.
_OVERLONG = re.compile(rb"^([^\r\n]{74})(=20|=09)(?=\r\n|\Z)", re.MULTILINE)


def rfc5322_date(moment: datetime) -> str:
    """`Sat, 21 Nov 2026 09:30:00 +0800` (RFC 5322 §3.3), in the moment's own zone and English whatever the locale."""
    offset = moment.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year:04d} "
        f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} {zone}"
    )


def encode_body(text: str, boundary: str = "\0") -> tuple[int, bytes]:
    """A body's transfer encoding (index) and its octets, ending in CRLF.

    Plain text goes as it is when it is safe to: ASCII without control characters, short lines, no line that begins with a
    dot, nothing that looks like the boundary. Else quoted-printable, which people can still read, or base64 where most
    characters are not Latin.
    """
    octets = text.encode("utf-8")
    if len(octets) == len(text) and boundary not in text and is_seven_bit(octets):
        return _SEVEN, octets.replace(b"\n", b"\r\n")
    beyond_ascii = len(octets) - len(text)  # each such character has one octet more, or two, or three
    octets = octets.replace(b"\n", b"\r\n")
    if beyond_ascii * 6 < len(octets):
        quoted = _OVERLONG.sub(rb"\1=\r\n\2", binascii.b2a_qp(octets, istext=True))
        if b"\n." not in quoted and quoted[:1] != b".":
            return _QUOTED, quoted
    return _BASE64, base64_lines(octets)


class Skeleton:
    """A template's message without its rows.

    Args:
        head: header lines that are the same for all mails.
        boundary: a word that no text holds by chance; the boundaries are made of it.
        has_text, has_html: which bodies there are.
        images: parts that the HTML shows.
    """

    def __init__(
        self, *, head: str, boundary: str, has_text: bool, has_html: bool, images: tuple[Attachment, ...]
    ) -> None:
        self.boundary = boundary
        self._head = head.encode("utf-8")
        self._both = has_text and has_html
        alternative = _Multipart("alternative", f"=_{boundary}a")
        self._text = _part_heads("plain", alternative.begin if self._both else b"") if has_text else None
        self._html = _part_heads("html", alternative.between if self._both else b"") if has_html else None
        self._end = alternative.end
        self._related = _Multipart("related", f"=_{boundary}r", '; type="text/html"') if images else None
        if self._related is not None and self._both:
            self._related = _Multipart("related", f"=_{boundary}r", '; type="multipart/alternative"')
        self._mixed = _Multipart("mixed", f"=_{boundary}m")
        self._images = [image.entity for image in images]

    def assemble(self, letter: Letter, varying: str, files: Iterable[bytes]) -> tuple[bytes, ...]:
        """The whole message.

        Args:
            letter: whose bodies are set in.
            varying: header lines of this mail alone.
            files: MIME parts of the attachments.
        """
        pieces = [varying.encode("utf-8"), self._head]
        attached = tuple(files)
        if attached:
            pieces.append(self._mixed.begin)
        self._put_bodies(letter, pieces)
        if not attached:
            return _joined(pieces)
        whole: list[bytes] = []
        for file in attached:
            pieces.append(self._mixed.between)
            whole += (*_joined(pieces), file)
            pieces = []
        whole.append(self._mixed.end)
        return tuple(whole)

    def _put_bodies(self, letter: Letter, pieces: list[bytes]) -> None:
        if self._related is None:
            self._put_texts(letter, pieces)
            return
        pieces.append(self._related.begin)
        self._put_texts(letter, pieces)
        for image in self._images:
            pieces += (self._related.between, image)
        pieces.append(self._related.end)

    def _put_texts(self, letter: Letter, pieces: list[bytes]) -> None:
        if self._text is not None and letter.text is not None:
            encoding, octets = encode_body(letter.text, self.boundary)
            pieces += (self._text[encoding], octets)
        if self._html is not None and letter.html is not None:
            encoding, octets = encode_body(letter.html, self.boundary)
            pieces += (self._html[encoding], octets)
        if self._both:
            pieces.append(self._end)


class _Multipart:
    """The lines that begin, part and end a multipart (RFC 2046 §5.1)."""

    def __init__(self, kind: str, boundary: str, parameters: str = "") -> None:
        self.begin = f'Content-Type: multipart/{kind}{parameters};\r\n boundary="{boundary}"\r\n\r\n--{boundary}\r\n'.encode(
            "ascii"
        )
        self.between = f"\r\n--{boundary}\r\n".encode("ascii")
        self.end = f"\r\n--{boundary}--\r\n".encode("ascii")


def _part_heads(kind: str, before: bytes) -> tuple[bytes, ...]:
    """What stands before a body part, its header under each encoding, and the empty line."""
    return tuple(
        before
        + f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode(
            "ascii"
        )
        for encoding in _ENCODINGS
    )


_SMALL = 8192


def _joined(pieces: list[bytes]) -> tuple[bytes, ...]:
    """Small neighbours in one piece; large shared ones stay themselves."""
    if sum(map(len, pieces)) < _SMALL or max(map(len, pieces)) < _SMALL:
        return (b"".join(pieces),)
    whole: list[bytes] = []
    run: list[bytes] = []
    for piece in pieces:
        if len(piece) < _SMALL:
            run.append(piece)
            continue
        whole += (b"".join(run), piece)
        run = []
    return tuple(piece for piece in (*whole, b"".join(run)) if piece)


def varying_head(letter: Letter, subject: str | None, message_id: str, date: str) -> str:
    """The header lines of one mail: To, Cc, Reply-To, Subject, Date, Message-ID and its own ones.

    Args:
        letter: see there.
        subject: the whole Subject line if it is the same for all mails; None to make it.
        message_id: with angle brackets.
        date: of the attempt.
    """
    name, address = letter.to
    if not name or (
        name.isascii() and name.isalpha() and len(name) + len(address.local) + len(address.domain) < 68
    ):
        to = (
            f"To: {name} <{address.local}@{address.domain}>\r\n"
            if name
            else f"To: {address.local}@{address.domain}\r\n"
        )
    else:
        to = mailbox_line("To", (letter.to,))
    lines = [to]
    if letter.cc:
        lines.append(mailbox_line("Cc", letter.cc))
    if letter.reply_to:
        lines.append(mailbox_line("Reply-To", letter.reply_to))
    lines.append(unstructured("Subject", letter.subject) if subject is None else subject)
    lines.append(f"Date: {date}\r\n{structured('Message-ID', message_id)}")
    if letter.headers:
        lines += [header_line(name, value) for name, value in letter.headers]
    return "".join(lines)


def header_line(name: str, value: str) -> str:
    """A header of the template's own choice."""
    write: Callable[[str, str], str] = structured if name in STRUCTURED else unstructured
    return write(name, value)
