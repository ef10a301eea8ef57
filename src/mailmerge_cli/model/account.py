"""A sending account: where its server is, how to log in, what the provider tolerates. No secret is in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from mailmerge_cli.model.rate import Rate
from mailmerge_cli.secret import Secret


class Security(StrEnum):
    """How the connection is protected."""

    TLS = "tls"  # from the first byte (RFC 8314)
    STARTTLS = "starttls"  # demanded, never opportunistic
    NONE = "none"  # loopback, or by `allow_insecure`


class Auth(StrEnum):
    """How to log in. AUTO picks PLAIN, LOGIN or CRAM-MD5 from what the server offers, and tries one only."""

    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    XOAUTH2 = "xoauth2"
    NONE = "none"


class Pipelining(StrEnum):
    """How much is written ahead (RFC 2920); see docs/reference.md."""

    ENVELOPE = "envelope"
    NEXT = "next"
    AUTO = "auto"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Account:
    """One way to send mail.

    Attributes:
        name: a table of accounts.toml, or the URL that was given instead.
        kind: the transport's name in its registry: `smtp`, `outbox`.
        provider: the preset it came from; empty for none.
        host, port, security: the server. For `outbox`, `folder` counts instead.
        user: login name; empty for none.
        sender: From, when the template has none; may carry a display name.
        envelope_from: MAIL FROM; empty: the address of From.
        auth: see `Auth`.
        rates: all hold together.
        connections: at most so many at a time.
        max_per_connection: messages after which to reconnect of our own; 0 for no limit.
        ca_file: extra certificate authorities (PEM).
        timeout: seconds for each reply but the one after the end of data, which may take `timeout_end_of_data` (RFC 5321 §4.5.3.2.6).
        password_command, token_command: argv lists, no shell.
        in_file: it stands in accounts.toml (secrets from plain variables serve only such, or a URL of the command line).
        typed: its URL was typed on the command line.
    """

    name: str
    kind: str = "smtp"
    provider: str = ""
    host: str = ""
    port: int = 0
    security: Security = Security.TLS
    user: str = ""
    sender: str = ""
    envelope_from: str = ""
    auth: Auth = Auth.AUTO
    rates: tuple[Rate, ...] = ()
    connections: int = 1
    max_per_connection: int = 0
    pipelining: Pipelining = Pipelining.ENVELOPE
    ca_file: Path | None = None
    timeout: float = 60.0
    timeout_end_of_data: float = 600.0
    allow_insecure: bool = False
    password_command: tuple[str, ...] = ()
    token_command: tuple[str, ...] = ()
    folder: Path | None = None
    in_file: bool = False
    typed: bool = False

    @property
    def server(self) -> str:
        """`host:port`, for people and for the binding of a secret."""
        return f"{self.host}:{self.port}" if self.host else str(self.folder or "")


class Credentials(Protocol):
    """Where a transport gets its secret from, when it needs one. Both may wait; both raise `CredentialsFault`."""

    async def password(self) -> Secret:
        """The password of the account."""
        ...

    async def token(self, *, refresh: bool = False) -> Secret:
        """An OAuth 2 access token; `refresh`: the last one was refused, get a new one or raise."""
        ...
