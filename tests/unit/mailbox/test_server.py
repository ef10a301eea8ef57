"""The mailbox's server over real connections: what it takes, what it refuses, how it ends."""

import os
import smtplib
import socket
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import pytest

from mailmerge_cli.errors import LedgerFault, UsageFault
from mailmerge_cli.mailbox import Mailbox, Received

LETTER = b"From: hr@example.org\r\nTo: wang@example.org\r\nSubject: October\r\n\r\nHello\r\n"


def send(box: Mailbox, content: bytes = LETTER, *recipients: str, options: tuple[str, ...] = ()) -> None:
    with smtplib.SMTP(box.host, box.port, timeout=20) as client:
        client.sendmail(
            "hr@example.org", list(recipients or ("wang@example.org",)), content, mail_options=options
        )


def test_takes_a_mail_and_lists_it(tmp_path: Path) -> None:
    """A mail that was answered with 250 is a file, with its envelope."""
    with Mailbox(tmp_path / "box") as box:
        send(box, LETTER, "wang@example.org", "second@example.org")

        expected = Received(
            1,
            "hr@example.org",
            ("wang@example.org", "second@example.org"),
            "October",
            tmp_path / "box/0001-to-wang.eml",
        )
        assert box.letters() == [expected]


def test_content_is_kept_octet_for_octet(tmp_path: Path) -> None:
    """Below the three trace lines stands what came over the wire, dots and line ends too."""
    content = LETTER + b".\r\n..two\r\n\xc3\xa9 raw\r\n" + b"x" * 990 + b"\r\n"
    with Mailbox(tmp_path) as box:
        send(box, content, options=("BODY=8BITMIME",))

    trace, _, rest = (tmp_path / "0001-to-wang.eml").read_bytes().partition(b"Received: ")
    assert trace == b"Return-Path: <hr@example.org>\r\nDelivered-To: wang@example.org\r\n"
    assert rest.partition(b"\r\n")[2] == content


def test_says_what_it_can(tmp_path: Path) -> None:
    """SIZE, 8BITMIME and SMTPUTF8 are offered; neither STARTTLS nor a login is."""
    with Mailbox(tmp_path) as box, smtplib.SMTP(box.host, box.port, timeout=20) as client:
        client.ehlo()

        assert {"size", "8bitmime", "smtputf8"} <= set(client.esmtp_features)
        assert {"starttls", "auth"}.isdisjoint(client.esmtp_features)


def test_addresses_beyond_ascii(tmp_path: Path) -> None:
    """An address with a Chinese local part arrives as it is (RFC 6531)."""
    with Mailbox(tmp_path) as box:
        send(box, LETTER, "王@例.example", options=("SMTPUTF8",))
        [letter] = box.letters()

    assert letter.recipients == ("王@例.example",)
    assert letter.path.name == "0001-to-王.eml"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    """0600 in 0700, whatever the umask says."""
    before = os.umask(0)
    try:
        with Mailbox(tmp_path / "box") as box:
            send(box)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "box").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "box/0001-to-wang.eml").stat().st_mode) == 0o600


def test_numbers_go_on(tmp_path: Path) -> None:
    """A second mailbox in the folder counts on and writes over nothing."""
    for _ in range(2):
        with Mailbox(tmp_path) as box:
            send(box)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["0001-to-wang.eml", "0002-to-wang.eml"]


def test_many_connections_at_once(tmp_path: Path) -> None:
    """Forty mails over eight connections are forty files, each with its own content."""
    with Mailbox(tmp_path) as box, ThreadPoolExecutor(8) as pool:
        for done in [
            pool.submit(send, box, LETTER + b"%d\r\n" % each, f"p{each}@example.org") for each in range(40)
        ]:
            done.result()
        letters = box.letters()

    assert [letter.number for letter in letters] == list(range(1, 41))
    assert all(
        letter.path.read_bytes().endswith(b"\r\n%d\r\n" % int(letter.recipients[0][1:].partition("@")[0]))
        for letter in letters
    )


