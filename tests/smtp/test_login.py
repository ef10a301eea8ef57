"""Logging in: one mechanism, once; what is refused, what may work later, and what a person is told."""

from __future__ import annotations

import asyncio
import base64

import pytest

from mailmerge_cli.errors import ConfigFault, CredentialsFault, Unreachable
from mailmerge_cli.model.account import Account, Auth
from mailmerge_cli.model.mail import Verdict
from mailmerge_cli.transports.smtp import SmtpTransport
from support.certificates import ca_file, server_context
from support.feeds import KnownSecrets, RecordingFeed, a_mail, an_account, carry
from support.scripted_smtp import Close, ScriptedServer

USERS = {"hr@example.org": "sesame-öffne-dich"}
PASSWORD = "sesame-öffne-dich"


def check(account: Account, credentials: KnownSecrets, trace: list[str] | None = None) -> None:
    asyncio.run(SmtpTransport(account, credentials, trace.append if trace is not None else None).check())


@pytest.mark.parametrize("auth", [Auth.AUTO, Auth.PLAIN, Auth.LOGIN, Auth.CRAM_MD5])
def test_each_mechanism_logs_in(auth: Auth) -> None:
    """The right password is accepted by each mechanism; mail goes after it."""
    with ScriptedServer(users=USERS, mechanisms=("CRAM-MD5", "LOGIN", "PLAIN")) as server:
        feed = RecordingFeed([a_mail(1)], server=server)
        assert carry(server, feed, KnownSecrets(PASSWORD), auth=auth) is None
        assert feed.verdicts == {1: Verdict.ACCEPTED}
        assert (server.auths, server.failed_auths) == (1, 0)


def test_xoauth2_logs_in() -> None:
    """A token that is right is enough."""
    with ScriptedServer(users={"hr@example.org": "tok"}, mechanisms=("XOAUTH2",)) as server:
        secrets = KnownSecrets(tokens=["tok"])
        check(an_account(server, auth=Auth.XOAUTH2), secrets)
        assert secrets.asked == ["token"]


def test_C10_an_expired_token_is_refreshed_once() -> None:
    """334 with an error gets an empty line; after the 535 a new token is asked for, once, and goes."""
    with ScriptedServer(users={"hr@example.org": "new"}, mechanisms=("XOAUTH2",)) as server:
        secrets = KnownSecrets(tokens=["old", "new"])
        check(an_account(server, auth=Auth.XOAUTH2), secrets)
        assert secrets.asked == ["token", "refresh"]
        assert "" in server.lines
        assert server.violations == []


def test_C10_a_refused_new_token_is_the_end() -> None:
    """When the new token is refused as well, no third is tried, on no connection."""
    with ScriptedServer(users={"hr@example.org": "right"}, mechanisms=("XOAUTH2",)) as server:
        transport = SmtpTransport(an_account(server, auth=Auth.XOAUTH2), KnownSecrets(tokens=["a", "b", "c"]))
        for _ in range(2):
            with pytest.raises(CredentialsFault, match="535"):
                asyncio.run(transport.check())
        assert server.failed_auths == 2


@pytest.mark.parametrize(
    ("offered", "auth"),
    [
        (("CRAM-MD5", "LOGIN", "PLAIN"), "PLAIN"),
        (("CRAM-MD5", "LOGIN"), "LOGIN"),
        (("GSSAPI", "CRAM-MD5"), "CRAM-MD5"),
    ],
)
def test_auto_under_tls(offered: tuple[str, ...], auth: str, tmp_path) -> None:
    """Under TLS the simplest mechanism that is offered is tried, and no other."""
    with ScriptedServer(
        users={"hr": "pw"}, mechanisms=offered, tls="implicit", context=server_context()
    ) as server:
        check(an_account(server, ca_file=ca_file(tmp_path)), KnownSecrets("pw"))
        assert [line.split()[1] for line in server.lines if line.startswith("AUTH")] == [auth]


def test_auto_without_tls_keeps_the_password_off_the_wire() -> None:
    """Without TLS, CRAM-MD5 comes first."""
    with ScriptedServer(users={"hr": "pw"}, mechanisms=("PLAIN", "CRAM-MD5")) as server:
        check(an_account(server), KnownSecrets("pw"))
        assert "AUTH CRAM-MD5" in server.lines


