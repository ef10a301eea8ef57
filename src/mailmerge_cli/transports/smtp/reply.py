"""One SMTP reply: its bytes become a `Reply`, within limits (RFC 5321 §4.2).

Rule 1: nothing here knows what was asked.
Rule 2: a peer can send anything for as long as it likes; what is kept of it is bounded by the three limits below. *Time* is
bounded by the session, which gives each reply one deadline as a whole.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_LINE = 4096
"""Octets of one line. RFC 5321 §4.5.3.1.5 says 512; some servers put whole URLs and explanations into one."""

MAX_LINES = 200
"""Lines of one reply; the longest EHLO in the wild has some thirty."""

MAX_TEXT = 500
"""Characters of a reply's text that are kept for people."""

_CACHED = 64
_CODES = {b"%d" % code: code for code in range(200, 600)}
# What nearly every reply to a mail is: one line, an enhanced code, a short text of printable ASCII without blanks around it.
_PLAIN = re.compile(rb"[245]\.\d{1,3}\.\d{1,3} [!-~](?:[ -~]{0,400}[!-~])?")
_MARKS = (b" ", b"-", b"")
_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)")


class Botched(Exception):
    """The peer does not speak SMTP (any more); the text says how, escaped and short."""


class Reply(NamedTuple):
    """A whole reply: its code and, of each line, what stands behind the code and its separator."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def kind(self) -> int:
        """The first digit: 2 yes, 3 go on, 4 not now, 5 no."""
        return self.code // 100

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463) of the first line, such as `5.1.1`; empty if there is none."""
        return self.told[0]

    @property
    def text(self) -> str:
        """What it says, on one line, without codes, safe to print, at most 500 characters."""
        return self.told[1]

    @property
    def told(self) -> tuple[str, str]:
        """`enhanced` and `text`, read in one go."""
        if len(self.lines) == 1 and _PLAIN.fullmatch(self.lines[0]):
            enhanced, _, text = self.lines[0].decode("ascii").partition(" ")
            return enhanced, text
        told = [_told(line) for line in self.lines]
        return told[0][0], escape(" ".join(text for _, text in told).strip())

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


def escape(text: str, limit: int = MAX_TEXT) -> str:
    r"""The text with all that a terminal would obey or hide (controls, escapes, bidi) as `\xNN` or `\uNNNN`, cut at `limit`."""
    if len(text) > limit * 2:
        text = text[: limit * 2]
    if not text.isprintable():
        text = "".join(mark if mark.isprintable() else _escaped(mark) for mark in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escaped(mark: str) -> str:
    point = ord(mark)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _told(line: bytes) -> tuple[str, str]:
    """Enhanced status code and text of one line."""
    match = _ENHANCED.match(line)
    if match is None:
        return "", _decode(line)
    return match[1].decode(), _decode(line[match.end() :])


def _decode(line: bytes) -> str:
    """UTF-8 where it is (RFC 6531), else Latin-1, which never fails and keeps each octet."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


class ReplyParser:
    """Bytes in as they come, replies out as they are whole. Lone LF ends a line too: some small servers write it."""

    __slots__ = ("_code", "_known", "_lines", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[bytes] = []
        # A server says the same few things thousands of times; a line that was seen needs no second look.
        self._known: dict[bytes, Reply] = {}

    @property
    def halfway(self) -> bool:
        """Whether something has come of a reply that is not whole yet."""
        return bool(self._rest or self._lines)

    def receive(self, chunk: bytes, replies: list[Reply]) -> None:
        """Append the replies that `chunk` completes. `Botched` where it is no SMTP; those before the fault are appended."""
        if self._rest:
            chunk = self._rest + chunk
        *lines, self._rest = chunk.split(b"\n")
        known = self._known
        for line in lines:
            if self._lines:
                self._line(line, replies)
            elif (reply := known.get(line)) is not None:
                replies.append(reply)
            else:
                self._line(line, replies)
        if len(self._rest) > MAX_LINE:
            raise Botched(f"a line of more than {MAX_LINE} octets: {_quote(self._rest)}")

    def _line(self, line: bytes, replies: list[Reply]) -> None:
        code, more, text = _cut(line)
        if not (more or self._lines):
            reply = Reply(code, (text,))
            if len(self._known) < _CACHED:
                self._known[line] = reply
            replies.append(reply)
            return
        if self._lines and code != self._code:
            raise Botched(f"code {self._code} goes on as {code}: {_quote(line)}")
        self._code = code
        self._lines.append(text)
        if len(self._lines) > MAX_LINES:
            raise Botched(f"a reply of more than {MAX_LINES} lines")
        if not more:
            replies.append(Reply(code, tuple(self._lines)))
            self._lines.clear()


def _cut(line: bytes) -> tuple[int, bool, bytes]:
    """Code, whether more lines follow, and the text of one line."""
    if len(line) > MAX_LINE:
        raise Botched(f"a line of more than {MAX_LINE} octets: {_quote(line)}")
    line = line.removesuffix(b"\r")
    code, mark = _CODES.get(line[:3]), line[3:4]
    if code is None or mark not in _MARKS:
        raise Botched(f"this is no SMTP reply: {_quote(line)}")
    return code, mark == b"-", line[4:]


def _quote(line: bytes) -> str:
    return escape(_decode(line[:400]), 200)