def test_listener_hears_of_each_mail(tmp_path: Path) -> None:
    """`on_mail` is told once the mail is on disk."""
    heard: Queue[Received] = Queue()
    with Mailbox(tmp_path, on_mail=heard.put) as box:
        send(box)
        letter = heard.get(timeout=20)

    assert letter.subject == "October"
    assert letter.path.exists()


def test_a_listener_that_fails_refuses_no_mail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The mail is kept and accepted, and the next one too."""

    def broken(received: Received) -> None:
        raise RuntimeError(received.path.name)

    with Mailbox(tmp_path, on_mail=broken) as box:
        send(box)
        send(box)

    assert len(box.letters()) == 2


def test_a_mail_that_no_parser_likes_is_kept(tmp_path: Path) -> None:
    """Broken headers and a broken structure are no reason to refuse a mail, nor to fail at the listing."""
    broken = (
        b"To: a@\r\nSubject: =?utf-9?q?x?= =?utf-8?b?a?=\r\nContent-Type: multipart/mixed\r\n"
        b"Content-Disposition: attachment; filename*=x'y'%ff\r\n\r\nHello\r\n"
    )
    with Mailbox(tmp_path) as box:
        send(box, broken)
        [letter] = box.letters()

    assert letter.path.read_bytes().endswith(broken)


def test_a_full_disk_is_told_the_sender(tmp_path: Path) -> None:
    """A mail that cannot be written is refused for now (452), and nothing half is left."""
    with Mailbox(tmp_path / "box") as box:
        (tmp_path / "box").rmdir()
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(box)

    assert refused.value.smtp_code == 452
    assert b"4.3.1" in refused.value.smtp_error


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "mail.example.org", ""])
def test_listens_on_this_machine_alone(tmp_path: Path, host: str) -> None:
    """Another address than a loopback one is refused before anything is opened or made."""
    with pytest.raises(UsageFault, match="this machine alone"):
        Mailbox(tmp_path / "box", host=host)

    assert not (tmp_path / "box").exists()


def test_localhost_is_the_loopback(tmp_path: Path) -> None:
    """`localhost` is taken for 127.0.0.1, without asking anybody for its address."""
    with Mailbox(tmp_path, host="localhost") as box:
        assert box.url == f"smtp+insecure://127.0.0.1:{box.port}"


def test_url_of_version_6(tmp_path: Path) -> None:
    """An IPv6 address stands in brackets."""
    assert Mailbox(tmp_path, 2525, "::1").url == "smtp+insecure://[::1]:2525"


def test_a_port_in_use(tmp_path: Path) -> None:
    """A port that another program has is told with what to do, and no thread is left."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageFault, match=str(port)) as refused, Mailbox(tmp_path, port):
            pass

    assert "--port" in refused.value.hint
    assert not [thread for thread in threading.enumerate() if thread.name == "mailbox"]


def test_a_port_that_is_none(tmp_path: Path) -> None:
    """Port 70000 is a sentence, not a traceback."""
    with pytest.raises(UsageFault, match="70000"), Mailbox(tmp_path, 70000):
        pass


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """A folder that cannot be made is told."""
    (tmp_path / "box").write_text("")

    with pytest.raises(LedgerFault, match="cannot use the folder"), Mailbox(tmp_path / "box"):
        pass


def test_ends_while_a_client_hangs_on(tmp_path: Path) -> None:
    """The end does not wait for a client in the middle of a mail; the client sees the connection close."""
    with Mailbox(tmp_path) as box:
        client = socket.create_connection((box.host, box.port), timeout=20)
        client.recv(1000)
        client.sendall(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
        answers = b""
        while b"354" not in answers:
            answers += client.recv(1000)
        client.sendall(b"Subject: half")

    with client:
        assert client.recv(1000) == b""
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "mailbox"]


def test_can_be_opened_again(tmp_path: Path) -> None:
    """The same mailbox opens a second time, on the same port."""
    box = Mailbox(tmp_path)
    with box:
        send(box)
        port = box.port
    with box:
        send(box)

        assert box.port == port
        assert len(box.letters()) == 2
