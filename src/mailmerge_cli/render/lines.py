"""A header's value is one line: what would break it is refused, not mended (A04)."""

from __future__ import annotations

import unicodedata

from mailmerge_cli.render.fault import Misuse


def one_line(text: str) -> str:
    """The text trimmed, tabs as spaces.

    Raises:
        Misuse: it holds a line break or another control character (C0, DEL, C1, U+2028, U+2029) or half a surrogate pair.
    """
    text = text.strip(" \t\r\n")
    if text.isprintable():
        return text
    text = text.replace("\t", " ")
    for position, char in enumerate(text, 1):
        if unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"}:
            what = "a line break" if char in "\r\n\v\f\x85\u2028\u2029" else "a control character"
            raise Misuse(f"puts {what} (U+{ord(char):04X} at {position}) into a header, which is one line")
    return text
