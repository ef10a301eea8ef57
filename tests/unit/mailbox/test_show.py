"""One mail as text for a screen."""

from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from mailmerge_cli.mailbox import show_letter
from mailmerge_cli.mailbox.letters import Letters, read_letters


def kept(folder: Path, mail: EmailMessage | bytes) -> Path:
    content = mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP)
    return Letters(folder).keep("hr@example.org", ["wang@example.org"], content)


def letter(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    return mail


def test_headers_attachments_and_text(tmp_path: Path) -> None:
    """What a person wants to see, decoded, in a fixed order; the plain text wins over the HTML."""
    mail = letter(
        Subject="Gehalt für Oktober", To="王秀英 <wang@example.org>", From="HR <hr@example.org>", X_Other="no"
    )
    mail.set_content("Hello 王\nGoodbye\n")
    mail.add_alternative("<p>no</p>", subtype="html")
    mail.add_attachment(b"x" * 2048, maintype="application", subtype="pdf", filename="Übersicht.pdf")

    expected = (
        "From:     HR <hr@example.org>\n"
        "To:       王秀英 <wang@example.org>\n"
        "Subject:  Gehalt für Oktober\n"
        "Attached: Übersicht.pdf (2.0 KB)\n"
        "HTML:     10 bytes, beside the text\n"
        "\n"
        "Hello 王\nGoodbye\n"
    )
    assert show_letter(kept(tmp_path, mail)) == expected


def test_html_alone_becomes_text(tmp_path: Path) -> None:
    """Without a text part, the HTML is read as text; the inline image is no attachment."""
    mail = letter(Subject="News")
    mail.set_content("<p>Dear <b>Mei</b></p><img src='cid:logo'>", subtype="html")
    mail.add_related(
        b"png", maintype="image", subtype="png", cid="<logo>", disposition="inline", filename="logo.png"
    )
    path = kept(tmp_path, mail)

    assert "Dear Mei" in show_letter(path)
    assert "HTML:    43 bytes, 1 picture inside, no text beside it\n" in show_letter(path)
    assert "Attached" not in show_letter(path)
    assert read_letters(tmp_path)[0].attachments == ()


def test_an_attached_text_is_not_the_mail(tmp_path: Path) -> None:
    """A text file that travels along is not shown in place of the text."""
    mail = letter(Subject="x")
    mail.set_content("<p>The mail</p>", subtype="html")
    mail.add_attachment("The file", filename="programme.txt")

    shown = show_letter(kept(tmp_path, mail))
    assert "The mail" in shown
    assert "The file" not in shown


def test_a_mail_does_not_steer_the_terminal(tmp_path: Path) -> None:
    """Escape sequences, bells and marks of writing direction are shown as what they are; a header stays one line."""
    raw = (
        "Subject: =?utf-8?b?YQ1iCmMbXTA7eA==?=\r\nFrom: a\u202egro.elpmaxe\r\n\r\n\x1b[2Jtext\x07\x9b1m\u2066\r\n"
    ).encode()

    shown = show_letter(kept(tmp_path, raw))
    assert not set(shown) & set("\x1b\x07\r\x9b\u202e\u2066")
    assert shown.splitlines()[1] == "Subject: a b c\ufffd]0;x"


def test_unknown_charset(tmp_path: Path) -> None:
    """A charset that nobody knows is read as UTF-8, not refused."""
    raw = b'Content-Type: text/plain; charset="x-nowhere"\r\nSubject: s\r\n\r\ngr\xc3\xbcn \xff\r\n'

    assert show_letter(kept(tmp_path, raw)).endswith("\n\ngrün \ufffd\n")


def test_no_text_at_all(tmp_path: Path) -> None:
    """A mail of nothing but a file says so."""
    mail = letter(Subject="s")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="a.pdf")

    assert show_letter(kept(tmp_path, mail)) == "Subject:  s\nAttached: a.pdf (1 byte)\n\n(no text)\n"


def test_pictures_are_counted_without_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many travel inside the mail is told; nothing is encoded for that."""
    monkeypatch.setattr("base64.b64encode", None)
    (file := tmp_path / "mail.eml").write_bytes(
        b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>a</p>\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\ncG5n\r\n--b--\r\n"
    )

    assert ", 1 picture inside" in show_letter(file)
