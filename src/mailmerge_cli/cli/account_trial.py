"""One mail through an account, to see that it works: no campaign, no ledger."""

from __future__ import annotations

from mailmerge_cli.errors import (
    ConfigFault,
    CredentialsFault,
    ExitCode,
    MailmergeError,
    Stopped,
    Unreachable,
    UsageFault,
)
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.mail import Advice, Envelope, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.transport import Transport


class OneMail:
    """A feed (`model.transport.Feed`) that holds one mail and remembers what came of it."""

    def __init__(self, mail: Mail) -> None:
        self._mail: Mail | None = mail
        self.outcome: Outcome | None = None

    def ready(self) -> bool:
        """Whether the mail has not been taken yet."""
        return self._mail is not None

    async def take(self) -> Mail | None:
        """The mail, once."""
        mail, self._mail = self._mail, None
        return mail

    async def commit(self, settled: Settlement | None, begun: Mail | None) -> None:  # noqa: ARG002 - no ledger here
        """Remember the outcome."""
        if settled is not None:
            self.outcome = settled.outcome


def trial_mail(account: Account, to: str) -> Mail:
    """A short test mail from the account's sender to one address.

    Raises:
        ConfigFault: the account has no sender.
        UsageFault: `to` is no address.
    """
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import formatdate, make_msgid, parseaddr

    sender = parseaddr(account.sender)[1]
    if not sender:
        text = f'The account "{account.name}" has no sender, so a mail would be from nobody.'
        raise ConfigFault(text, hint='Write sender = "ADDRESS" into its table in accounts.toml.')
    receiver = _on_the_wire(to)
    message = EmailMessage(policy=SMTP.clone(utf8=not (sender + receiver).isascii()))
    message_id = make_msgid(domain=_on_the_wire(sender).rpartition("@")[2])
    try:
        message["From"] = account.sender
        message["To"] = receiver
    except ValueError:
        raise UsageFault(f'"{to}" or "{account.sender}" is not an e-mail address.') from None
    message["Subject"] = f"Test of the account {account.name}"
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = message_id
    message.set_content("This account can send mail.\n")
    content = message.as_bytes()
    bounces = account.envelope_from or sender
    envelope = Envelope(
        _on_the_wire(bounces), (receiver,), smtputf8=not (content + bounces.encode()).isascii()
    )
    return Mail(0, message_id, envelope, (content,))


async def send_trial(transport: Transport, mail: Mail) -> Outcome:
    """Carry the mail; Unreachable where the connection ended before its content left."""
    feed = OneMail(mail)
    try:
        await transport.carry(feed)
    except Unreachable:
        if feed.outcome is None or feed.outcome.verdict is not Verdict.UNKNOWN:
            raise
    if feed.outcome is None:
        raise Unreachable("The server ended the connection before the test mail.")
    return feed.outcome


def verdict_code(outcome: Outcome) -> ExitCode:
    """The exit code of a test mail; raises where the account or its login is at fault."""
    if outcome.verdict is Verdict.ACCEPTED:
        return ExitCode.OK
    faults: dict[Advice, type[MailmergeError]] = {
        Advice.STOP_CREDENTIALS: CredentialsFault,
        Advice.STOP_CONFIG: ConfigFault,
    }
    fault = faults.get(outcome.advice)
    if fault is None and outcome.verdict in (Verdict.DEFERRED, Verdict.RELEASED):
        fault = Stopped
    if fault is not None:
        raise fault(f"The test mail was not sent: {reply_text(outcome)}", hint=outcome.hint)
    return ExitCode.IN_DOUBT if outcome.verdict is Verdict.UNKNOWN else ExitCode.SOME_FAILED


def reply_text(outcome: Outcome) -> str:
    """The server's answer in one line."""
    return " ".join(filter(None, (str(outcome.code or ""), outcome.enhanced, outcome.text))) or "no answer"


def _on_the_wire(address: str) -> str:
    """An address with its domain as A-label; UsageFault if it is none."""
    local, at, domain = address.strip().rpartition("@")
    try:
        plain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    if not (local and at and plain) or any(char <= " " or char in "<>," for char in address.strip()):
        raise UsageFault(f'"{address}" is not an e-mail address.')
    return f"{local}@{plain}"
