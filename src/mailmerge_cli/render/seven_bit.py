"""Which octets of a body go as they are (`7bit`, RFC 2045 §2.7), with room to spare for what servers add to a line."""

from __future__ import annotations

import re

LONGEST = 990
"""Octets of a line."""

_CONTROLS = bytes(octet for octet in (*range(32), 127) if octet not in b"\t\n")
_DOT_AT_START = re.compile(rb"\n\.").search  # `in` takes more than twice as long for two octets


def is_seven_bit(octets: bytes) -> bool:
    """Of ASCII with LF line ends, not empty: whether lines are short, none begins with a dot, and no control character is in them.

    A dot at a line's start would be doubled on the way, and some programs take away one too few or too many.
    """
    return (
        octets[0] != 0x2E
        and _DOT_AT_START(octets) is None
        and _has_short_lines(octets)
        and len(octets.translate(None, _CONTROLS)) == len(octets)
    )


def _has_short_lines(octets: bytes) -> bool:
    """In long strides: from a line's start to the last line end that is not too far off."""
    start = 0
    while len(octets) - start > LONGEST:
        start = octets.rfind(b"\n", start, start + LONGEST + 1) + 1
        if not start:
            return False
    return True
