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
_NO_OTHERS: tuple[tuple[Mailbox, ...], tuple[Mailbox, ...]] = ((), ())


def netstrings(parts: Iterable[str]) -> str:
    """Texts one after the other, each with its length before it, so that no two lists give the same."""
    return "".join([f"{len(part)}:{part}" for part in parts])


class ContentDigest:
    """Makes the content hashes of one template.

    Args:
        always: what all rows share, serialised.
        sender: of the envelopes.
    """

    def __init__(self, always: str, sender: str) -> None:
        self._head = netstrings([always, sender])

    def __call__(
        self,
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
            envelope: Bcc counts by its recipients.
            to: the one in To.
            others: those in Cc and in Reply-To.
            subject: decoded.
            headers: those that vary.
            bodies: text and HTML; empty where there is none.
            attachments: name, type and octets count.

        Raises:
            UnicodeEncodeError: half of a surrogate pair stands in a text.
        """
        name, spec = to[0], to[1].spec
        if others == _NO_OTHERS and not headers and len(envelope.recipients) == 1:
            recipient, (text, html) = envelope.recipients[0], bodies
            # The same as below, written down for most mails.
            rest = (
                f"1:1{len(recipient)}:{recipient}{len(name)}:{name}{len(spec)}:{spec}"
                f"{len(subject)}:{subject}1:01:01:0{len(text)}:{text}{len(html)}:{html}"
            )
        else:
            rest = netstrings(_parts(envelope.recipients, (name, spec, subject), others, headers, bodies))
        serial = self._head + rest
        whole = serial.encode("utf-8")
        digest = hashlib.sha256(whole)
        # Latin text goes as it is, other text as base64 or quoted-printable.
        size = _HEAD + (len(whole) if len(whole) < 1.02 * len(serial) else int(len(whole) * 1.38))
        for attachment in attachments:
            digest.update(
                netstrings((attachment.name, attachment.type, attachment.digest.hex())).encode("utf-8")
            )
            size += int(attachment.size * 1.37) + _PER_FILE
        return digest.digest(), size


def _parts(
    recipients: tuple[str, ...],
    to_and_subject: tuple[str, str, str],
    others: tuple[tuple[Mailbox, ...], tuple[Mailbox, ...]],
    headers: tuple[tuple[str, str], ...],
    bodies: tuple[str, str],
) -> list[str]:
    parts = [str(len(recipients)), *recipients, *to_and_subject]
    for people in others:
        parts.append(str(len(people)))
        parts += [part for name, address in people for part in (name, address.spec)]
    parts.append(str(len(headers)))
    parts += [part for header in headers for part in header]
    parts += bodies
    return parts
