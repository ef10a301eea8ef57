"""One mail on its way: whom it is for, its envelope, its bytes; and what came of the attempt to send it.

There is one of each for every mail, so they are tuples with names: a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Recipient(NamedTuple):
    """A person of the list.

    Attributes:
        row: the line that the person sees in the sheet.
        key: what names the person in the ledger: displayed text, trimmed, NFC; the address by default.
        address: the envelope address: domain as A-label.
        name: the display name; may be empty.
    """

    row: int
    key: str
    address: str
    name: str = ""


class Envelope(NamedTuple):
    """What SMTP is told: addresses as they go on the wire (domains as A-labels).

    Attributes:
        sender: MAIL FROM; the empty string is the null sender.
        recipients: RCPT TO, the row's own address first; never empty.
        smtputf8: a local part or a header holds other than ASCII, so the server must offer SMTPUTF8 (RFC 6531).
    """

    sender: str
    recipients: tuple[str, ...]
    smtputf8: bool = False


class Mail(NamedTuple):
    """One message, ready for a transport.

    Attributes:
        delivery: the ledger's number of the delivery that this mail is for.
        message_id: with angle brackets; the same for all attempts of one intent.
        envelope: see there.
        content: the whole message (RFC 5322) in pieces, CRLF line ends, not dot-stuffed, ending in CRLF. Pieces that many
            mails share are the same object. Lines are at most 998 octets. Only ASCII unless `envelope.smtputf8`
            (headers) or `eight_bit` (bodies) says otherwise.
        attempt: which attempt this will be, from 1.
        eight_bit: a body holds octets above 127, so the server must offer 8BITMIME.
    """

    delivery: int
    message_id: str
    envelope: Envelope
    content: tuple[bytes, ...]
    attempt: int = 1
    eight_bit: bool = False

    @property
    def size(self) -> int:
        """Octets of the content."""
        return sum(map(len, self.content))


class Verdict(StrEnum):
    """What came of one attempt."""

    ACCEPTED = "accepted"  # the server took responsibility
    DEFERRED = "deferred"  # not now; the same mail may be tried again
    REFUSED = "refused"  # never
    RELEASED = "released"  # begun, but the content never left: as if nothing had happened
    UNKNOWN = "unknown"  # the content left, no answer came: a person decides


class Blame(StrEnum):
    """Whose fault a refusal is (Postfix's three circles)."""

    NOBODY = "nobody"
    RECIPIENT = "recipient"  # this one fails
    MESSAGE = "message"  # its row fails; several alike in a row stop the run
    TRANSPORT = "transport"  # account or server: slow down, pause or stop; burns no row


class Advice(StrEnum):
    """What an outcome asks of the run as a whole."""

    NONE = "none"
    SLOW_DOWN = "slow_down"  # the server finds us too fast
    FEWER_CONNECTIONS = "fewer_connections"
    QUOTA = "quota"  # a day's or an hour's quota is used up: stop, go on later
    STOP = "stop"  # the server will not have mail from us now (reputation, mailbox full, …): stop, 75
    STOP_CONFIG = "stop_config"  # this login may not send as this sender, …: stop, 78
    STOP_CREDENTIALS = "stop_credentials"  # login refused in the middle of a run: stop, 77


class Outcome(NamedTuple):
    """The server's answer to one attempt, or the lack of one.

    Attributes:
        code: the SMTP reply code or HTTP status; 0 if there was none.
        enhanced: RFC 3463 code such as `5.1.1`; empty if there was none.
        text: the reply's text or what happened, control characters escaped, at most 500 characters.
        phase: at which step: `connect`, `mail`, `rcpt`, `data`, `content`, `end of data`; empty if none.
        remote_id: the id that the server gave the message, as far as its reply tells it.
        wait: seconds that the server asks us to wait; 0 if it does not say.
        hint: what a person can do about it; empty if there is nothing to add.
    """

    verdict: Verdict
    blame: Blame = Blame.NOBODY
    advice: Advice = Advice.NONE
    code: int = 0
    enhanced: str = ""
    text: str = ""
    phase: str = ""
    remote_id: str = ""
    wait: float = 0.0
    hint: str = ""


class Settlement(NamedTuple):
    """A mail and what came of it."""

    mail: Mail
    outcome: Outcome
