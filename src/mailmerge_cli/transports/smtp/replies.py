"""What a refusal means: (phase, code, enhanced code, text, provider) → `Outcome`, as one table, first hit wins.

Rule 1: blame decides (DESIGN.md law 5). Whatever is the account's, the server's or the sender's fault is `DEFERRED` with blame
TRANSPORT, also where its code is a 5xx: the row stays as it was, the advice says what the run should do.
Rule 2: rows that name a text work for every server, because relays pass such texts on; rows whose code alone is ambiguous name the provider.
Rule 3: what no row knows goes by its first digit and its phase (RFC 5321 §4.2.1, RFC 3463 §2).

The sources stand beside the rows: G = support.google.com/a/answer/3726730, M = Exchange Online NDR and SMTP submission pages,
A = AWS SES "sending quotas errors", Y = Yahoo sender hub error codes, N = NetEase (163/126) enterprise error list, T = Tencent (QQ, exmail),
D = Alibaba DirectMail, P = Postfix, E = Exim, R = RFC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from mailmerge_cli.model.mail import Advice, Blame, Outcome, Verdict
from mailmerge_cli.transports.smtp.reply import Reply

_HOUR = 3600.0
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a refusal is about; the part of an `Outcome` that the reply's own words do not fill."""

    verdict: Verdict = Verdict.DEFERRED
    blame: Blame = Blame.TRANSPORT
    advice: Advice = Advice.NONE
    wait: float = 0.0
    hint: str = ""


class _Row(NamedTuple):
    """One line of the table; what is empty fits everything.

    `code` is a beginning; `enhanced` fits as a whole; `text` is searched for; `phases` and `provider` as they are (`aliyun` fits `aliyun-dm`).
    """

    meaning: Meaning
    code: str = ""
    enhanced: str = ""
    text: str = ""
    phases: str = ""
    provider: str = ""

    def fits(self, phase: str, reply: Reply, text: str, provider: str) -> bool:
        """Whether this is what the server said."""
        return (
            str(reply.code).startswith(self.code)
            and (not self.enhanced or re.fullmatch(self.enhanced, reply.enhanced) is not None)
            and (not self.phases or phase in self.phases.split("|"))
            and provider.startswith(self.provider)
            and (not self.text or re.search(self.text, text, re.IGNORECASE) is not None)
        )


_QUOTA = Meaning(
    advice=Advice.QUOTA, hint="The account's sending quota is used up; the run goes on when it is free again."
)
_HOURLY = Meaning(advice=Advice.QUOTA, wait=_HOUR, hint="The account's hourly quota is used up.")
_SLOW = Meaning(advice=Advice.SLOW_DOWN, wait=60.0)
_SLOWER = Meaning(
    advice=Advice.SLOW_DOWN,
    wait=900.0,
    hint="The provider finds this too fast: set a lower rate for the account.",
)
_CROWDED = Meaning(advice=Advice.FEWER_CONNECTIONS, wait=30.0, hint="Set fewer connections for the account.")
_BLOCKED = Meaning(
    advice=Advice.STOP,
    hint="The provider has blocked this account or address for now; ask it before going on.",
)
_OWN_MAILBOX = Meaning(
    advice=Advice.STOP, hint="It is the sender's own mailbox that is full (Sent Items): empty it, then go on."
)
_SENDER = Meaning(
    advice=Advice.STOP_CONFIG,
    hint="The server does not let this login send from this address: make From (and envelope_from) the account's own address, "
    "or get the right to send as it.",
)
_LOGIN = Meaning(
    advice=Advice.STOP_CREDENTIALS, hint="The server wants a login: set user and auth of the account."
)
_TLS_FIRST = Meaning(
    advice=Advice.STOP_CONFIG, hint='The server wants encryption first: set security to "starttls" or "tls".'
)
_TOO_BIG = Meaning(
    Verdict.REFUSED,
    Blame.MESSAGE,
    hint="The message is larger than the server takes; send smaller attachments.",
)
_CONTENT = Meaning(Verdict.REFUSED, Blame.MESSAGE, hint="The server refused what the message says or holds.")
_DISLIKED = Meaning(blame=Blame.MESSAGE, wait=60.0)
_NOBODY_THERE = Meaning(Verdict.REFUSED, Blame.RECIPIENT)
_GREYLISTED = Meaning(blame=Blame.RECIPIENT, wait=60.0)
_THEIRS = Meaning(blame=Blame.RECIPIENT)
_THEIRS_FULL = Meaning(blame=Blame.RECIPIENT, wait=_HOUR, hint="The recipient's mailbox is full.")
_MANY = Meaning(
    blame=Blame.RECIPIENT, hint="The server takes fewer recipients for one message: send fewer Cc and Bcc."
)
_RELAY = Meaning(
    Verdict.REFUSED,
    Blame.RECIPIENT,
    hint="The server does not pass mail on to this address; if it says so of all, the login is missing or the server is the wrong one.",
)

