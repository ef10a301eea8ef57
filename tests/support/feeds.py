"""A feed for transports in tests: it hands out mails, writes down what is committed, and holds the law.

    feed = RecordingFeed([a_mail(1), a_mail(2)])
    await transport.carry(feed)
    assert feed.verdicts == {1: Verdict.ACCEPTED, 2: Verdict.ACCEPTED}
    feed.check()                    # each mail that was taken has exactly one outcome

`server`: at each begin it is checked that the server has not got an octet of that mail's content (DESIGN.md law 2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.model.account import Account, Auth, Credentials, Pipelining, Security
from mailmerge_cli.model.mail import Envelope, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.secret import Secret
from mailmerge_cli.transports.smtp import SmtpTransport
from support.scripted_smtp import ScriptedServer


def a_mail(
    number: int = 1,
    to: str | tuple[str, ...] = "",
    *,
    sender: str = "hr@example.org",
    body: bytes = b"",
    smtputf8: bool = False,
    eight_bit: bool = False,
) -> Mail:
    """A mail whose content tells its number: `mark(number)` stands in it once."""
    recipients = (to,) if isinstance(to, str) else to
    recipients = tuple(address or f"p{number}@example.org" for address in recipients)
    message_id = f"<{number}.test@example.org>"
    head = (
        f"From: hr@example.org\r\nTo: {recipients[0]}\r\nMessage-ID: {message_id}\r\nSubject: Hello\r\n\r\n"
    )
    content = (head.encode(), mark(number) + b"\r\n", body or b"Good day.\r\n")
    envelope = Envelope(sender, recipients, smtputf8)
    return Mail(number, message_id, envelope, content, eight_bit=eight_bit)


def mark(number: int) -> bytes:
    """What stands in the content of mail `number` and nowhere else."""
    return f"content-of-{number}-".encode()


def an_account(server: ScriptedServer | None = None, **settings: object) -> Account:
    """An account for a scripted server: no TLS unless the server has some, quick time-outs."""
    usual: dict[str, object] = {"name": "test", "timeout": 3.0, "timeout_end_of_data": 5.0}
    if server is not None:
        usual |= {"host": server.host, "port": server.port}
        security = {"": Security.NONE, "implicit": Security.TLS, "starttls": Security.STARTTLS}[server.tls]
        usual["security"] = security
        if server.users is None:
            usual["auth"] = Auth.NONE
        else:
            usual["user"] = next(iter(server.users))
    settings = usual | settings
    if isinstance(settings.get("pipelining"), str):
        settings["pipelining"] = Pipelining(settings["pipelining"])
    return Account(**settings)  # type: ignore[arg-type]


def carry(
    server: ScriptedServer, feed: RecordingFeed, credentials: Credentials | None = None, **settings: object
) -> BaseException | None:
    """One connection's life over SMTP; what it raised, if it did. The feed is checked either way."""

    async def run() -> None:
        await SmtpTransport(an_account(server, **settings), credentials or KnownSecrets()).carry(feed)

    raised: BaseException | None = None
    try:
        asyncio.run(run())
    except MailmergeError as error:
        raised = error
    feed.check()
    return raised


class KnownSecrets:
    """Credentials that are known; counts how often it was asked. `tokens`: the first, then one for each refresh."""

    def __init__(self, password: str = "", tokens: Iterable[str] = ()) -> None:
        self.asked: list[str] = []
        self._password = password
        self._tokens = list(tokens)

    async def password(self) -> Secret:
        self.asked.append("password")
        return Secret(self._password)

    async def token(self, *, refresh: bool = False) -> Secret:
        self.asked.append("refresh" if refresh else "token")
        if refresh:
            self._tokens.pop(0)
        return Secret(self._tokens[0])


@dataclass(frozen=True)
class Commit:
    """One call of `commit`, by the numbers of the mails."""

    settled: int | None
    verdict: Verdict | None
    begun: int | None


class RecordingFeed:
    """See the module.

    Args:
        mails: what `take` gives, in order.
        server: to check that content did not come before its begin.
        on_commit: awaited in each commit, before it counts; may wait, raise, or look around.
        on_take: awaited in each take.
        ready: what `ready` says while mails are left; a function is asked each time.
    """

    def __init__(
        self,
        mails: Iterable[Mail],
        *,
        server: ScriptedServer | None = None,
        on_commit: Callable[[Settlement | None, Mail | None], Awaitable[None]] | None = None,
        on_take: Callable[[Mail | None], Awaitable[None]] | None = None,
        ready: bool | Callable[[], bool] = True,
    ) -> None:
        self.mails = list(mails)
        self.taken: list[Mail] = []
        self.commits: list[Commit] = []
        self.settlements: list[Settlement] = []
        self.log: list[str] = []
        self._server = server
        self._on_commit = on_commit
        self._on_take = on_take
        self._ready = ready
        self._begun: set[int] = set()

    def ready(self) -> bool:
        return bool(self.mails) and (self._ready() if callable(self._ready) else self._ready)

    async def take(self) -> Mail | None:
        mail = self.mails.pop(0) if self.mails else None
        if mail is not None:
            self.taken.append(mail)
            self.log.append(f"take {mail.delivery}")
        if self._on_take is not None:
            await self._on_take(mail)
        return mail

    async def commit(self, settled: Settlement | None, begun: Mail | None) -> None:
        assert settled is not None or begun is not None, "an empty commit"
        self._hold_the_law(settled, begun)
        try:
            if self._on_commit is not None:
                await self._on_commit(settled, begun)
        except asyncio.CancelledError:
            self._write_down(
                settled, begun
            )  # what was handed over is made, also where nobody waits for it any more
            raise
        self._hold_the_law(None, begun)
        self._write_down(settled, begun)

    def _hold_the_law(self, settled: Settlement | None, begun: Mail | None) -> None:
        if begun is not None:
            assert begun in self.taken, "begun without being taken"
            assert begun.delivery not in self._begun, "begun twice"
            if self._server is not None:
                assert not self._server.saw(mark(begun.delivery)), "content before its begin"
        if settled is not None:
            assert settled.mail in self.taken, "settled without being taken"
            assert settled.mail not in [s.mail for s in self.settlements], "settled twice"
            if settled.outcome.verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN):
                assert settled.mail.delivery in self._begun, "sent without being begun"

    def _write_down(self, settled: Settlement | None, begun: Mail | None) -> None:
        if settled is not None:
            self.settlements.append(settled)
            self.log.append(f"{settled.outcome.verdict} {settled.mail.delivery}")
        if begun is not None:
            self._begun.add(begun.delivery)
            self.log.append(f"begin {begun.delivery}")
        self.commits.append(
            Commit(
                settled.mail.delivery if settled else None,
                settled.outcome.verdict if settled else None,
                begun.delivery if begun else None,
            )
        )

    @property
    def outcomes(self) -> dict[int, Outcome]:
        """By the mails' numbers."""
        return {each.mail.delivery: each.outcome for each in self.settlements}

    @property
    def verdicts(self) -> dict[int, Verdict]:
        """By the mails' numbers."""
        return {number: outcome.verdict for number, outcome in self.outcomes.items()}

    def check(self) -> None:
        """Whatever was taken was settled, once."""
        assert sorted(mail.delivery for mail in self.taken) == sorted(
            s.mail.delivery for s in self.settlements
        )
