"""Base64 in lines of 76 with CRLF (RFC 2045 §6.8), as fast as the standard library can be made to write it.

To cut a text into lines costs more than to encode it: an object for each line. So the lines are places in a board that is kept: what is
encoded is copied onto the board, and its lines are joined from there.
"""

from __future__ import annotations

import binascii

_LINE = 76
_OCTETS = 57  # become one line
_ROWS = 1024


class _Board:
    """Room for so many encoded lines, and a view of each."""

    __slots__ = ("lines", "room")

    def __init__(self) -> None:
        self.room = bytearray(_ROWS * _LINE)
        whole = memoryview(self.room)
        self.lines: list[bytes | memoryview] = [
            whole[start : start + _LINE] for start in range(0, len(whole), _LINE)
        ]

    def write(self, encoded: bytes, head: bytes) -> bytes:
        """The text in lines, the last one ended too, behind a head of lines."""
        count, rest = divmod(len(encoded), _LINE)
        self.room[: len(encoded)] = encoded
        lines = self.lines[:count]
        if head:
            lines.insert(0, head[:-2])
        if rest:
            lines.append(encoded[-rest:])
        lines.append(b"")
        return b"\r\n".join(lines)


_SPARE: list[_Board] = []
"""Boards that nobody writes on now: a thread takes one for itself, so that none is written on by two."""

_BIGGEST = _ROWS * _OCTETS


def base64_lines(content: bytes, head: bytes = b"") -> bytes:
    """Octets in base64, behind a head: lines of their own, each ending in CRLF."""
    try:
        board = _SPARE.pop()
    except IndexError:
        board = _Board()
    view = memoryview(content)
    blocks = []
    for start in range(0, max(len(content), 1), _BIGGEST):
        encoded = binascii.b2a_base64(view[start : start + _BIGGEST], newline=False)
        blocks.append(board.write(encoded, b"" if start else head))
    _SPARE.append(board)
    return b"".join(blocks)
