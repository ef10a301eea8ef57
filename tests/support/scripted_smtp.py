"""A scripted SMTP server on 127.0.0.1 that misbehaves at any step, and writes down all that it saw.

    with ScriptedServer({"RCPT": "550 5.1.1 no such user"}) as server:
        ...                                  # server.host, server.port
        assert server.accepted == []         # mails taken: sender, recipients, content (dots unstuffed)
        assert server.lines == [...]         # all commands, AUTH included
        assert server.violations == []       # what the client did against the rules

A rule says what happens at a step. Steps are the verbs `EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP QUIT`, and `CONNECT` (the
banner), `TLS` (instead of the handshake), `CONTENT` (the first octets after 354), `END` (the final dot). A longer key, the
beginning of a command line, wins: `{"RCPT TO:<bob@": "550 no", "RCPT": Hang()}`. A rule is

* a text: the reply; several lines as `"250-one\n250 two"`;
* bytes: sent as they are (`b"garbage"`, `b"220 go\r\n250 injected\r\n"`);
* `Close()`, `Reset()`, `Hang()`, `Drip(text)`, `Delay(seconds, rule)`, `Keep(rule)` (at END: the mail is kept, then the rule);
  `Close`, `Reset` and `Hang` may say something first: `Close("421 4.3.2 bye")`;
* a list: one rule each time, None for what a good server does, which is also what follows the last;
* a dict of numbers: the n-th time (from 1) only;
* a function of the `Command` that gives one of these.

One thread a connection, blocking sockets: what is written here happens in this order.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

EXTENSIONS = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True)
class Close:
    """Say this, then close."""

    say: str | bytes = ""


@dataclass(frozen=True)
class Reset:
    """Say this, then reset the connection (RST)."""

    say: str | bytes = ""
    after: float = 0.0


@dataclass(frozen=True)
class Hang:
    """Say this, then nothing more until the client leaves."""

    say: str | bytes = ""


@dataclass(frozen=True)
class Drip:
    """Say this, one octet every so many seconds."""

    say: str = "250 2.0.0 Ok"
    seconds: float = 0.05


@dataclass(frozen=True)
class Delay:
    """Wait, then the rule (None: what a good server does)."""

    seconds: float
    then: Any = None


@dataclass(frozen=True)
class Keep:
    """At END: the mail counts as accepted, whatever happens then."""

    then: Any = None


@dataclass(frozen=True)
class Command:
    """One command line as it came."""

    connection: int
    line: str
    at: float
    secured: bool

    @property
    def verb(self) -> str:
        return self.line.split(" ", 1)[0].upper()


@dataclass(frozen=True)
class Accepted:
    """One mail that the server took."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    parameters: tuple[str, ...] = ()
    connection: int = 0
    at: float = 0.0


@dataclass
class _Transaction:
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    parameters: tuple[str, ...] = ()


class _Gone(Exception):
    """This connection is finished."""


