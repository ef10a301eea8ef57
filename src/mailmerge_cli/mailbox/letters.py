"""The mailbox's folder: every mail is a numbered .eml file, with its envelope in the trace lines on top (RFC 5321 §4.4).

Rule 1: a file is 0600, written under another name first, and never written over.
Rule 2: below the trace lines stands what came over the wire, octet for octet, with its CRLF line ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mailmerge_cli.mailbox.parsed import Parsed

_NUMBERED = re.compile(r"(\d{4,})-to-.*\.eml")
_UNSAFE = re.compile(r"[^\w.+-]+")
_ADDRESS_CHARACTERS = 40
# O_BINARY is Windows' alone: its text mode would make CRLF of every LF.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Received:
    """One mail that the mailbox has taken.

    Attributes:
        number: the file's number, from 1.
        sender: MAIL FROM; empty for the null sender.
        recipients: RCPT TO, in their order.
        subject: decoded, as a mail program shows it.
        path: the .eml file.
        attachments: their file names, decoded.
    """

    number: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    path: Path
    attachments: tuple[str, ...] = ()


class Letters:
    """Writes mails into one folder, numbered on from what is there. OSError when the disk will not have them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._last = max((number for number, _ in _numbered(folder)), default=0)

    def keep(self, sender: str, recipients: Sequence[str], content: bytes) -> Path:
        """Write one mail; its path."""
        from email.utils import formatdate

        trace = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
        trace.append(f"Received: by localhost (mailmerge mailbox); {formatdate()}")
        # What is no valid UTF-8 came in as surrogates, and goes out as it came.
        head = "".join(f"{line}\r\n" for line in trace).encode("utf-8", "surrogateescape")
        while True:
            self._last += 1
            path = self.folder / f"{self._last:04}-to-{_safe(recipients[0])}.eml"
            part = self.folder / f".{self._last:04}.part"
            try:
                descriptor = os.open(part, _NEW, 0o600)
            except FileExistsError:  # another mailbox writes into the same folder
                continue
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(head + content)
                if not path.exists():
                    part.rename(path)
                    return path
            finally:
                part.unlink(missing_ok=True)


def read_letters(folder: Path) -> list[Received]:
    """All mails in a mailbox's folder, by number; what is no mail of a mailbox is passed over."""
    return [read_letter(path) for _, path in sorted(_numbered(folder))]


def read_letter(path: Path) -> Received:
    """One mail as `Letters.keep` wrote it. OSError if it cannot be read."""
    mail = Parsed(path)
    number = _NUMBERED.fullmatch(path.name)
    return Received(
        number=int(number[1]) if number else 0,
        sender=mail.header("Return-Path").removeprefix("<").removesuffix(">"),
        recipients=tuple(mail.headers("Delivered-To", before="Received")),
        subject=mail.header("Subject"),
        path=path,
        attachments=tuple(name for name, _ in mail.attachments),
    )


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    found = ((_NUMBERED.fullmatch(path.name), path) for path in folder.iterdir())
    return [(int(match[1]), path) for match, path in found if match]


def _safe(address: str) -> str:
    """The local part as a piece of a file name; whatever a shell or a file system could misread becomes `_`."""
    local = address.rpartition("@")[0] or address
    return _UNSAFE.sub("_", local)[:_ADDRESS_CHARACTERS].strip(".") or "_"