_WITH_CONTENT = "data|content|end of data"

_TABLE = (
    # Login lost, or never made; encryption wanted.
    _Row(_TLS_FIRST, text=r"\bSTARTTLS\b.*\bfirst|encryption (?:is )?required"),  # R 3207
    _Row(_LOGIN, code="530"),  # R 4954
    _Row(_LOGIN, code="535"),
    _Row(
        _LOGIN,
        text=r"authentication (?:is )?required|must (?:be )?(?:authenticate|log ?in) first|client (?:was )?not authenticated",
    ),  # M
    # Quotas of a day or an hour: pause, whatever the first digit says.
    _Row(
        _QUOTA, code="5", enhanced=r"5\.4\.5|5\.1\.90"
    ),  # G: daily user sending limit; M: daily limit of recipients
    _Row(_QUOTA, text=r"SubmissionQuotaExceeded|RecipientRateLimitExceeded"),  # M: 10,000 a day
    _Row(_QUOTA, text=r"daily (?:\w+ ){0,3}(?:quota|limit)\b(?!.*mailbox)"),  # A, G
    _Row(_QUOTA, text=r"\bMI:STC\b"),  # N: the sender's day is full
    _Row(
        _QUOTA, text=r"^(?!.*mailbox).*\b(?:exceed\w*|reached|limit)\b.*\b(?:per day|a day|24.?h\w*|daily)\b"
    ),
    _Row(_HOURLY, text=r"^(?!.*mailbox).*\b(?:exceed\w*|reached|limit)\b.*\b(?:hourly|(?:per|an) hour)\b"),
    _Row(_HOURLY, text=r"\bhourly (?:\w+ ){0,3}(?:quota|limit)\b"),
    _Row(_QUOTA, code="552", provider="aliyun", text=r"quota|limit"),  # D
    # The recipient is named, so it is not about us, whatever words follow.
    _Row(_NOBODY_THERE, code="5", enhanced=r"5\.1\.(?:1|2|3|6|10)"),  # R; M 5.1.10
    # The provider wants no mail at all from this account or address, for now.
    _Row(_BLOCKED, enhanced=r"5\.7\.7\d\d"),  # M 5.7.700-750: thresholds of the tenant, bad address
    _Row(_BLOCKED, text=r"bad outbound sender|\bAS\(?42\d\d\b"),  # M 5.1.8
    _Row(_BLOCKED, code="5", text=r"\bS31[45]\d\b|\[BL2\d\]|\bHL:IPB\b"),  # M (Outlook.com), Y, N
    _Row(
        _BLOCKED,
        code="5",
        text=r"unusual sending activity|sending (?:\w+ )?paused|account (?:\w+ )?suspended",
    ),  # Zoho, A
    _Row(
        _BLOCKED,
        code="5",
        text=r"client host\b.*\b(?:rejected|blocked)|blocked using|(?:ip|host|server)\b.*\b(?:black|block).?list",
    ),  # P
    _Row(
        _OWN_MAILBOX, code="554", enhanced=r"5\.2\.2", phases=f"mail|{_WITH_CONTENT}"
    ),  # M; of a recipient it is 552, at RCPT
    # This login may not send as this sender; Postfix says so at RCPT, NetEase at the end of data.
    _Row(_SENDER, code="5", enhanced=r"5\.7\.60"),  # M
    _Row(_SENDER, text=r"SendAsDenied|not allowed to send as|send.?as (?:denied|permission)"),  # M
    _Row(
        _SENDER,
        code="5",
        text=r"sender address rejected|not owned by user|sender (?:is )?not (?:allowed|authori[sz]ed)",
    ),  # P, Zoho
    _Row(_SENDER, code="5", text=r"mail ?from\b.*\b(?:must|same|equal)\b"),  # T 501, N 553, D
    _Row(
        _SENDER,
        code="5",
        text=r"\bDT:SUM\b|\bMI:SPB\b|from address is not one of your|address is not verified",
    ),  # N, iCloud, A
    _Row(_SENDER, code="436", provider="aliyun"),  # D
    _Row(_SENDER, code="553", phases="mail"),  # R 5321
    # Connections.
    _Row(_CROWDED, code="432"),  # M 4.3.2
    _Row(
        _CROWDED, text=r"too many (?:\w+ ){0,2}(?:connections|sessions)|concurrent connections|\bHL:ICC\b"
    ),  # E, N
    _Row(_CROWDED, text=r"connection (?:frequency|rate) limit"),  # T, P
    # Too fast.
    _Row(_SLOWER, text=r"\bMI:SFQ\b|\bHL:REP\b|frequency limited"),  # N: too many in 15 minutes; T
    _Row(_SLOW, text=r"peak (?:smtp )?relay limit"),  # G
    _Row(_SLOW, code="4", enhanced=r"4\.7\.(?:28|6\d\d)"),  # G: unusual rate; M (Outlook.com)
    _Row(_SLOW, code="4", text=r"\bTSS\d\d\b|unexpected volume|\(S7\d\d\)"),  # Y, M
    _Row(_THEIRS_FULL, code="4", text=r"user you are trying to contact"),  # G
    _Row(_MANY, code="4", enhanced=r"4\.5\.3"),  # R 5321 §4.5.3.1.10
    _Row(_MANY, code="452", text=r"too many recipients"),
    _Row(_MANY, code="556", provider="aliyun"),  # D
    _Row(
        _SLOW,
        code="4",
        text=r"too (?:many|fast|quick\w*|much)\b|rate.?limit|(?:sending|message|mail) rate|throttl|slow(?:ing)? down",
    ),  # A, P
    _Row(_SLOW, code="421", enhanced=r"4\.7\.\d+"),  # G, Y
    # Recipients.
    _Row(_GREYLISTED, code="4", text=r"gr[ae]y.?list"),  # R 6647
    _Row(_THEIRS_FULL, code="4", enhanced=r"4\.2\.2"),
    _Row(
        _RELAY,
        code="5",
        text=r"relay(?:ing)? (?:access )?(?:denied|not permitted|prohibited)|(?:unable|not permitted) to relay",
    ),  # P, E, M
    _Row(_NOBODY_THERE, code="5", enhanced=r"5\.2\.(?!3$)\d+", phases="rcpt|end of data"),
    # Size and content.
    _Row(_TOO_BIG, code="5", enhanced=r"5\.3\.4|5\.2\.3"),
    _Row(_TOO_BIG, code="552", phases="mail"),  # R 1870
    _Row(_TOO_BIG, code="557", provider="aliyun"),  # D
    _Row(
        _CONTENT, code="5", text=r"\bDT:SPM\b|mail content denied|suspected spam|spam message|virus|malware"
    ),  # N, T
)
"""Only what the first digit would get wrong, and what deserves a hint."""

