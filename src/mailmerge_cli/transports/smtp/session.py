"""From a socket to a server that is ready for mail: banner, EHLO, STARTTLS, EHLO, AUTH, EHLO.

Rule 1: nothing but EHLO, STARTTLS and QUIT is said before TLS is on, unless the account says that there is none.
Rule 2: what a server offered before TLS is forgotten.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from mailmerge_cli.errors import ConfigFault, Unreachable
from mailmerge_cli.model.account import Account, Auth, Credentials, Security
from mailmerge_cli.model.mail import Mail
from mailmerge_cli.transports.smtp.commands import CRLF, QUIT, line
from mailmerge_cli.transports.smtp.dial import PATIENCE, Dialler
from mailmerge_cli.transports.smtp.login import Login, LoginGate
from mailmerge_cli.transports.smtp.offers import Offers
from mailmerge_cli.transports.smtp.replies import asked_wait
from mailmerge_cli.transports.smtp.reply import Reply
from mailmerge_cli.transports.smtp.states import Step
from mailmerge_cli.transports.smtp.tls import TlsLayer, tls_fault, verifying_context
from mailmerge_cli.transports.smtp.wire import Broken, Wire

EHLO_NAME = "[127.0.0.1]"
"""What we call ourselves. This machine's name or address is nobody's business and would stand in each mail's Received lines;
the sender's domain is what some servers take for a forgery. A literal is valid (RFC 5321 §4.1.4), and what mail programs say."""

_QUIT_TIMEOUT = 10.0
_SHORTEST = 3.0  # seconds that a server has for its greeting, however long it took to reach it


class Session:
    """One connection, opened, encrypted and logged in.

    Attributes:
        wire: its bytes.
        offers: what the last EHLO said.
    """

    def __init__(self, account: Account, wire: Wire, trace: Callable[[str], None] | None) -> None:
        self.wire = wire
        self.offers = Offers()
        self._account = account
        self._trace = trace

    async def ask(self, step: Step, words: bytes, seconds: float = 0.0) -> Reply:
        """One command, one reply. Raises `Broken`; without a word, where the server has said more than it was asked."""
        if self.wire.talk.over:
            raise self.wire.broken()
        self.wire.talk.ask(step)
        self.show(words)
        self.wire.write(words)
        return await self.wire.reply(seconds)

    def show(self, words: bytes) -> None:
        """Tell the trace what is written; never content, never a login."""
        if self._trace:
            for command in words.split(CRLF)[:-1]:
                self._trace(f"C: {command.decode('utf-8', 'replace')}")

    def note_content(self, mail: Mail) -> None:
        """Tell the trace that content is written."""
        if self._trace:
            self._trace(f"C: ({mail.size} octets of content) .")

    async def quit(self) -> None:
        """Say QUIT, wait ten seconds for its reply at most, and forget all that goes wrong: what was accepted stays accepted."""
        wire = self.wire
        try:
            if not (wire.lost or wire.talk.over or wire.talk.asked):
                await self.ask(Step.QUIT, QUIT, min(_QUIT_TIMEOUT, self._account.timeout))
        except Broken:
            pass
        except BaseException:
            wire.abort()
            raise
        await wire.close()


