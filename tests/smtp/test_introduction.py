"""From a name to the first MAIL: look-ups that go wrong, servers that greet half-heartedly, and a login that cannot be said."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from mailmerge_cli.errors import ConfigFault, CredentialsFault, Unreachable
from mailmerge_cli.model.account import Account, Auth
from mailmerge_cli.model.mail import Verdict
from mailmerge_cli.transports.smtp import SmtpTransport, dial
from mailmerge_cli.transports.smtp.tls import TlsLayer, verifying_context
from support.certificates import ca_file, server_context
from support.feeds import KnownSecrets, RecordingFeed, a_mail, an_account, carry
from support.scripted_smtp import ScriptedServer

USERS = {"hr@example.org": "pw"}


def check(account: Account, secret: str = "pw") -> None:
    asyncio.run(SmtpTransport(account, KnownSecrets(secret)).check())


def dialler(host: str, patience: float = 5.0) -> dial.Dialler:
    return dial.Dialler(host, 25, loopback_only=False, patience=patience)


# the name


def test_P01_a_look_up_without_an_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that is silent costs the patience and no more, and is called what it is."""

    async def silent(*_: object) -> list[dial.Address]:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(dial, "_resolve", silent)
    with pytest.raises(Unreachable, match=r"mail\.example\.org could not be looked up within 0\.05 s"):
        asyncio.run(dialler("mail.example.org", 0.05).dial())


def test_P01_what_cannot_be_a_name_is_told() -> None:
    """A label of more than 63 letters (RFC 1035 §2.3.4) is a wrong spelling and no bug."""
    with pytest.raises(Unreachable, match="could not be looked up") as fault:
        asyncio.run(dialler("a" * 64 + ".example.org").dial())
    assert "spelling" in fault.value.hint


def test_an_answer_that_comes_after_the_patience_hurts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up's thread answers into a future that was given up, or into a loop that is closed."""
    answered = []

    def late(_: str, __: int, flags: int) -> list[dial.Address]:
        if flags:
            raise OSError
        while not given_up:
            pass
        answered.append(True)
        return [(socket.AF_INET, "127.0.0.1", 25)]

    given_up: list[bool] = []
    monkeypatch.setattr(dial, "_addresses", late)

    async def go() -> None:
        with pytest.raises(Unreachable):
            await dialler("mail.example.org", 0.05).dial()
        given_up.append(True)
        while not answered:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)  # the answer's turn in the loop

    asyncio.run(go())


def test_an_account_without_a_host_is_a_setting() -> None:
    """78, before anything is looked up."""
    with pytest.raises(ConfigFault, match="no host or no port"):
        check(an_account(host="", port=25, auth=Auth.NONE))


# the greeting


@pytest.mark.parametrize("rules", [{"EHLO": "450 4.3.2 later"}, {"EHLO": "502 what", "HELO": "550 no"}])
def test_P02_a_server_that_does_not_greet_is_unreachable(rules: dict[str, str]) -> None:
    """Nobody is refused by it: the run waits or ends with 69."""
    with ScriptedServer(rules) as server:
        feed = RecordingFeed([a_mail(1)])
        assert isinstance(carry(server, feed), Unreachable)
        assert server.accepted == []


def test_a_server_that_refuses_the_second_ehlo_gets_nothing_fancy() -> None:
    """After the login it offers nothing that we know of, so nothing of it is used; the mail goes all the same."""
    with ScriptedServer({"EHLO": {2: "503 twice"}}, users=USERS, mechanisms=("PLAIN",)) as server:
        feed = RecordingFeed([a_mail(1), a_mail(2)], server=server)
        assert carry(server, feed, KnownSecrets("pw")) is None
        assert feed.verdicts == {1: Verdict.ACCEPTED, 2: Verdict.ACCEPTED}
        assert not [line for line in server.lines if "BODY=" in line]


@pytest.mark.parametrize("auth", [Auth.PLAIN, Auth.LOGIN])
def test_C13_a_password_with_a_nul_is_never_said(auth: Auth) -> None:
    """RFC 4616 §2 parts its fields with it: the server would read another user's name. The password is not in the sentence."""
    with ScriptedServer(users=USERS, mechanisms=("PLAIN", "LOGIN")) as server:
        with pytest.raises(CredentialsFault, match="NUL") as fault:
            check(an_account(server, auth=auth), "pass\0word")
        assert "word" not in str(fault.value).replace("password", "")
        assert not [line for line in server.lines if line.startswith("AUTH")]


# under TLS


def shaken(tmp_path: Path) -> tuple[TlsLayer, ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """Both ends of a handshake that is done, without a socket between them."""
    layer = TlsLayer(verifying_context(ca_file(tmp_path)), "127.0.0.1")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(5):
        to_server.write(layer.shake())
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        layer.put(to_client.read())
    assert layer.done
    return layer, server, to_server, to_client


def test_what_came_whole_before_the_damage_counts(tmp_path: Path) -> None:
    """A forged record ends the reading; the reply before it was the server's."""
    layer, server, _, to_client = shaken(tmp_path)
    server.write(b"250 2.0.0 Ok\r\n")
    layer.put(to_client.read())
    server.write(b"250 forged\r\n")
    damaged = bytearray(to_client.read())
    damaged[-1] ^= 1
    layer.put(bytes(damaged))
    assert layer.decrypt() == b"250 2.0.0 Ok\r\n"
    assert layer.eof


def test_a_peers_goodbye_ends_the_reading(tmp_path: Path) -> None:
    """close_notify (RFC 8446 §6.1): nothing follows, and what came before is read."""
    layer, server, _, to_client = shaken(tmp_path)
    server.write(b"221 bye\r\n")
    with pytest.raises(ssl.SSLWantReadError):
        server.unwrap()
    layer.put(to_client.read())
    assert layer.decrypt() == b"221 bye\r\n"
    assert layer.eof
    assert layer.decrypt() == b""


def test_a_handshake_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    """It only gives what TLS itself has to say."""
    layer, _, _, _ = shaken(tmp_path)
    assert layer.shake() == b""
    assert layer.done
