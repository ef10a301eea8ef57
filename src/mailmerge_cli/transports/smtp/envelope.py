"""The envelope of one mail on one connection: what the server cannot take is refused before MAIL, the rest becomes a group of lines."""

from __future__ import annotations

from functools import lru_cache

from mailmerge_cli.model.mail import Advice, Blame, Mail, Outcome, Verdict
from mailmerge_cli.transports.smtp import commands
from mailmerge_cli.transports.smtp.offers import Offers
from mailmerge_cli.transports.smtp.reply import escape
from mailmerge_cli.transports.smtp.states import Step

_SINGLE = (Step.MAIL, Step.RCPT, Step.DATA)
_SINGLE_AGAIN = (Step.RSET, *_SINGLE)


def objection(mail: Mail, offers: Offers) -> Outcome | None:
    """Why this mail cannot go over this connection, known before a word of it is said; None where it can.

    What is refused here would be refused by the server after the upload (B07), or be mangled by one that does not look (A15, P21).
    """
    envelope = mail.envelope
    if not _good_sender(envelope.sender):
        return _refused("The sender's address cannot stand in an envelope", envelope.sender, Blame.TRANSPORT)
    for address in envelope.recipients:
        if not commands.sendable(address):
            return _refused("The address cannot stand in an envelope", address, Blame.RECIPIENT)
    if not offers.smtputf8 and wants_smtputf8(mail):
        text = "The server has no SMTPUTF8, which an address or header with other than ASCII letters needs."
        return Outcome(Verdict.REFUSED, Blame.RECIPIENT, text=text, phase="mail")
    if mail.eight_bit and not offers.eight_bit:
        text = "The server has no 8BITMIME, and the message has 8-bit text; it must be encoded (quoted-printable or base64)."
        return Outcome(Verdict.REFUSED, Blame.MESSAGE, text=text, phase="mail")
    if offers.size and mail.size > offers.size:
        text = f"The message has {mail.size:,} octets, and the server takes {offers.size:,}."
        hint = "Send smaller attachments; an attachment grows by 37 % on its way."
        return Outcome(Verdict.REFUSED, Blame.MESSAGE, text=text, phase="mail", hint=hint)
    return None


@lru_cache(maxsize=16)
def _good_sender(sender: str) -> bool:
    return commands.sendable(sender)


def wants_smtputf8(mail: Mail) -> bool:
    """Whether SMTPUTF8 must be said, also where whoever made the envelope did not notice."""
    envelope = mail.envelope
    return envelope.smtputf8 or not (envelope.sender.isascii() and all(map(str.isascii, envelope.recipients)))


def group(mail: Mail, offers: Offers, *, reset: bool) -> bytes:
    """The envelope as it is written at once; DATA is in it for a single recipient only."""
    recipients = mail.envelope.recipients
    words = mail_line(mail, offers)
    if reset:
        words = commands.RSET + words
    if len(recipients) == 1:
        return words + commands.rcpt_to(recipients[0]) + commands.DATA
    return words + b"".join(map(commands.rcpt_to, recipients))


def steps(mail: Mail, *, reset: bool) -> tuple[Step, ...]:
    """What the lines of `group` are."""
    count = len(mail.envelope.recipients)
    if count == 1:
        return _SINGLE_AGAIN if reset else _SINGLE
    lead = (Step.RSET,) if reset else ()
    return (*lead, Step.MAIL, *(Step.RCPT,) * count)


def mail_line(mail: Mail, offers: Offers) -> bytes:
    """MAIL, with the parameters that the server offers and this mail wants."""
    return commands.mail_from(
        mail.envelope.sender,
        size=mail.size if offers.sized else 0,
        eight_bit=mail.eight_bit,
        smtputf8=offers.smtputf8 and wants_smtputf8(mail),
    )


def _refused(what: str, address: str, blame: Blame) -> Outcome:
    text = f"{what}: {escape(address, 200)}"
    if blame is Blame.TRANSPORT:  # every mail has the same sender: no row is to blame
        return Outcome(Verdict.DEFERRED, blame, Advice.STOP_CONFIG, text=text, phase="mail")
    return Outcome(Verdict.REFUSED, blame, text=text, phase="mail")