_LAST_ON_CONNECTION = re.compile(
    r"\bMI:DMC\b|\bRP:DRC\b|too many (?:messages|mails|e-mails|transactions)\b.*\b(?:connection|session)"
    r"|(?:messages|mails) (?:per|in this|on this) (?:connection|session)|session limit|connection limit of messages"
    # P, E, sendmail: so many errors, such as unknown users, on one connection; it is nobody's speed.
    r"|too many (?:errors|nonmail commands|syntax or protocol errors|unrecognized commands|bad commands)\b",
    re.IGNORECASE,
)
_WAIT = re.compile(
    r"\b(?:in|after|for|wait|within)\s+(?:about\s+|at least\s+)?(\d{1,6})\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b",
    re.IGNORECASE,
)
# What Postfix says of every mail: the first of the forms finds the same, after a longer search.
_PLAIN_ID = re.compile(r"Ok: queued as ([0-9A-Za-z]{1,128})")
_SHORTEST_ID = len("id=1")  # of all that the forms find
_ID = (
    re.compile(r"\bqueued\b.*?\bas\s+<?([^\s<>;,]{1,128})", re.IGNORECASE),  # P, N, Postmark, SendGrid
    re.compile(r"\bid=<?([^\s<>;,]{1,128})", re.IGNORECASE),  # E
    re.compile(r"\[InternalId=(\d+)", re.IGNORECASE),  # M
    re.compile(r"(\S{6,128}) - gsmtp$"),  # G
    re.compile(r"^([A-Za-z0-9._-]{6,64}) message accepted", re.IGNORECASE),  # sendmail, OpenSMTPD
    re.compile(r"^ok:? ([0-9a-zA-Z]+(?:-[0-9a-zA-Z]+){2,})$", re.IGNORECASE),  # A
    re.compile(r"^ok \d+ qp (\d+)", re.IGNORECASE),  # qmail
)