class ScriptedServer:
    """See the module.

    Args:
        replies: rules by step.
        extensions: EHLO keywords; STARTTLS and AUTH are added by themselves. After TLS: `extensions_secured` if given; after a login:
            `extensions_authenticated` if given.
        users: name → password (or token); None: no AUTH is offered, and none is wanted.
        mechanisms: what AUTH offers.
        tls: `""`, `"implicit"` or `"starttls"`; with it, `context` is the server's.
        auth_in_clear: AUTH is offered before STARTTLS too.
        max_messages: 421 at the MAIL after so many on one connection.
        max_connections: 421 at the banner of those above.
        rate: (count, seconds): 450 at a MAIL that would be one too many.
        delay: seconds before every reply (a far server).
        read_slowly: seconds between two reads of content.
        loses_behind_end: what came in one read with the final dot is lost (chasquid 1.11 does that).

    Attributes:
        commands, lines, verbs(): what the client said.
        accepted, violations: see the module.
        connections, open_connections, peak_connections, auths, failed_auths, content_octets: counts.
        ahead: how often something stood behind a final dot already when the dot was read.
        received, reads: all octets, and what each read gave (after TLS).
        peers: the client's port of each connection, from 1.
    """

    def __init__(
        self,
        replies: Mapping[str, Any] | None = None,
        *,
        extensions: Iterable[str] = EXTENSIONS,
        extensions_secured: Iterable[str] | None = None,
        extensions_authenticated: Iterable[str] | None = None,
        users: Mapping[str, str] | None = None,
        mechanisms: Iterable[str] = ("PLAIN", "LOGIN"),
        tls: str = "",
        context: ssl.SSLContext | None = None,
        auth_in_clear: bool = False,
        max_messages: int = 0,
        max_connections: int = 0,
        rate: tuple[int, float] | None = None,
        delay: float = 0.0,
        read_slowly: float = 0.0,
        loses_behind_end: bool = False,
    ) -> None:
        self.replies = dict(replies or {})
        self.extensions = tuple(extensions)
        self.extensions_secured = None if extensions_secured is None else tuple(extensions_secured)
        self.extensions_authenticated = (
            None if extensions_authenticated is None else tuple(extensions_authenticated)
        )
        self.users = users
        self.mechanisms = tuple(mechanisms)
        self.tls = tls
        self.context = context
        self.auth_in_clear = auth_in_clear
        self.max_messages = max_messages
        self.max_connections = max_connections
        self.rate = rate
        self.delay = delay
        self.read_slowly = read_slowly
        self.loses_behind_end = loses_behind_end
        self.host = "127.0.0.1"
        self.commands: list[Command] = []
        self.accepted: list[Accepted] = []
        self.violations: list[str] = []
        self.connections = 0
        self.open_connections = 0
        self.peak_connections = 0
        self.auths = 0
        self.failed_auths = 0
        self.content_octets = 0
        self.ahead = 0
        self.received = bytearray()
        self.reads: list[bytes] = []
        self.peers: dict[int, int] = {}
        self.errors: list[BaseException] = []
        self._seen: dict[str, int] = {}
        self._mails: list[float] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self.port = 0

    # What a test asks.

    @property
    def lines(self) -> list[str]:
        """All command lines, in the order in which they came."""
        with self._changed:
            return [command.line for command in self.commands]

    def verbs(self, connection: int | None = None) -> list[str]:
        """The verbs, of one connection (from 1) or of all."""
        with self._changed:
            return [c.verb for c in self.commands if connection in (None, c.connection)]

    def saw(self, octets: bytes) -> bool:
        """Whether these octets came in, as content or otherwise."""
        with self._changed:
            return octets in self.received

    def peak(self, seconds: float) -> int:
        """The most MAIL commands in any window of so many seconds."""
        with self._changed:
            stamps = list(self._mails)
        return max((sum(1 for s in stamps if start <= s < start + seconds) for start in stamps), default=0)

    def wait_for(self, holds: Callable[[ScriptedServer], bool], seconds: float = 5.0) -> None:
        """Until the condition holds; AssertionError if it does not in time."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), seconds), (
                f"waited in vain; saw {self.commands}"
            )

    # Life.

    def __enter__(self) -> Self:
        self._listener.bind((self.host, 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        if self.errors:
            raise self.errors[0]

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                self.open_connections += 1
                self.peak_connections = max(self.peak_connections, self.open_connections)
                number = self.connections
                self.peers[number] = peer[1]
                self._changed.notify_all()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.add(sock)
            self._start(self._serve, sock, number)

    def _serve(self, sock: socket.socket, number: int) -> None:
        connection = _Connection(self, sock, number)
        try:
            connection.run()
        except (_Gone, OSError):
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            connection.close()
            self._sockets.discard(sock)
            with self._changed:
                self.open_connections -= 1
                self._changed.notify_all()

    # What the connections use.

    def note(self, **counts: int) -> None:
        """Add to counters."""
        with self._changed:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)
            self._changed.notify_all()

    def record(self, kept: Command | Accepted | str | bytes) -> None:
        """Write down what was seen."""
        with self._changed:
            if isinstance(kept, Command):
                self.commands.append(kept)
                if kept.verb == "MAIL":
                    self._mails.append(kept.at)
            elif isinstance(kept, Accepted):
                self.accepted.append(kept)
            elif isinstance(kept, bytes):
                self.received += kept
                self.reads.append(kept)
            else:
                self.violations.append(kept)
            self._changed.notify_all()

    def too_fast(self) -> bool:
        """Whether the last MAIL was one too many."""
        if self.rate is None:
            return False
        count, seconds = self.rate
        with self._changed:
            now = self._mails[-1]
            return sum(1 for stamp in self._mails if now - seconds < stamp) > count

    def rule(self, command: Command) -> Any:
        """The rule for this command, the n-th of its kind; None: do what a good server does."""
        line = command.line.upper()
        keys = [key for key in self.replies if line == key.upper() or line.startswith(key.upper())]
        if not keys:
            return None
        key = max(keys, key=len)
        with self._changed:
            self._seen[key] = count = self._seen.get(key, 0) + 1
        rule = self.replies[key]
        if isinstance(rule, list | tuple):
            return rule[count - 1] if count <= len(rule) else None
        if isinstance(rule, dict):
            return rule.get(count)
        return rule(command) if callable(rule) else rule

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end of the test."""
        if self._stopping.wait(seconds):
            raise _Gone