class Opening:
    """Makes sessions of one account; shared by all its connections."""

    def __init__(
        self, account: Account, credentials: Credentials, trace: Callable[[str], None] | None
    ) -> None:
        self._account = account
        self._credentials = credentials
        self._trace = trace
        self._gate = LoginGate()
        self._context: ssl.SSLContext | None = None
        plain = account.security is Security.NONE
        self._dialler = Dialler(
            account.host, account.port, loopback_only=plain and not account.allow_insecure
        )

    async def open(self) -> Session:
        """A session that is ready for MAIL. Raises `Unreachable`, `CredentialsFault` or `ConfigFault`."""
        account = self._account
        if not account.host or not account.port:
            raise ConfigFault(f"The account {account.name} has no host or no port.")
        if account.security is not Security.NONE and self._context is None:
            self._context = verifying_context(account.ca_file)
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        sock = await self._dialler.dial()
        try:
            _, wire = await loop.create_connection(
                lambda: Wire(sock, account.timeout, self._trace), sock=sock
            )
        except BaseException:
            sock.close()
            raise
        session = Session(account, wire, self._trace)
        try:
            await self._introduce(session, end)
        except Broken as broken:
            await wire.close()
            said = wire.talk.unasked
            if said is not None and said.kind == 4:  # a 421 right behind an answer
                raise self._turned_away(said) from broken
            raise self._silent(broken) from broken
        except BaseException as error:
            if isinstance(error, Exception):
                await _leave(session)
            wire.abort()
            raise
        return session

    async def _introduce(self, session: Session, end: float) -> None:
        """TLS, banner, EHLO, login. A server that says nothing at all is as good as unreachable, and known as soon."""
        security = self._account.security
        if security is Security.TLS:
            await self._secure(session, self._left(end))
        await self._banner(session, self._left(end))
        await self._hello(session)
        if security is Security.STARTTLS:
            await self._starttls(session)
            await self._hello(session)
        if self._account.user and self._account.auth is not Auth.NONE:
            async with self._gate.turn():
                login = Login(self._account, self._credentials, session.wire, self._trace)
                await login.run(session.offers, secured=security is not Security.NONE)
            await self._hello(session)

    def _left(self, end: float) -> float:
        return min(self._account.timeout, max(end - asyncio.get_running_loop().time(), _SHORTEST))

    async def _banner(self, session: Session, timeout: float) -> None:
        reply = await session.wire.reply(timeout)
        if reply.kind != 2:
            raise self._turned_away(reply)

    async def _hello(self, session: Session) -> None:
        """EHLO; HELO where the server knows no EHLO and nothing of it is needed (P03)."""
        again = session.offers != Offers()
        reply = await session.ask(Step.EHLO, line("EHLO", EHLO_NAME))
        if reply.kind == 2:
            session.offers = Offers.of(reply)
            return
        if reply.kind == 4:
            raise self._turned_away(reply)
        if again:
            # A second EHLO is everybody's right (RFC 5321 §4.1.4); a server that refuses it gets nothing fancy.
            session.offers = Offers(size=session.offers.size)
            return
        account = self._account
        if account.security is Security.STARTTLS or account.user:
            raise ConfigFault(
                f"{account.server} refuses EHLO ({reply}), so it can neither encrypt nor log in.",
                hint="Check host and port.",
            )
        reply = await session.ask(Step.HELO, line("HELO", EHLO_NAME))
        if reply.kind != 2:
            raise self._turned_away(reply)

    async def _starttls(self, session: Session) -> None:
        server, talk = self._account.server, session.wire.talk
        if not session.offers.starttls:
            raise ConfigFault(
                f"{server} does not offer STARTTLS, so nothing was sent: no login, no mail.",
                hint='If this is port 465, set security = "tls". If the server used to offer it, someone may be in between.',
            )
        reply = await session.ask(Step.STARTTLS, line("STARTTLS"))
        if reply.kind != 2:
            fault = Unreachable if reply.kind == 4 else ConfigFault
            raise fault(f"{server} offers STARTTLS but refuses it: {reply}. Nothing was sent.")
        if not talk.quiet or talk.over:
            # Bytes behind the 220 would be believed as if they had come under TLS (CVE-2011-0411).
            raise ConfigFault(
                f"{server} sent more than its answer to STARTTLS before the encryption began; nothing was sent.",
                hint="Someone between here and the server may be tampering; try another network.",
            )
        session.offers = Offers()
        await self._secure(session, self._account.timeout)
        if talk.over:
            raise session.wire.broken()  # it spoke under TLS before it was asked
        talk.secured()

    async def _secure(self, session: Session, timeout: float) -> None:
        account = self._account
        assert self._context is not None
        try:
            await session.wire.secure(TlsLayer(self._context, account.host), timeout)
        except ssl.SSLError as error:
            raise tls_fault(error, account.server, account.host) from error
        if self._trace:
            self._trace("TLS is on")

    def _turned_away(self, reply: Reply) -> Unreachable:
        wait = asked_wait(reply.text) or (60.0 if reply.kind == 4 else 0.0)
        return Unreachable(
            f"{self._account.server} does not take mail now: {reply}.",
            hint="Run the same command again later.",
            wait=wait,
            fewer_connections=reply.code in (421, 432),
        )

    def _silent(self, broken: Broken) -> Unreachable:
        hint = ""
        if broken.silent and self._account.security is not Security.TLS:
            hint = 'If this is port 465, set security = "tls".'
        return Unreachable(f"{self._account.server} cannot be used: {broken.why}.", hint=hint)


async def _leave(session: Session) -> None:
    """QUIT without waiting: the server should not think that we broke down."""
    wire = session.wire
    if not (wire.lost or wire.talk.over or wire.talk.asked):
        session.show(QUIT)
        wire.write(QUIT)
    await wire.close()
