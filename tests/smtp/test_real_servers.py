"""Against servers that others wrote: aiosmtpd here, Postfix's smtp-sink and Postfix itself where they are installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, Session

from mailmerge_cli.errors import CredentialsFault
from mailmerge_cli.model.account import Account, Auth, Security
from mailmerge_cli.model.mail import Blame, Mail, Verdict
from mailmerge_cli.transports.smtp import SmtpTransport
from support.certificates import ca_file, server_context
from support.feeds import KnownSecrets, RecordingFeed, a_mail, an_account, mark

MODES = ("off", "envelope", "next", "auto")
SBIN = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/lib/postfix/sbin"])


def carried(account: Account, mails: list[Mail], password: str = "", connections: int = 1) -> RecordingFeed:
    feed = RecordingFeed(mails)

    async def run() -> None:
        transport = SmtpTransport(account, KnownSecrets(password))
        await asyncio.gather(*(transport.carry(feed) for _ in range(connections)))

    asyncio.run(run())
    feed.check()
    return feed


class Keeper:
    """aiosmtpd's side: keeps what comes, refuses one address."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, list[str], bytes]] = []

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        self.kept.append((str(envelope.mail_from), list(envelope.rcpt_tos), envelope.original_content))
        return f"250 2.0.0 Ok: queued as A{len(self.kept)}"


