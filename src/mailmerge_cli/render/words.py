"""Header values as they go on the wire: RFC 2047 words, RFC 2231 parameters, quoted names, folded lines.

Rule 1: what decodes to something else than was meant is never written plainly (`=?…?=` in a cell, A05).
Rule 2: no line is longer than 78 where it can be broken, and none longer than 998.
"""

from __future__ import annotations

import binascii
import re
from urllib.parse import quote

from mailmerge_cli.address import Address

LINE = 78  # RFC 5322 §2.1.1
_WALL = 900  # with a header's name still below 998
_CHARSET = "utf-8''"
_WORD = 75 - len("=?utf-8?q?") - len("?=")  # RFC 2047 §2: 75 for the whole word
_Q_SAFE = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/ "
)  # RFC 2047 §5 (3)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*").fullmatch
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~ ()\[\],@-]+").fullmatch


def unstructured(name: str, value: str) -> str:
    """A whole header line (or several, folded) with CRLF, for free text such as a subject."""
    line = f"{name}: {value}\r\n"
    if value.isascii() and "=?" not in value:
        if len(line) <= LINE + 2:
            return line
        if max(map(len, value.split(" "))) < _WALL:
            return fold(line[:-2]) + "\r\n"
    return f"{name}: {encoded_words(value, len(name) + 2)}\r\n"


def structured(name: str, value: str) -> str:
    """A whole header line with CRLF, for values that must stay as they are; folded at white space only."""
    line = f"{name}: {value}"
    return (line if len(line) <= LINE else fold(line)) + "\r\n"


def mailbox_line(name: str, mailboxes: tuple[tuple[str, Address], ...]) -> str:
    """A whole header line of mailboxes with CRLF, one to a line where they are many."""
    texts = [format_mailbox(shown, address) for shown, address in mailboxes]
    line = f"{name}: " + ", ".join(texts)
    if len(line) <= LINE and "\r\n" not in line:
        return line + "\r\n"
    return f"{name}: " + ",\r\n ".join(_folded_mailbox(text, len(name) + 2) for text in texts) + "\r\n"


def format_mailbox(name: str, address: Address) -> str:
    """`Name <a@b>` as a header holds it: the name quoted or in encoded words where it must be (RFC 5322 §3.4)."""
    if not name:
        return address.spec
    if not name.isascii() or "=?" in name:
        return f"{encoded_words(name, 10)} <{address.spec}>"
    if _ATOMS(name):
        return f"{name} <{address.spec}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address.spec}>'


def _folded_mailbox(text: str, used: int) -> str:
    if "\r\n" in text or len(text) + used <= LINE:
        name, _, address = text.rpartition(" ")
        last = len(name.rpartition("\r\n")[2])
        return f"{name}\r\n {address}" if name and last + len(address) + used > LINE else text
    return fold(text, used)


def fold(line: str, used: int = 0) -> str:
    """Line breaks before white space, so that lines stay within 78 where words allow it (RFC 5322 §2.2.3).

    A header's name keeps its first word, however long: a break there would be read as a blank at the value's beginning.
    """
    kept = 0 if used else 1
    folded: list[str] = []
    current = ""
    for number, piece in enumerate(re.findall(r" *[^ ]+", line)):
        if number > kept and used + len(current) + len(piece) > LINE:
            folded.append(current)
            current, used = piece, 0
        else:
            current += piece
    folded.append(current)
    return "\r\n".join(folded)


def encoded_words(text: str, used: int = 0) -> str:
    """RFC 2047 words, split between characters, each on a line of its own; `used` columns are taken on the first line."""
    octets = text.encode("utf-8")
    unsafe = len(octets.translate(None, bytes(_Q_SAFE)))
    quoted = len(octets) + 2 * unsafe
    in_base64 = -(-len(octets) // 3) * 4 < quoted
    first = min(_WORD, LINE - 2 - 12 - used)
    if (-(-len(octets) // 3) * 4 if in_base64 else quoted) <= first:
        return _word(octets, in_base64)
    words: list[str] = []
    chunk = bytearray()
    width = 0
    room = max(first, 12)
    for char in text:
        more = char.encode("utf-8")
        wide = len(more) if in_base64 else len(more) + 2 * len(more.translate(None, bytes(_Q_SAFE)))
        if chunk and width + wide > (room // 4 * 3 if in_base64 else room):
            words.append(_word(bytes(chunk), in_base64))
            chunk.clear()
            width, room = 0, _WORD
        chunk += more
        width += wide
    words.append(_word(bytes(chunk), in_base64))
    return "\r\n ".join(words)


def _word(octets: bytes, in_base64: bool) -> str:
    if in_base64:
        return f"=?utf-8?b?{binascii.b2a_base64(octets, newline=False).decode('ascii')}?="
    return "=?utf-8?q?" + "".join(_q(octet) for octet in octets) + "?="


def _q(octet: int) -> str:
    if octet == 32:
        return "_"
    return chr(octet) if octet in _Q_SAFE else f"={octet:02X}"


def file_headers(kind: str, name: str, media_type: str) -> str:
    """Content-Type and Content-Disposition lines for a file.

    The name stands twice: by RFC 2231 in Content-Disposition, and as an encoded word in Content-Type for older
    programs, which is how most senders do it.
    """
    if name.isascii() and len(name) <= 60 and _TOKEN(name):
        return (
            f'Content-Type: {media_type};\r\n name="{name}"\r\n'
            f'Content-Disposition: {kind};\r\n filename="{name}"\r\n'
        )
    return (
        f'Content-Type: {media_type};\r\n name="{encoded_words(name, 7)}"\r\n'
        f"Content-Disposition: {kind};\r\n {_extended('filename', name)}\r\n"
    )


def _extended(parameter: str, value: str) -> str:
    """RFC 2231 §3 and §4: charset, percent octets, continued where it is long; never split inside a character."""
    whole = "".join(quote(char, safe="!#$&+-.^_`|~") for char in value)
    if len(whole) <= 60:
        return f"{parameter}*=utf-8''{whole}"
    chunks = [""]
    for char in value:
        encoded = quote(char, safe="!#$&+-.^_`|~")
        if len(chunks[-1]) + len(encoded) > 50:
            chunks.append("")
        chunks[-1] += encoded
    lines = [f"{parameter}*{n}*={'' if n else _CHARSET}{chunk}" for n, chunk in enumerate(chunks)]
    return ";\r\n ".join(lines)