def classify(phase: str, reply: Reply, provider: str = "") -> Outcome:
    """The outcome of a mail that got this refusal (4xx, 5xx) at this step.

    Args:
        phase: `mail`, `rcpt`, `data`, `content` or `end of data`.
        reply: what the server said.
        provider: the account's preset; empty for none.
    """
    meaning = _meaning(phase, reply, provider)
    return Outcome(
        verdict=meaning.verdict,
        blame=meaning.blame,
        advice=meaning.advice,
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text,
        phase=phase,
        wait=max(meaning.wait, asked_wait(reply.text)) if meaning.verdict is Verdict.DEFERRED else 0.0,
        hint=meaning.hint,
    )


def accepted(reply: Reply) -> Outcome:
    """The outcome of a mail whose end of data got a 2xx."""
    enhanced, text = reply.told
    return Outcome(
        Verdict.ACCEPTED,
        Blame.NOBODY,
        Advice.NONE,
        reply.code,
        enhanced,
        text,
        "end of data",
        remote_id(text),
    )


def remote_id(text: str) -> str:
    """The id under which the server says that it keeps the message; empty if it tells none."""
    if plain := _PLAIN_ID.fullmatch(text):
        return plain[1]
    if len(text) < _SHORTEST_ID:
        return ""
    for form in _ID:
        if match := form.search(text):
            return match[1].rstrip(".")
    return ""


def asked_wait(text: str) -> float:
    """Seconds that the text asks us to wait, a day at most; 0 if it names no time."""
    match = _WAIT.search(text)
    if match is None:
        return 0.0
    return min(int(match[1]) * {"s": 1.0, "m": 60.0, "h": _HOUR}[match[2][0].lower()], _DAY)


def last_on_connection(reply: Reply) -> bool:
    """Whether the server only wants us to open another connection: it has had its number of messages, or of errors, on this one."""
    return reply.kind in (4, 5) and _LAST_ON_CONNECTION.search(reply.text) is not None


def _meaning(phase: str, reply: Reply, provider: str) -> Meaning:
    text = reply.text
    for row in _TABLE:
        if row.fits(phase, reply, text, provider):
            return row.meaning
    return _by_digit(phase, reply)


def _by_digit(phase: str, reply: Reply) -> Meaning:
    """Q12: nothing is known of it but its digits. The second number of an enhanced code is its subject (RFC 3463 §3)."""
    subject = reply.enhanced[2:4]
    if reply.kind == 5:
        return _permanent(phase, subject, reply.enhanced)
    if reply.code == 421:
        return Meaning()
    if phase == "rcpt":
        return Meaning() if subject == "3." else _GREYLISTED
    if phase != "mail" and subject in ("1.", "2."):
        return _THEIRS
    if phase != "mail" and subject in ("6.", "7."):
        return _DISLIKED
    return Meaning()


def _permanent(phase: str, subject: str, enhanced: str) -> Meaning:
    if phase == "mail":
        return _SENDER if subject == "7." or enhanced in ("5.1.7", "5.1.8") else Meaning()
    if phase == "rcpt":
        return _NOBODY_THERE
    return _CONTENT
