"""The seam between *when* (engine) and *how* (transports): a transport pulls mails from a feed and tells what came of each.

Rule 1: below this line there is no retry, no sleep, no log and no ledger.
Rule 2: content leaves only after `commit(..., begun=mail)` has returned for that mail.
Rule 3: whatever was taken is settled, on every way out of `carry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mailmerge_cli.model.mail import Mail, Settlement


@dataclass(frozen=True, slots=True)
class Limits:
    """What a transport can carry; 0 stands for no limit that is known.

    Attributes:
        connections: useful number of connections at a time.
        size: octets of one message.
        recipients: envelope recipients of one message.
        raw_mime: takes whole messages (else it wants fields).
    """

    connections: int = 0
    size: int = 0
    recipients: int = 0
    raw_mime: bool = True


class Feed(Protocol):
    """What the engine gives one connection."""

    def ready(self) -> bool:
        """Whether `take` would give a mail at once. If not, settle first what you hold, alone."""
        ...

    async def take(self) -> Mail | None:
        """The next mail, once the throttle permits it (call it right before MAIL is written). None: no more."""
        ...

    async def commit(self, settled: Settlement | None, begun: Mail | None) -> None:
        """One durable transaction: the outcome of one mail and the intent of another; returns when both are on disk.

        `settled` may be of a mail that was never begun (refused or deferred before its content): it is begun and
        settled together. A mail that was taken but never begun may be handed back with RELEASED: nothing is recorded.
        A commit that is cancelled while it waits counts as made: what was handed over reaches the disk all the same.
        """
        ...


class Transport(Protocol):
    """One provider or protocol."""

    name: str
    limits: Limits

    async def check(self) -> None:
        """Connect and log in, send nothing. Raises Unreachable, CredentialsFault or ConfigFault."""
        ...

    async def carry(self, feed: Feed) -> None:
        """The life of one connection: connect, log in, then take, commit, send until the feed ends.

        Returns when the feed gave None, or when the server ended the connection in good order (421, a limit of messages):
        the engine then opens another. Raises Unreachable (connection lost, refused, time-out), CredentialsFault or
        ConfigFault. On cancellation: content begun is UNKNOWN, the rest RELEASED, settled before it re-raises.
        Connects only once the feed has something to give.
        """
        ...