class _Connection:
    """One client."""

    def __init__(self, server: ScriptedServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock: socket.socket = sock
        self.raw = sock
        self.number = number
        self.buffer = b""
        self.secured = False
        self.greeted = False
        self.user = ""
        self.messages = 0
        self.deal = _Transaction()

    def run(self) -> None:
        if self.server.tls == "implicit":
            self.shake_hands()
        command = self.command("CONNECT", seen=False)
        crowded = 0 < self.server.max_connections < self.server.open_connections
        busy = "421 4.7.0 too many connections from you"
        self.act(command, busy if crowded else "220 scripted.example.org ESMTP")
        if crowded:
            raise _Gone
        while True:
            self.obey(self.read_line())

    def close(self) -> None:
        for sock in (self.sock, self.raw):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                sock.close()

    # Bytes.

    def read(self) -> bytes:
        try:
            chunk = self.sock.recv(65536)
        except (ssl.SSLError, OSError) as error:
            raise _Gone from error
        if not chunk:
            raise _Gone
        self.server.record(bytes(chunk))
        return chunk

    def read_line(self) -> str:
        while b"\n" not in self.buffer:
            self.buffer += self.read()
        line, _, self.buffer = self.buffer.partition(b"\n")
        if not line.endswith(b"\r"):
            self.server.record(f"bare LF after {line!r}")
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    def say(self, what: str | bytes) -> None:
        if not what:
            return
        octets = (
            what if isinstance(what, bytes) else b"".join(f"{part}\r\n".encode() for part in what.split("\n"))
        )
        if self.server.delay:
            self.server.sleep(self.server.delay)
        try:
            self.sock.sendall(octets)
        except OSError as error:
            raise _Gone from error

    # Rules.

    def command(self, line: str, *, seen: bool = True) -> Command:
        command = Command(self.number, line, time.monotonic(), self.secured)
        if seen:
            self.server.record(command)
        return command

    def act(self, command: Command, usual: str) -> str:
        """Do what the rule says, or what is usual. Returns the reply that was given, as far as it is one."""
        return self.perform(self.server.rule(command), usual)

    def perform(self, rule: Any, usual: str) -> str:
        match rule:
            case None:
                self.say(usual)
                return usual
            case str() | bytes():
                self.say(rule)
                return rule if isinstance(rule, str) else rule.decode("latin-1")
            case Delay():
                self.server.sleep(rule.seconds)
                return self.perform(rule.then, usual)
            case Keep():
                return self.perform(rule.then, usual)
            case Drip():
                for octet in f"{rule.say}\r\n".encode():
                    self.say(bytes([octet]))
                    self.server.sleep(rule.seconds)
                return rule.say
            case _:
                return self.leave(rule)

    def leave(self, rule: Close | Reset | Hang) -> NoReturn:
        self.say(rule.say)
        if isinstance(rule, Hang):
            while True:
                self.read()
        if isinstance(rule, Reset):
            self.server.sleep(rule.after)
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
        raise _Gone

    # Commands.

    def obey(self, line: str) -> None:
        command = self.command(line)
        self.watch(command)
        verb = command.verb
        method = getattr(self, f"do_{verb.lower()}", None)
        if method is None:
            self.act(command, "500 5.5.2 unknown command")
            return
        method(command)

    def watch(self, command: Command) -> None:
        """What the client may not do."""
        if command.verb in {"EHLO", "HELO", "STARTTLS", "AUTH", "QUIT", "NOOP", "DATA"} and self.buffer:
            self.server.record(f"bytes behind {command.verb}: {self.buffer[:60]!r}")
        elif self.buffer and "PIPELINING" not in self.offered():
            self.server.record(f"pipelined without offer: {self.buffer[:60]!r} behind {command.verb}")
        if not command.line.isascii() and "SMTPUTF8" not in self.offered():
            self.server.record(f"non-ASCII without SMTPUTF8: {command.line!r}")

    def offered(self) -> set[str]:
        return {word.split()[0].upper() for word in self.keywords()} if self.greeted else set()

    def keywords(self) -> tuple[str, ...]:
        server = self.server
        words = server.extensions
        if self.secured and server.extensions_secured is not None:
            words = server.extensions_secured
        if self.user and server.extensions_authenticated is not None:
            words = server.extensions_authenticated
        if server.tls == "starttls" and not self.secured:
            words = (*words, "STARTTLS")
        safe = self.secured or not server.tls or server.auth_in_clear
        if server.users is not None and safe and server.mechanisms:
            words = (*words, "AUTH " + " ".join(server.mechanisms))
        return words

    def do_ehlo(self, command: Command) -> None:
        self.greeted = True
        self.deal = _Transaction()
        lines = ["scripted.example.org", *self.keywords()]
        usual = "\n".join([*(f"250-{part}" for part in lines[:-1]), f"250 {lines[-1]}"])
        if not self.act(command, usual).startswith("2"):
            self.greeted = False

    def do_helo(self, command: Command) -> None:
        self.act(command, "250 scripted.example.org")

    def do_starttls(self, command: Command) -> None:
        reply = self.act(command, "220 2.0.0 go ahead" if self.server.tls == "starttls" else "502 5.5.1 no")
        if reply.startswith("220"):
            self.buffer = b""
            self.greeted = False
            self.shake_hands()

    def shake_hands(self) -> None:
        rule = self.server.rule(self.command("TLS", seen=False))
        if rule is not None:
            self.read()
            self.perform(rule, "")
            raise _Gone
        assert self.server.context is not None, "tls needs a context"
        try:
            self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
        except (ssl.SSLError, OSError) as error:
            raise _Gone from error
        self.secured = True

    def do_auth(self, command: Command) -> None:
        self.server.note(auths=1)
        if self.server.tls and not self.secured:
            self.server.record("AUTH in clear")
        words = command.line.split()
        if len(words) < 2 or words[1].upper() not in self.mechanisms_offered():
            self.server.record(f"AUTH that was not offered: {words[1:2]}")
        rule = self.server.rule(command)
        if rule is not None:
            reply = self.perform(rule, "")
            while reply.startswith("334"):
                self.command(self.read_line())
                reply = self.perform(self.server.rule(command), "535 5.7.8 refused")
            self.judged(reply.startswith("2"), "somebody")
            return
        good, user = getattr(self, "auth_" + words[1].lower().replace("-", "_"))(words[2:])
        self.judged(good, user)
        self.say("235 2.7.0 welcome" if good else "535 5.7.8 user name or password refused")

    def judged(self, good: bool, user: str) -> None:
        if good:
            self.user = user
        else:
            self.server.note(failed_auths=1)

    def mechanisms_offered(self) -> tuple[str, ...]:
        return tuple(m.upper() for m in self.server.mechanisms) if "AUTH" in self.offered() else ()

    def challenge(self, text: str = "") -> str:
        self.say(f"334 {base64.b64encode(text.encode()).decode()}")
        return base64.b64decode(self.command(self.read_line()).line).decode()

    def right(self, user: str, password: str) -> bool:
        return (self.server.users or {}).get(user) == password

    def auth_plain(self, words: list[str]) -> tuple[bool, str]:
        text = base64.b64decode(words[0]).decode() if words else self.challenge()
        _, user, password = text.split("\0")
        return self.right(user, password), user

    def auth_login(self, words: list[str]) -> tuple[bool, str]:
        user = self.challenge("User Name")
        return self.right(user, self.challenge("Password")), user

    def auth_cram_md5(self, words: list[str]) -> tuple[bool, str]:
        challenge = "<1234.5678@scripted.example.org>"
        user, _, digest = self.challenge(challenge).rpartition(" ")
        known = (self.server.users or {}).get(user, "")
        return hmac.new(known.encode(), challenge.encode(), hashlib.md5).hexdigest() == digest, user

    def auth_xoauth2(self, words: list[str]) -> tuple[bool, str]:
        match = re.fullmatch(r"user=(.*)\x01auth=Bearer (.*)\x01\x01", base64.b64decode(words[0]).decode())
        assert match is not None
        good = self.right(match[1], match[2])
        if not good:
            answer = self.challenge('{"status":"401","schemes":"bearer"}')
            if answer:
                self.server.record("XOAUTH2: the error wants an empty line")
        return good, match[1]

    def do_mail(self, command: Command) -> None:
        if not self.greeted:
            self.server.record("MAIL before EHLO")
        match = re.fullmatch(r"MAIL FROM:<([^>]*)>((?: \S+)*)", command.line, re.IGNORECASE)
        usual = "250 2.1.0 Ok"
        if match is None:
            usual = "501 5.5.4 syntax"
        elif self.server.users is not None and not self.user:
            usual = "530 5.7.0 authentication required"
        elif self.deal.sender is not None:
            usual = "503 5.5.1 nested MAIL"
            self.server.record("nested MAIL")
        elif 0 < self.server.max_messages <= self.messages:
            self.act(command, "421 4.7.0 too many messages on this connection")
            raise _Gone
        elif self.server.too_fast():
            usual = "450 4.7.1 too fast, rate limit"
        if self.act(command, usual).startswith("2") and match is not None:
            self.deal = _Transaction(match[1], [], tuple(match[2].split()))
            self.watch_parameters(match[2].split())

    def watch_parameters(self, words: list[str]) -> None:
        wanted = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8"}
        for word in words:
            name = word.partition("=")[0].upper()
            if wanted.get(name, name) not in self.offered():
                self.server.record(f"parameter without offer: {word}")

    def do_rcpt(self, command: Command) -> None:
        match = re.fullmatch(r"RCPT TO:<(.+)>", command.line, re.IGNORECASE)
        usual = "250 2.1.5 Ok"
        if self.deal.sender is None:
            usual = "503 5.5.1 MAIL first"
        elif match is None:
            usual = "501 5.5.4 syntax"
        if self.act(command, usual).startswith("2") and match is not None:
            self.deal.recipients.append(match[1])

    def do_data(self, command: Command) -> None:
        usual = "354 go ahead"
        if self.deal.sender is None:
            usual = "503 5.5.1 MAIL first"
        elif not self.deal.recipients:
            usual = "554 5.5.1 no valid recipients"
        if not self.act(command, usual).startswith("354"):
            return
        content = self.read_content()
        deal, self.deal = self.deal, _Transaction()
        self.messages += 1
        rule = self.server.rule(self.command("END", seen=False))
        kept = Accepted(
            deal.sender or "", tuple(deal.recipients), content, deal.parameters, self.number, time.monotonic()
        )
        good = "250 2.0.0 Ok: queued as Q" + str(len(self.server.accepted) + 1)
        if isinstance(rule, Keep):
            self.server.record(kept)
            self.perform(rule, good)
            return
        refused = isinstance(rule, str) and not rule.startswith("2")
        if rule is None or (isinstance(rule, Delay) and rule.then is None):
            refused = not deal.recipients
            good = "554 5.5.1 no valid recipients" if refused else good
        if not refused and not isinstance(rule, Close | Reset | Hang | bytes):
            self.watch_content(content, deal)
            self.server.record(kept)
        self.perform(rule, good)

    def read_content(self) -> bytes:
        """Up to the dot; what stands behind it stays in the buffer. The dots are unstuffed."""
        rule = self.server.rule(self.command("CONTENT", seen=False))
        if rule is not None:
            if not self.buffer:
                self.buffer += self.read()
            self.perform(rule, "")
        lines = []
        while True:
            while b"\n" not in self.buffer:
                if self.server.read_slowly:
                    self.server.sleep(self.server.read_slowly)
                self.buffer += self.read()
            line, _, self.buffer = self.buffer.partition(b"\n")
            line += b"\n"
            self.server.note(content_octets=len(line))
            if line == b".\r\n":
                self.server.note(ahead=bool(self.buffer))
                if self.server.loses_behind_end:
                    self.buffer = b""
                return b"".join(lines)
            self.watch_line(line)
            lines.append(line.removeprefix(b"."))

    def watch_line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            self.server.record(f"bare CR or LF in content: {line[:60]!r}")
        if line.startswith(b".") and not line.startswith(b".."):
            self.server.record(f"missing dot-stuffing: {line[:60]!r}")
        if len(line) > 1001:
            self.server.record(f"a line of {len(line)} octets")

    def watch_content(self, content: bytes, deal: _Transaction) -> None:
        if not content.isascii() and not {"BODY=8BITMIME", "SMTPUTF8"} & set(deal.parameters):
            self.server.record("8-bit content without BODY=8BITMIME")

    def do_rset(self, command: Command) -> None:
        if self.act(command, "250 2.0.0 Ok").startswith("2"):
            self.deal = _Transaction()

    def do_noop(self, command: Command) -> None:
        self.act(command, "250 2.0.0 Ok")

    def do_quit(self, command: Command) -> None:
        self.act(command, "221 2.0.0 bye")
        raise _Gone
