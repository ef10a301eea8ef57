"""Logging in once: the gate that all connections of an account pass one after the other, and the AUTH dialogue itself.

Rule: one failed AUTH on the wire in the whole run (accounts get locked). So logins are made one at a time, and after a
refusal no connection tries again; the engine hears the same fault from each of them.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mailmerge_cli.errors import ConfigFault, CredentialsFault, Unreachable
from mailmerge_cli.model.account import Account, Auth, Credentials
from mailmerge_cli.secret import Secret
from mailmerge_cli.transports.smtp.commands import CRLF, line
from mailmerge_cli.transports.smtp.hints import login_hint
from mailmerge_cli.transports.smtp.offers import Offers
from mailmerge_cli.transports.smtp.replies import asked_wait
from mailmerge_cli.transports.smtp.reply import Reply
from mailmerge_cli.transports.smtp.sasl import Exchange, choose
from mailmerge_cli.transports.smtp.states import State, Step
from mailmerge_cli.transports.smtp.wire import Wire

_PATIENCE_AFTER_454 = 180.0
"""Seconds to leave a server alone that says "too many logins" or "temporary failure" (C09)."""

_OURS_TO_MEND = frozenset({500, 501, 502, 503, 504, 538})
"""AUTH itself was not understood or not allowed here: no password was judged."""


class LoginGate:
    """Lets one connection at a time log in, and none after a refusal. One for each transport."""

    def __init__(self) -> None:
        self._refused: CredentialsFault | ConfigFault | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn; raises the refusal that another connection, or an earlier one, met."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a lock belongs to one event loop; `check` and the run may have two
            self._loop, self._lock = loop, asyncio.Lock()
        async with self._lock:
            if self._refused is not None:
                raise self._refused
            try:
                yield
            except (CredentialsFault, ConfigFault) as fault:
                self._refused = fault
                raise


class Login:
    """The login of one connection."""

    def __init__(
        self, account: Account, credentials: Credentials, wire: Wire, trace: Callable[[str], None] | None
    ) -> None:
        self._account = account
        self._credentials = credentials
        self._wire = wire
        self._trace = trace

    async def run(self, offers: Offers, *, secured: bool) -> None:
        """AUTH. Raises `CredentialsFault`, `ConfigFault`, or `Unreachable` where it may work later."""
        account = self._account
        auth = choose(account.auth, offers.mechanisms, secured=secured, server=account.server)
        if auth is not Auth.XOAUTH2:
            reply = await self._try(auth, await self._credentials.password())
        else:
            reply = await self._try(auth, await self._credentials.token())
            if reply.kind == 5 and reply.code not in _OURS_TO_MEND and not self._wire.talk.over:
                # The token may just have expired (C10); the source of tokens is asked for a new one, once.
                reply = await self._try(auth, await self._credentials.token(refresh=True))
        if reply.kind != 2:
            raise self._fault(reply, auth)

    async def _try(self, auth: Auth, secret: Secret) -> Reply:
        user = self._account.user
        if "\0" in user + secret.reveal():
            raise CredentialsFault(
                f"User name or password of the account {self._account.name} has a NUL character."
            )
        exchange = Exchange(auth, user, secret)
        words = exchange.opening()
        reply = await self._say(
            line("AUTH", *words), "AUTH " + " ".join((words[0], *("***" for _ in words[1:]))), secret
        )
        while reply.code == 334 and self._wire.talk.state is State.LOGIN:
            reply = await self._say(exchange.answer(reply.lines[0]) + CRLF, "***", secret)
        if reply.kind == 3:
            raise self._wire.broken()  # no password was judged: the server is out of step, or left in the middle
        return reply

    async def _say(self, words: bytes, shown: str, secret: Secret) -> Reply:
        wire = self._wire
        if wire.talk.over:
            raise wire.broken()
        wire.talk.ask(Step.AUTH)
        if self._trace:
            self._trace(f"C: {shown}")
        wire.write(words)
        reply = _masked(await wire.reply(quiet=True), self._account.user, secret)
        if self._trace:
            self._trace("S: 334 ***" if reply.code == 334 else f"S: {reply}")
        return reply

    def _fault(self, reply: Reply, auth: Auth) -> CredentialsFault | ConfigFault | Unreachable:
        account = self._account
        who = f"{account.server} refused the login of {account.user}: {reply}"
        if reply.code in (421, 432) or reply.kind == 4:
            wait = max(asked_wait(reply.text), _PATIENCE_AFTER_454)
            crowded = reply.code in (421, 432)
            return Unreachable(who, hint="It may work later.", wait=wait, fewer_connections=crowded)
        if reply.code in _OURS_TO_MEND:
            return ConfigFault(who, hint="Check security and auth of the account.")
        hint = login_hint(account.provider, str(reply), token=auth is Auth.XOAUTH2, account=account.name)
        return CredentialsFault(who, hint=hint)


def _masked(reply: Reply, user: str, secret: Secret) -> Reply:
    """The reply, should it quote what we sent: some servers do, in the text that goes to logs."""
    if reply.code == 334:
        return reply
    text = secret.reveal()
    plain = f"\0{user}\0{text}"
    forms = [text, *(base64.b64encode(form.encode()).decode() for form in (text, plain))]
    lines = list(reply.lines)
    for form in forms:
        if len(form) > 3:
            lines = [part.replace(form.encode(), b"***") for part in lines]
    return Reply(reply.code, tuple(lines))
