"""The SMTP transport: what all connections of one account share, and the life of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mailmerge_cli.model.account import Account, Credentials, Pipelining
from mailmerge_cli.model.mail import Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.transport import Feed, Limits
from mailmerge_cli.transports.smtp.admission import Ahead
from mailmerge_cli.transports.smtp.carriage import Carriage
from mailmerge_cli.transports.smtp.session import Opening, Session


class SmtpTransport:
    """Mail through an SMTP server (RFC 5321, 6409).

    Attributes:
        name: `smtp`.
        limits: `size` is learned from the server at the first connection.
    """

    def __init__(
        self, account: Account, credentials: Credentials, trace: Callable[[str], None] | None = None
    ) -> None:
        self.name = "smtp"
        self.limits = Limits(connections=account.connections)
        self._account = account
        self._opening = Opening(account, credentials, trace)
        self._fell_back = False

    async def check(self) -> None:
        """Connect and log in, send nothing."""
        session = await self._open()
        await session.quit()

    async def carry(self, feed: Feed) -> None:
        """See `Transport.carry`. A connection that the server closed while it was idle is made anew without a word."""
        mail: Mail | None = None
        if not feed.ready():
            mail = await feed.take()
            if mail is None:
                return
        while True:
            session = await self._open_for(feed, mail)
            wary = self._account.pipelining is Pipelining.AUTO
            carriage = Carriage(session, feed, self._account, self._ahead(session), wary=wary)
            try:
                mail = await carriage.run(mail)
            finally:
                self._fell_back = self._fell_back or (wary and carriage.stumbled)
            if mail is None:
                return

    async def _open(self) -> Session:
        session = await self._opening.open()
        self.limits = replace(self.limits, size=session.offers.size)
        return session

    async def _open_for(self, feed: Feed, mail: Mail | None) -> Session:
        """A session; the mail that was taken for it is given back where there will be none."""
        try:
            return await self._open()
        except BaseException:
            if mail is not None:
                released = Outcome(Verdict.RELEASED, text="no connection", phase="connect")
                await feed.commit(Settlement(mail, released), None)
            raise

    def _ahead(self, session: Session) -> Ahead:
        """Only what the EHLO after TLS and login offers is used."""
        wanted = self._account.pipelining
        if wanted is Pipelining.OFF or not session.offers.pipelining:
            return Ahead.NOTHING
        if wanted is Pipelining.ENVELOPE or self._fell_back:
            return Ahead.ENVELOPE
        return Ahead.NEXT