@pytest.mark.parametrize(
    ("mechanisms", "auth", "hint"),
    [
        ((), Auth.AUTO, "port"),
        (("XOAUTH2",), Auth.AUTO, "xoauth2"),
        (("NTLM",), Auth.AUTO, "auth"),
        (("PLAIN",), Auth.CRAM_MD5, "auth"),
    ],
)
def test_C06_nothing_that_we_can_do_is_offered(mechanisms: tuple[str, ...], auth: Auth, hint: str) -> None:
    """No AUTH is said, no mail; the error lists what is offered."""
    with ScriptedServer(users={"hr": "pw"}, mechanisms=mechanisms) as server:
        feed = RecordingFeed([a_mail(1)])
        raised = carry(server, feed, KnownSecrets("pw"), auth=auth)
        assert isinstance(raised, ConfigFault)
        assert hint in raised.hint
        assert (server.auths, server.verbs().count("MAIL")) == (0, 0)
        assert feed.verdicts in ({}, {1: Verdict.RELEASED})


def test_C06_login_offered_before_tls_only(tmp_path) -> None:
    """What was offered before TLS does not count after it."""
    with ScriptedServer(
        extensions=("PIPELINING", "AUTH PLAIN"),
        extensions_secured=("PIPELINING",),
        users={"hr": "pw"},
        mechanisms=(),
        tls="starttls",
        context=server_context(),
    ) as server:
        with pytest.raises(ConfigFault, match="does not offer"):
            check(an_account(server, ca_file=ca_file(tmp_path)), KnownSecrets("pw"))
        assert server.auths == 0


def test_C07_one_failed_login_in_the_whole_run() -> None:
    """Five connections, a wrong password: one AUTH on the wire, each connection hears the refusal, also later ones."""
    with ScriptedServer(users=USERS) as server:
        feed = RecordingFeed([a_mail(n) for n in range(1, 9)])
        transport = SmtpTransport(an_account(server), KnownSecrets("wrong"))

        async def run() -> list[object]:
            return await asyncio.gather(*(transport.carry(feed) for _ in range(5)), return_exceptions=True)

        for _ in range(2):
            assert [type(error) for error in asyncio.run(run())] == [CredentialsFault] * 5
        feed.check()
        assert (server.auths, server.failed_auths) == (1, 1)
        assert server.verbs().count("MAIL") == 0


def test_logins_are_made_one_after_the_other() -> None:
    """The first connection logs in alone; a good login opens the way for the others."""
    with ScriptedServer(users=USERS) as server:
        feed = RecordingFeed([a_mail(n) for n in range(1, 20)], server=server)
        transport = SmtpTransport(an_account(server), KnownSecrets(PASSWORD))

        async def run() -> None:
            await asyncio.gather(*(transport.carry(feed) for _ in range(4)))

        asyncio.run(run())
        assert server.auths == 4
        assert len(server.accepted) == 19
        auth = [c.connection for c in server.commands if c.verb in ("AUTH", "EHLO")]
        for connection in range(1, 5):
            first = auth.index(connection)
            assert auth.count(connection) == 3
            assert first >= 0


def test_C11_a_password_that_changes_in_the_run() -> None:
    """A refusal at a later connection stops all, with one failed AUTH."""
    with ScriptedServer({"AUTH": [None, "535 5.7.8 no more", "535 5.7.8 no more"]}, users=USERS) as server:
        transport = SmtpTransport(an_account(server), KnownSecrets(PASSWORD))
        asyncio.run(transport.check())

        async def run() -> list[object]:
            return await asyncio.gather(*(transport.check() for _ in range(3)), return_exceptions=True)

        assert [type(error) for error in asyncio.run(run())] == [CredentialsFault] * 3
        assert server.auths == 2


@pytest.mark.parametrize(
    ("reply", "provider", "words"),
    [
        (
            "535-5.7.8 Username and Password not accepted.\n535 5.7.8 https://support.google.com BadCredentials - gsmtp",
            "gmail",
            "app password",
        ),
        ("534-5.7.9 Application-specific password required.\n534 5.7.9 see - gsmtp", "gmail", "app password"),
        (
            "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
            "microsoft365",
            "xoauth2",
        ),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", "", "xoauth2"),
        (
            "535 Login Fail. Please enter your authorization code to login. https://service.mail.qq.com",
            "qq",
            "授权码",
        ),
        ("535 Error: authentication failed", "163", "授权码"),
        ("535 Error: authentication failed, system busy", "exmail", "客户端专用密码"),
        ("535 5.7.8 Authentication failed", "icloud", "app password"),
        ("535 5.7.8 Authentication failed", "", "Check user and password"),
        ("554 5.7.1 no", "", "Check user and password"),
    ],
)
def test_C08_the_hint_names_the_right_secret(reply: str, provider: str, words: str) -> None:
    """A refusal tells which secret this provider wants; the reply and the user stand in the message."""
    with ScriptedServer({"AUTH": reply}, users=USERS) as server:
        with pytest.raises(CredentialsFault) as caught:
            check(an_account(server, provider=provider), KnownSecrets(PASSWORD))
        assert words in caught.value.hint
        assert reply[:3] in caught.value.message
        assert "hr@example.org" in caught.value.message
        assert server.auths == 1


