"""Getting a connection: addresses, banner, EHLO, TLS; what is never said in clear, and what a failure is called."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from pathlib import Path

import pytest

from mailmerge_cli.errors import ConfigFault, ExitCode, Unreachable
from mailmerge_cli.model.account import Account, Auth, Security
from mailmerge_cli.model.mail import Verdict
from mailmerge_cli.transports.smtp import SmtpTransport, dial
from support.certificates import BAD, authority, ca_file, server_context
from support.feeds import KnownSecrets, RecordingFeed, a_mail, an_account, carry, mark
from support.scripted_smtp import Close, Hang, Reset, ScriptedServer
from support.soon import soon

TLS = ("implicit", "starttls")


def check(account: Account) -> None:
    asyncio.run(SmtpTransport(account, KnownSecrets("pw")).check())


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def loopback(**settings: object) -> Account:
    return an_account(host="127.0.0.1", security=Security.NONE, auth=Auth.NONE, **settings)


def test_check_sends_nothing() -> None:
    """`check` connects, greets and leaves."""
    with ScriptedServer() as server:
        check(an_account(server))
        server.wait_for(lambda s: s.verbs() == ["EHLO", "QUIT"])


def test_this_machine_is_not_named() -> None:
    """EHLO says an address literal, neither host name nor address of this machine."""
    with ScriptedServer() as server:
        check(an_account(server))
        assert server.lines[0] == "EHLO [127.0.0.1]"


def test_P01_connection_refused() -> None:
    """A port where nobody listens: Unreachable (69), named with host and port."""
    port = closed_port()
    with pytest.raises(
        Unreachable, match=rf"127.0.0.1:{port} cannot be reached \(127.0.0.1: Connection refused\)"
    ) as caught:
        check(loopback(port=port))
    assert caught.value.exit_code is ExitCode.UNREACHABLE


def test_P01_a_name_that_does_not_exist() -> None:
    """A host name that cannot be looked up is named."""
    with pytest.raises(Unreachable, match=r"mail\.example\.invalid"):
        check(an_account(host="mail.example.invalid", port=25, auth=Auth.NONE))


def test_P28_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address is dead, the second answers; next time the good one is first."""
    with ScriptedServer() as server:
        addresses = [(socket.AF_INET6, "::1", server.port), (socket.AF_INET, "127.0.0.1", server.port)]
        monkeypatch.setattr(dial, "_addresses", lambda *_: list(addresses))
        tried = []
        connect = dial._connect

        async def watched(address: dial.Address, seconds: float) -> socket.socket:
            tried.append(address[1])
            return await connect(address, seconds)

        monkeypatch.setattr(dial, "_connect", watched)
        transport = SmtpTransport(an_account(server), KnownSecrets())
        asyncio.run(transport.check())
        asyncio.run(transport.check())
        assert tried == ["::1", "127.0.0.1", "127.0.0.1"]


def test_addresses_that_do_not_answer_share_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable server is known within the patience, however many addresses it has."""

    asked = []

    async def silent(address: dial.Address, seconds: float) -> socket.socket:
        asked.append(seconds)
        await asyncio.sleep(seconds)
        raise TimeoutError

    monkeypatch.setattr(dial, "_connect", silent)
    many = [(socket.AF_INET, f"127.0.0.{n}", 25) for n in range(1, 9)]
    monkeypatch.setattr(dial, "_addresses", lambda *_: list(many))

    with pytest.raises(Unreachable, match="no answer"):
        asyncio.run(dial.Dialler("mail.example.org", 25, loopback_only=False, patience=0.4).dial())
    assert sum(asked) <= 0.4


def test_plain_text_never_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Security none goes to loopback addresses only; `allow_insecure` is another's decision."""
    monkeypatch.setattr(dial, "_addresses", lambda host, port, flags: [(socket.AF_INET, "192.0.2.1", 25)])
    with pytest.raises(ConfigFault, match="unprotected"):
        check(loopback(port=25))


