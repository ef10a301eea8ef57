"""One mail as text for a screen: the headers that people know, what is attached, and the text."""

from __future__ import annotations

import re
from pathlib import Path

from mailmerge_cli.mailbox.parsed import Parsed

_HEADERS = ("From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "List-Unsubscribe", "Importance")
# C0 and C1 controls, and the marks that turn the writing direction: a mail must not steer the terminal.
_BREAK = re.compile(r"[\r\n\t]+")
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def show_letter(path: Path) -> str:
    """Headers, attachments with their sizes, and the text part of an .eml file. Ends in a line break."""
    mail = Parsed(path)
    lines = head_of(mail)
    if mail.html:
        lines.append(("HTML", _told_html(mail)))
    width = max((len(name) for name, _ in lines), default=0) + 2
    head = "".join(f"{f'{name}:'.ljust(width)}{value}\n" for name, value in lines)
    return f"{head}\n{_calm(mail.text).strip() or '(no text)'}\n"


def head_of(mail: Parsed) -> list[tuple[str, str]]:
    """The headers that people know, and what is attached; one line each, calm."""
    lines = [(name, value) for name in _HEADERS for value in mail.headers(name)]
    lines += [("Attached", f"{name} ({_size(size)})") for name, size in mail.attachments]
    # A line break that was decoded out of a header must not begin a line of its own.
    return [(name, _calm(_BREAK.sub(" ", value))) for name, value in lines]


def _told_html(mail: Parsed) -> str:
    """That there is more than what is shown: the HTML has looks and pictures."""
    number = len(mail.pictures)
    pictures = f", {number} picture{'s' * (number != 1)} inside" if number else ""
    beside = "beside the text" if mail.has_text else "no text beside it"
    return f"{_size(len(mail.html.encode()))}{pictures}, {beside}"


def _size(octets: int) -> str:
    if octets < 1024:
        return "1 byte" if octets == 1 else f"{octets} bytes"
    return f"{octets / 1024:.1f} KB"


def _calm(text: str) -> str:
    return _STEERING.sub("\ufffd", text)