@pytest.mark.parametrize(
    "reply",
    [
        "454 4.7.0 Temporary authentication failure",
        "454-4.7.0 Too many login\n454 4.7.0 attempts",
        Close("421 4.7.0 later"),
    ],
)
def test_C09_a_temporary_failure_is_no_refusal(reply: object) -> None:
    """454 and 421 at AUTH: for later, after minutes; no second try now, and no verdict on the password."""
    with ScriptedServer({"AUTH": {1: reply}}, users=USERS) as server:
        transport = SmtpTransport(an_account(server), KnownSecrets(PASSWORD))
        with pytest.raises(Unreachable) as caught:
            asyncio.run(transport.check())
        assert caught.value.wait >= 120
        assert server.auths == 1
        asyncio.run(transport.check())


@pytest.mark.parametrize(
    "reply", ["504 5.5.4 unknown mechanism", "538 5.7.11 encryption required", "503 5.5.1 not now"]
)
def test_a_login_that_was_not_judged_is_a_setting(reply: str) -> None:
    """Replies that say nothing about the password do not blame it."""
    with ScriptedServer({"AUTH": reply}, users=USERS) as server, pytest.raises(ConfigFault):
        check(an_account(server), KnownSecrets(PASSWORD))


@pytest.mark.parametrize("auth", [Auth.PLAIN, Auth.LOGIN, Auth.CRAM_MD5, Auth.XOAUTH2])
@pytest.mark.parametrize("password", [PASSWORD, "wrong-but-secret"])
def test_C13_no_secret_is_told(auth: Auth, password: str) -> None:
    """Neither trace nor error holds the secret, its base64, or a challenge's answer, also when the server echoes them."""
    plain = base64.b64encode(f"\0hr@example.org\0{password}".encode()).decode()
    forms = [password, plain, base64.b64encode(password.encode()).decode(), "auth=Bearer"]
    replies = (
        {"AUTH": f"535 5.7.8 no: {password} {plain}"} if password != PASSWORD and auth is Auth.PLAIN else {}
    )
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")
    with ScriptedServer(replies, users=USERS, mechanisms=mechanisms) as server:
        told: list[str] = []
        try:
            check(an_account(server, auth=auth), KnownSecrets(password, [password, password]), told)
        except CredentialsFault as fault:
            told += [str(fault), fault.message, fault.hint, repr(fault)]
        text = "\n".join(told)
        assert f"C: AUTH {server.lines[1].split()[1]}" in text
        said = [line for line in server.lines if not line.startswith(("EHLO", "AUTH", "QUIT"))]
        for form in [*forms, *(line for line in said if line)]:
            assert form not in text


def test_the_trace_tells_commands_and_replies_but_no_content() -> None:
    """What `--debug` shows: each command, each reply, and the size of what was sent."""
    with ScriptedServer() as server:
        told: list[str] = []
        transport = SmtpTransport(an_account(server), KnownSecrets(), told.append)
        asyncio.run(transport.carry(RecordingFeed([a_mail(1), a_mail(2)])))
        text = "\n".join(told)
        for line in server.lines:
            assert f"C: {line}" in told
        assert "S: 354 go ahead" in told
        assert "content-of" not in text
        assert "octets of content" in text


def test_a_missing_password_is_asked_for_once() -> None:
    """Where the secret cannot be had, no connection asks again."""

    class Missing(KnownSecrets):
        async def password(self):
            self.asked.append("password")
            raise CredentialsFault("no password")

    with ScriptedServer(users=USERS) as server:
        missing = Missing()
        transport = SmtpTransport(an_account(server), missing)
        for _ in range(3):
            with pytest.raises(CredentialsFault):
                asyncio.run(transport.check())
        assert missing.asked == ["password"]
        assert server.auths == 0


def test_no_login_without_a_user() -> None:
    """`auth = none`, or no user: nothing is asked for and nothing is said."""
    with ScriptedServer(users=USERS) as server:
        secrets = KnownSecrets(PASSWORD)
        check(an_account(server, auth=Auth.NONE), secrets)
        check(an_account(server, user=""), secrets)
        assert (server.auths, secrets.asked) == (0, [])


def test_530_in_the_run_stops_it_and_burns_no_row() -> None:
    """A server that wants a login after all: stop with 77, the row stays."""
    with ScriptedServer(users=USERS) as server:
        feed = RecordingFeed([a_mail(1)])
        carry(server, feed, user="", auth=Auth.NONE)
        assert feed.outcomes[1].advice == "stop_credentials"
        assert feed.outcomes[1].verdict is Verdict.DEFERRED
