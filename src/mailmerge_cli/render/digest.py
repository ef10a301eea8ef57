"""The content hash: what makes a mail this person's, without its date, its Message-ID and its boundaries (DESIGN.md law 4).

Rule: the serialisation is unambiguous. Each text stands behind its length, each list behind its count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from mailmerge_cli.model.mail import Envelope
from mailmerge_cli.render.letter import Attachment, Mailbox

_PER_FILE = 400  # octets of a part's header and boundary
_HEAD = 700  # octets of the headers of a usual mail


def netstrings(parts: Iterable[str]) -> str:
    """Texts one after the other, each with its length before it, so that no two lists give the same."""
    return "".join([f"{len(part)}:{part}" for part in parts])


def content_digest(
    always: str,
    envelope: Envelope,
    to: Mailbox,
    others: tuple[tuple[Mailbox, ...], tuple[Mailbox, ...]],
    subject: str,
    headers: tuple[tuple[str, str], ...],
    bodies: tuple[str, str],
    attachments: tuple[Attachment, ...],
) -> tuple[bytes, int]:
    """The hash (SHA-256) and the size in octets that the message will have, to a few per cent.

    Args:
        always: what all rows share, serialised.
        envelope: sender and recipients; Bcc counts by them.
        to: the one in To.
        others: those in Cc and in Reply-To.
        subject: decoded.
        headers: those that vary.
        bodies: text and HTML; empty where there is none.
        attachments: name, type and octets count.

    Raises:
        UnicodeEncodeError: half of a surrogate pair stands in a text.
    """
    recipients = envelope.recipients
    parts = [always, envelope.sender, str(len(recipients)), *recipients, to[0], to[1].spec, subject]
    for people in others:
        parts.append(str(len(people)))
        if people:
            parts += [part for name, address in people for part in (name, address.spec)]
    parts.append(str(len(headers)))
    if headers:
        parts += [part for header in headers for part in header]
    parts += bodies
    serial = netstrings(parts)
    whole = serial.encode("utf-8")
    digest = hashlib.sha256(whole)
    # Latin text goes as it is, other text as base64 or quoted-printable.
    size = _HEAD + (len(whole) if len(whole) < 1.02 * len(serial) else int(len(whole) * 1.38))
    for attachment in attachments:
        digest.update(netstrings((attachment.name, attachment.type, attachment.digest.hex())).encode("utf-8"))
        size += int(attachment.size * 1.37) + _PER_FILE
    return digest.digest(), size