@pytest.mark.parametrize(
    "banner",
    [
        "554 5.3.2 go away",
        "421 4.3.2 later",
        b"SSH-2.0-whatever\r\n",
        Hang(),
        Close(),
        Reset(),
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_P02_a_banner_that_is_no_welcome(banner: object) -> None:
    """554, 421, garbage, silence or a close instead of 220: Unreachable, and nothing is said but QUIT."""
    with ScriptedServer({"CONNECT": banner}) as server:
        feed = RecordingFeed([a_mail(1)])
        assert isinstance(carry(server, feed, timeout=0.3), Unreachable)
        assert set(server.verbs()) <= {"QUIT"}


def test_P24_too_many_connections_is_told() -> None:
    """421 at the banner says that fewer connections are wanted."""
    with ScriptedServer({"CONNECT": Close("421 4.7.0 too many connections")}) as server:
        raised = carry(server, RecordingFeed([a_mail(1)]))
        assert isinstance(raised, Unreachable)
        assert raised.fewer_connections
        assert raised.wait > 0


def test_P03_helo_where_nothing_of_ehlo_is_needed() -> None:
    """A server without EHLO, no TLS and no login wanted: HELO, and mail goes without any extension."""
    with ScriptedServer({"EHLO": "502 5.5.1 what"}, extensions=()) as server:
        server_feed = RecordingFeed([a_mail(1), a_mail(2)], server=server)
        assert carry(server, server_feed, pipelining="next") is None
        assert server.verbs()[:2] == ["EHLO", "HELO"]
        assert server_feed.verdicts == {1: Verdict.ACCEPTED, 2: Verdict.ACCEPTED}
        assert [v for v in server.violations if "pipelined" in v] == []


def test_P03_ehlo_refused_where_a_login_is_needed() -> None:
    """No fallback that loses login or TLS."""
    with ScriptedServer({"EHLO": "502 5.5.1 what"}, users={"hr": "pw"}) as server:
        with pytest.raises(ConfigFault, match="EHLO"):
            check(an_account(server))
        server.wait_for(lambda s: s.verbs() == ["EHLO", "QUIT"])


@pytest.mark.parametrize("tls", TLS)
@pytest.mark.parametrize("mode", ["off", "envelope", "next"])
def test_mail_goes_over_tls(tls: str, mode: str, tmp_path: Path) -> None:
    """Implicit TLS and STARTTLS carry mails, big ones too; EHLO is said again under TLS, and the login only there."""
    with ScriptedServer(tls=tls, context=server_context(), users={"hr": "pw"}) as server:
        sent = [a_mail(1), a_mail(2, body=b"x" * 76 + b"\r\n.dot\r\n" * 60_000), a_mail(3)]
        feed = RecordingFeed(sent, server=server)
        raised = carry(server, feed, KnownSecrets("pw"), pipelining=mode, ca_file=ca_file(tmp_path))
        assert raised is None
        assert [b"".join(mail.content) for mail in sent] == [mail.content for mail in server.accepted]
        assert server.violations == []
        clear = [c.line for c in server.commands if not c.secured]
        assert clear == ([] if tls == "implicit" else ["EHLO [127.0.0.1]", "STARTTLS"])


@pytest.mark.parametrize("tls", TLS)
@pytest.mark.parametrize("kind", BAD)
def test_C01_C02_a_bad_certificate_stops_everything(kind: str, tls: str, tmp_path: Path) -> None:
    """Expired, too new, wrong name, unknown authority, name in CN only: ConfigFault (78); no login, no mail, no falling back."""
    with ScriptedServer(tls=tls, context=server_context(kind), users={"hr": "pw"}) as server:
        feed = RecordingFeed([a_mail(1)])
        raised = carry(server, feed, KnownSecrets("pw"), ca_file=ca_file(tmp_path))
        assert isinstance(raised, ConfigFault)
        assert "certificate" in raised.message
        assert "127.0.0.1" in raised.message
        assert server.auths == 0
        assert set(server.verbs()) <= {"EHLO", "STARTTLS"}


def test_SSL_CERT_FILE_adds_an_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private authority may come from the environment, as for other programs."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(tmp_path)))
    with ScriptedServer(tls="implicit", context=server_context()) as server:
        check(an_account(server))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_is_none(content: str | None, tmp_path: Path) -> None:
    """A ca_file that is missing or no PEM is named, and nothing is connected."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with ScriptedServer(tls="implicit", context=server_context()) as server:
        with pytest.raises(ConfigFault, match=r"ca\.pem"):
            check(an_account(server, ca_file=path))
        assert server.connections == 0


def test_C03_starttls_is_demanded(tmp_path: Path) -> None:
    """STARTTLS not offered: nothing is sent, not even the login."""
    with ScriptedServer(users={"hr": "pw"}) as server:
        feed = RecordingFeed([a_mail(1)])
        raised = carry(server, feed, KnownSecrets("pw"), security=Security.STARTTLS)
        assert isinstance(raised, ConfigFault)
        assert "STARTTLS" in raised.message
        server.wait_for(lambda s: s.verbs() == ["EHLO", "QUIT"])


@pytest.mark.parametrize(
    ("reply", "fault"), [("454 4.7.0 TLS not available", Unreachable), ("501 5.5.4 no", ConfigFault)]
)
def test_C03_starttls_refused(reply: str, fault: type[Exception]) -> None:
    """STARTTLS offered and refused: no AUTH, no MAIL."""
    with ScriptedServer(
        {"STARTTLS": reply}, tls="starttls", users={"hr": "pw"}, auth_in_clear=True
    ) as server:
        with pytest.raises(fault, match="STARTTLS"):
            check(an_account(server))
        server.wait_for(lambda s: s.verbs() == ["EHLO", "STARTTLS", "QUIT"])


@pytest.mark.parametrize(
    "injected",
    [b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", b"220 go\r\n250 X", b"220 go\r\n235 welcome\r\n"],
)
def test_C04_plain_text_behind_starttls_is_a_fault(injected: bytes, tmp_path: Path) -> None:
    """What came behind the 220, before the encryption, is not believed: the connection ends."""
    with ScriptedServer(
        {"STARTTLS": injected}, tls="starttls", context=server_context(), users={"hr": "pw"}
    ) as server:
        with pytest.raises(ConfigFault, match="before the encryption"):
            check(an_account(server, ca_file=ca_file(tmp_path)))
        assert server.auths == 0


@pytest.mark.parametrize("tls", TLS)
@pytest.mark.parametrize("rule", [b"garbage garbage garbage\r\n", Close(), Reset(), Hang()])
def test_C05_a_handshake_that_fails(tls: str, rule: object) -> None:
    """Garbage, close, reset and silence in the handshake: an end in time, and no fallback to clear text."""
    with ScriptedServer({"TLS": rule}, tls=tls, context=server_context(), users={"hr": "pw"}) as server:
        with soon(), pytest.raises((Unreachable, ConfigFault)):
            check(an_account(server, timeout=0.4))
        assert server.auths == 0


def test_C05_old_tls_is_refused(tmp_path: Path) -> None:
    """A server that speaks only TLS before 1.2 is a setting to mend (78), never a reason to go lower."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(old)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with ScriptedServer(tls="implicit", context=old) as server, pytest.raises(ConfigFault, match=r"1\.2"):
        check(an_account(server, ca_file=ca_file(tmp_path)))


def test_P01_tls_to_a_plain_port() -> None:
    """TLS where plain SMTP answers: Unreachable, with the setting to look at."""
    with ScriptedServer() as server, pytest.raises(Unreachable) as caught:
        check(an_account(server, security=Security.TLS))
    assert "starttls" in caught.value.hint


def test_a_421_under_tls_before_a_reset_is_read(tmp_path: Path) -> None:
    """Under TLS, too, what had arrived before the reset counts."""
    for _ in range(5):
        with ScriptedServer(
            {"END": Reset("421 4.3.2 bye")}, tls="implicit", context=server_context()
        ) as server:
            feed = RecordingFeed([a_mail(1)])
            carry(server, feed, ca_file=ca_file(tmp_path))
            assert feed.outcomes[1].code == 421


def test_a_refusal_in_the_middle_of_a_big_content_is_heard_under_tls(tmp_path: Path) -> None:
    """552 while we still write, then a reset, under TLS: the reply is decrypted from what the system still held."""
    big = a_mail(1, body=(b"z" * 76 + b"\r\n") * 100_000)
    rule = {"CONTENT": Reset("552 5.3.4 too big", after=0.1)}
    with ScriptedServer(rule, tls="implicit", context=server_context()) as server:
        feed = RecordingFeed([big])
        carry(server, feed, ca_file=ca_file(tmp_path))
        assert (feed.outcomes[1].verdict, feed.outcomes[1].code) == (Verdict.REFUSED, 552)


def test_cancelled_while_connecting() -> None:
    """Cancelled before the banner: at once, and the mail that was taken is given back."""
    with ScriptedServer({"CONNECT": Hang()}) as server:
        feed = RecordingFeed([a_mail(1)], ready=False)

        async def run() -> None:
            task = asyncio.create_task(SmtpTransport(an_account(server), KnownSecrets()).carry(feed))
            await asyncio.to_thread(server.wait_for, lambda s: s.connections == 1)
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())
        assert feed.verdicts == {1: Verdict.RELEASED}
        assert not server.saw(mark(1))


def test_the_servers_size_is_learned() -> None:
    """After the first connection the transport knows how big a message may be."""
    with ScriptedServer(extensions=("SIZE 12345",)) as server:
        transport = SmtpTransport(an_account(server, connections=3), KnownSecrets())
        asyncio.run(transport.check())
        assert (transport.limits.size, transport.limits.connections) == (12345, 3)
