"""What one row has become: everything of the message but its date, its Message-ID and its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from mailmerge_cli.address import Address
from mailmerge_cli.model.mail import Envelope

Mailbox = tuple[str, Address]
"""A display name (may be empty) and an address."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file that goes along.

    Attributes:
        name: as the receiver sees it.
        type: media type, such as `application/pdf`.
        path: as the sender wrote it, filled in.
        file: the real path. No `Path`, because making one costs as much as reading a small file.
        digest: SHA-256 of the octets that were read.
        size: octets.
        from_cells: cells had a part in its path (so that two rows with one path are suspicious).
        warning: something that a person should know, such as a `.pdf` that does not begin like one; empty mostly.
        inode: the file's device and inode, which all its names share; an inode of 0 says nothing.
        entity: the whole MIME part, where it is the same for all rows; empty where the file is a row's own.
        content: the octets that `digest` is of, where they are kept for `Template.compose`; else the file is read again.
    """

    name: str
    type: str
    path: str
    file: str
    digest: bytes = field(repr=False)
    size: int
    from_cells: bool = False
    warning: str = ""
    inode: tuple[int, int] = field(default=(0, 0), repr=False, compare=False)
    entity: bytes = field(default=b"", repr=False)
    content: bytes = field(default=b"", repr=False, compare=False)


class Letter(NamedTuple):
    """One row's message. Its repr shows no cell but address and key. A tuple, because one is made for each row, twice.

    Attributes:
        row: line in the sheet.
        key: see `Recipient`.
        to: the one person in To.
        cc, bcc, reply_to: see RFC 5322 §3.6.2–3; Bcc never becomes a header.
        subject: decoded, one line.
        headers: further headers that differ from row to row, in the template's order: name and decoded value.
        text, html: bodies with LF line ends; None where there is none. At least one is there.
        images: parts that the HTML refers to by `cid:`.
        attachments: in order.
        envelope: sender and recipients, the row's own address first.
        content_hash: 32 octets over all that makes the mail this person's (DESIGN.md law 4).
        size: octets of the message, estimated to a few per cent.
    """

    row: int
    key: str
    to: Mailbox
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    subject: str
    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    images: tuple[Attachment, ...]
    attachments: tuple[Attachment, ...]
    envelope: Envelope
    content_hash: bytes
    size: int

    def __repr__(self) -> str:
        return f"Letter(row={self.row!r}, key={self.key!r}, envelope={self.envelope!r}, size={self.size!r})"