def welcome(server: Server, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = (data.login, data.password) == (b"hr", b"sesame")
    return AuthResult(success=good, handled=False)


@contextmanager
def aiosmtpd(**settings: Any) -> Iterator[tuple[Keeper, int]]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    keeper = Keeper()
    controller = Controller(keeper, hostname="127.0.0.1", port=port, **settings)
    controller.start()
    try:
        yield keeper, port
    finally:
        controller.stop()


@pytest.mark.parametrize("mode", MODES)
def test_aiosmtpd(mode: str) -> None:
    """Mails with dots, UTF-8 addresses and a refused one in between."""
    with aiosmtpd(enable_SMTPUTF8=True, decode_data=False) as (keeper, port):
        sent = [
            a_mail(1, body=b".\r\n..\r\n.x\r\n"),
            a_mail(2, "nobody@example.org"),
            a_mail(3, "jürgen@example.org", smtputf8=True),
            a_mail(4, ("ann@example.org", "nobody@example.org")),
            a_mail(5, body="süß\r\n".encode(), eight_bit=True),
        ]
        account = an_account(
            host="127.0.0.1", port=port, security=Security.NONE, auth=Auth.NONE, pipelining=mode
        )
        feed = carried(account, sent)
        assert [number for number, v in feed.verdicts.items() if v is Verdict.ACCEPTED] == [1, 3, 5]
        assert {feed.verdicts[2], feed.verdicts[4]} == {Verdict.REFUSED}
        assert [content for _, _, content in keeper.kept] == [b"".join(sent[n].content) for n in (0, 2, 4)]
        assert keeper.kept[1][1] == ["jürgen@example.org"]
        assert feed.outcomes[1].remote_id == "A1"


@pytest.mark.parametrize("auth", [Auth.PLAIN, Auth.LOGIN])
def test_aiosmtpd_starttls_and_login(auth: Auth, tmp_path: Path) -> None:
    """STARTTLS, then the login, as aiosmtpd wants them."""
    settings = {
        "tls_context": server_context(),
        "require_starttls": True,
        "authenticator": welcome,
        "auth_required": True,
        "auth_require_tls": True,
    }
    with aiosmtpd(**settings) as (keeper, port):
        account = an_account(
            host="127.0.0.1",
            port=port,
            security=Security.STARTTLS,
            user="hr",
            auth=auth,
            ca_file=ca_file(tmp_path),
        )
        assert carried(account, [a_mail(1)], "sesame").verdicts == {1: Verdict.ACCEPTED}
        assert len(keeper.kept) == 1
        with pytest.raises(CredentialsFault):
            carried(account, [a_mail(2)], "wrong")


def wait_for_port(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process is None or process.poll() is None, "the server did not start"
        with closing(socket.socket()) as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("no server")


@contextmanager
def smtp_sink(folder: Path, *options: str) -> Iterator[int]:
    program = shutil.which("smtp-sink", path=SBIN)
    assert program, "smtp-sink is missing: apt install postfix"
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()
    folder.chmod(0o777)
    command = [program, *as_nobody, *options, f"127.0.0.1:{port}", "100"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(5)


def sink_account(port: int, mode: str, **settings: Any) -> Account:
    return an_account(
        host="127.0.0.1", port=port, security=Security.NONE, auth=Auth.NONE, pipelining=mode, **settings
    )


@pytest.mark.servers
@pytest.mark.parametrize("options", [(), ("-p",), ("-e",)], ids=["pipelining", "none", "no ESMTP"])
@pytest.mark.parametrize("mode", MODES)
def test_smtp_sink(mode: str, options: tuple[str, ...], tmp_path: Path) -> None:
    """Hundreds of mails over four connections, whatever the sink offers."""
    with smtp_sink(tmp_path, *options) as port:
        feed = carried(sink_account(port, mode), [a_mail(n) for n in range(1, 301)], connections=4)
        assert len(feed.verdicts) == 300
        assert {*feed.verdicts.values()} == {Verdict.ACCEPTED}


@pytest.mark.servers
@pytest.mark.parametrize(
    ("options", "verdict", "blame"),
    [
        (("-r", "RCPT"), Verdict.DEFERRED, Blame.TRANSPORT),
        (("-f", "RCPT"), Verdict.REFUSED, Blame.RECIPIENT),
        (("-f", "."), Verdict.REFUSED, Blame.MESSAGE),
        (("-r", "DATA"), Verdict.DEFERRED, Blame.TRANSPORT),
        (("-A", "0"), Verdict.REFUSED, Blame.MESSAGE),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_smtp_sink_that_refuses(
    mode: str, options: tuple[str, ...], verdict: Verdict, blame: Blame, tmp_path: Path
) -> None:
    """Refusals at each step, told apart."""
    with smtp_sink(tmp_path, *options) as port:
        feed = carried(sink_account(port, mode), [a_mail(1, body=b"x" * 70 + b"\r\n" * 200_000)])
        assert (feed.outcomes[1].verdict, feed.outcomes[1].blame) == (verdict, blame)


MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {base}/queue
data_directory = {base}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.org
mydestination =
alias_maps =
maillog_file = {base}/data/log
maillog_file_prefixes = {base}
virtual_mailbox_domains = example.org
virtual_mailbox_base = {base}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
default_transport = error:no
smtpd_delay_reject = no
smtpd_recipient_restrictions = check_recipient_access inline:{{{{nobody@example.org=REJECT no such user}}}}, permit_mynetworks
smtpd_sender_restrictions = check_sender_access inline:{{{{bad@example.org=REJECT not you}}}}
header_checks = regexp:{{{{/^X-Refuse:/ REJECT content}}}}
"""

MASTER_CF = """\
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
error unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture(scope="module")
def postfix() -> Iterator[tuple[int, Path]]:
    """A Postfix of our own: its port, and the Maildir that all mail goes to."""
    if os.geteuid() != 0:
        pytest.skip("Postfix's master wants root")
    # Not below pytest's own folder: any other pytest that starts sets that back to 0700.
    base = Path(tempfile.mkdtemp(prefix="postfix-"))
    base.chmod(0o755)
    for name in ("etc", "queue", "data", "mail"):
        (base / name).mkdir(mode=0o755)
    shutil.chown(base / "data", "postfix")
    os.chown(base / "mail", 65534, 65534)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    (base / "etc/main.cf").write_text(MAIN_CF.format(base=base))
    (base / "etc/master.cf").write_text(MASTER_CF.format(port=port))
    program = shutil.which("postfix", path=SBIN)
    assert program, "postfix is missing: apt install postfix"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([program, "-c", base / "etc", "start"], check=True, **quiet)
    try:
        wait_for_port(port)
        yield port, base / "mail/all/new"
    finally:
        subprocess.run([program, "-c", base / "etc", "stop"], check=True, **quiet)
        shutil.rmtree(base, ignore_errors=True)


@pytest.mark.servers
@pytest.mark.parametrize("mode", MODES)
def test_postfix_with_refusals_at_every_step(mode: str, postfix: tuple[int, Path]) -> None:
    """Refused senders, recipients and contents in between: every accepted mail is there under its own sender, once, and no other."""
    port, maildir = postfix
    offset = MODES.index(mode) * 1000 + 1000
    sent = []
    for number in range(offset, offset + 60):
        sender = "bad@example.org" if number % 7 == 0 else f"s{number}@example.org"
        to: tuple[str, ...] = ("nobody@example.org",) if number % 5 == 0 else (f"p{number}@example.org",)
        if number % 11 == 0:
            to = ("ann@example.org", "nobody@example.org")
        mail = a_mail(number, to, sender=sender)
        if number % 3 == 0:
            mail = mail._replace(content=(b"X-Refuse: yes\r\n", *mail.content))
        sent.append(mail)

    feed = carried(sink_account(port, mode), sent)

    good = {m.delivery for m in sent if all(m.delivery % n for n in (3, 5, 7, 11))}
    assert {number for number, v in feed.verdicts.items() if v is Verdict.ACCEPTED} == good
    assert {*feed.verdicts.values()} == {Verdict.ACCEPTED, Verdict.REFUSED, Verdict.DEFERRED}
    assert all(feed.outcomes[number].remote_id for number in good)
    deadline = time.monotonic() + 60
    while True:
        kept = [file.read_bytes() for file in maildir.iterdir()] if maildir.exists() else []
        if sum(mark(n) in one for one in kept for n in good) >= len(good) or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    for number in range(offset, offset + 60):
        mine = [one for one in kept if mark(number) in one]
        assert len(mine) == (number in good)
        for one in mine:
            assert one.startswith(b"Return-Path: <s%d@example.org>" % number)
