"""The whole way through a real Postfix into a maildir: each row his own mail, and nobody another one's."""

from __future__ import annotations

import csv
import hashlib
import re
import smtplib
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.postfix import Postfix, available
from support.program import (
    Ran,
    log_lines,
    people,
    run_here,
    run_process,
    write_campaign,
    write_list,
    write_toml,
)

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(not available(), reason="needs Postfix, and root to start one of our own"),
]

TOKEN = re.compile(r"tok\d{6}x")
LETTER = "Subject: Your token {{ token }}\n\nDear {{ name }},\n\nyour token is {{ token }}.\n.\n.. dots\n"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082".replace(" ", "")
)  # fmt: skip


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """Not below pytest's own folder: every other pytest on the machine shuts that to all but its owner, and Postfix is many."""
    with TemporaryDirectory(prefix="postfix-") as folder, Postfix(Path(folder) / "p") as postfix:
        yield postfix


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postfix: Postfix) -> Path:
    """An own list and letter; the maildir is empty."""
    postfix.forget()
    folder = write_campaign(tmp_path / "c", people(12), message=LETTER)
    monkeypatch.chdir(folder)
    return folder


def url(postfix: Postfix) -> str:
    return f"smtp+insecure://127.0.0.1:{postfix.port}"


def send(postfix: Postfix, folder: Path, *words: str) -> Ran:
    """The command of the issue, as a process."""
    return run_process(
        "send", "--recipients", "people.csv", "--message", "letter.txt", "--account", url(postfix), "--from", "a@example.org",
        "--yes", "--json", *words, cwd=folder,
    )  # fmt: skip


def text_of(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def one(mails: list[EmailMessage]) -> EmailMessage:
    assert len(mails) == 1
    return mails[0]


def assert_each_his_own(mails: list[EmailMessage], numbers: range) -> None:
    """One mail for each number: his token in subject and body, his address and name in To, no other token anywhere."""
    assert len(mails) == len(numbers)
    seen = set()
    for mail in mails:
        (token,) = set(TOKEN.findall(mail.as_bytes().decode("utf-8", "replace")))
        number = int(token[3:9])
        seen.add(number)
        assert f"Your token {token}" == mail["Subject"]
        assert f"Dear Person {number},\n\nyour token is {token}.\n.\n.. dots\n" == mail.get_content().replace(
            "\r\n", "\n"
        )
        (address,) = mail["To"].addresses
        assert (f"p{number}@example.org", f"Person {number}") == (address.addr_spec, address.display_name)
        assert f"p{number}@example.org" == mail["X-Original-To"]
    assert set(numbers) == seen


def test_each_row_gets_its_own_mail(postfix: Postfix, folder: Path) -> None:
    """Delivered, told in the result log with the server's reply; again: nothing; three more: 65 and the three; --accept-new: those."""
    first = send(postfix, folder)
    assert (first.code, first.json["outcome"], first.json["sent_now"]) == (0, "complete", 12), first.err
    assert_each_his_own(postfix.delivered(12), range(1, 13))

    with Path(first.json["results"]).open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert folder / "results" == Path(first.json["results"]).parent
    assert [f"p{n}@example.org" for n in range(1, 13)] == [line["address"] for line in lines]
    for line in lines:
        assert (line["state"], line["code"], line["enhanced_code"]) == ("sent", "250", "2.0.0")
        assert re.search(r"queued as \w+", line["reply"])
        assert line["remote_id"] in line["reply"]
    assert {mail["Message-ID"] for mail in postfix.delivered()} == {line["message_id"] for line in lines}

    again = send(postfix, folder)
    assert (again.code, again.json["outcome"], again.json["sent_now"]) == (0, "complete", 0)
    write_list(folder, people(15))
    refused = send(postfix, folder)
    assert (refused.code, refused.json["reason"], refused.json["sent_now"]) == (65, "changed", 0)
    assert all(f"p{n}@example.org" in refused.err for n in (13, 14, 15))
    accepted = send(postfix, folder, "--accept-new")
    assert (accepted.code, accepted.json["sent_now"], accepted.json["counts"]["sent"]) == (0, 3, 15)
    assert_each_his_own(postfix.delivered(15), range(1, 16))
    assert 15 == len(csv_lines(first)) == len(set(csv_lines(first)))


def csv_lines(ran: Ran) -> list[str]:
    with Path(ran.json["results"]).open(encoding="utf-8-sig", newline="") as file:
        return [line["key"] for line in csv.DictReader(file)]


@pytest.mark.parametrize("pipelining", ["envelope", "next", "auto", "off"])
def test_T12_three_hundred_rows_through_five_connections(
    postfix: Postfix, folder: Path, own_home: Path, pipelining: str
) -> None:
    """Whatever is written ahead, and however many at a time: each his own, once."""
    write_list(folder, people(300))
    (own_home / "accounts.toml").write_text(
        f'[local]\nhost = "127.0.0.1"\nport = {postfix.port}\nsecurity = "none"\nconnections = 5\npipelining = "{pipelining}"\n'
        'sender = "a@example.org"\nmax_per_connection = 17\n'
    )
    (own_home / "accounts.toml").chmod(0o600)
    write_toml(folder, "local")
    ran = run_here("send", "--yes", "--json")

    assert (ran.code, ran.json["sent_now"]) == (0, 300), ran.err
    assert_each_his_own(postfix.delivered(300), range(1, 301))


def test_a_mail_with_everything_arrives_as_it_was_meant(postfix: Postfix, folder: Path) -> None:
    """HTML with an inline image, attachments for one and for all, Cc and Bcc, Unicode in subject, names and file names, IDN."""
    (folder / "logo.png").write_bytes(PNG)
    (folder / "AGB für alle.pdf").write_bytes(b"%PDF-1.4 terms \x00\xff")
    (folder / "slips").mkdir()
    rows = [
        ("1", "王芳", "wang@example.org", "1.234,50"),
        ("2", 'Jürgen "J." Groß <x@example.com>, y', "juergen@example.org", "99,00"),
    ]
    for key, *_ in rows:
        (folder / f"slips/{key}.txt").write_text(f"slip of {key}", encoding="utf-8")
    cells = "\n".join(
        ";".join((key, '"' + name.replace('"', '""') + '"', address, pay)) for key, name, address, pay in rows
    )
    (folder / "people.csv").write_text(f"id;name;email;Lohn\n{cells}\n", encoding="utf-8")
    (folder / "letter.html").write_text(
        "From: Büro Süd <office@example.org>\nCc: Chef <boss@example.com>\nBcc: archive@example.org\nReply-To: Büro <office@bücher.example>\n"
        'Subject: Abrechnung für {{ name }} – 工资单\nX-Campaign: {{ campaign }}\nImportance: high\nAttachment: slips/{{ id }}.txt; name="Beleg {{ id }} 工资单.txt"\n'
        'Attachment: AGB für alle.pdf\n\n<html><head><style>p {color: #123456}</style></head><body><p>Liebe {{ name }}, &lt;{{ Lohn }}&gt;</p>'
        '<img src="logo.png" alt="Logo"></body></html>\n',
        encoding="utf-8",
    )  # fmt: skip
    write_toml(folder, url(postfix))
    (folder / "campaign.toml").write_text(
        (folder / "campaign.toml").read_text().replace("letter.txt", "letter.html")
    )
    (folder / "letter.txt").unlink()
    ran = run_here("send", "--yes", "--json")

    assert (ran.code, ran.json["sent_now"]) == (0, 2), ran.err
    mails = postfix.delivered(6)
    assert Counter(
        {"wang@example.org": 1, "juergen@example.org": 1, "boss@example.com": 2, "archive@example.org": 2}
    ) == Counter(mail["X-Original-To"] for mail in mails)
    for key, name, address, pay in rows:
        mail = one([mail for mail in mails if mail["X-Original-To"] == address])
        assert (address, name) == (mail["To"].addresses[0].addr_spec, mail["To"].addresses[0].display_name)
        assert (len(mail["To"].addresses), mail["From"].addresses[0].display_name) == (1, "Büro Süd")
        assert mail["Cc"].addresses[0].addr_spec == "boss@example.com"
        assert "Bcc" not in mail
        assert f"Abrechnung für {name} – 工资单" == mail["Subject"]
        assert (mail["X-Campaign"], str(mail["Importance"]).lower()) == ("trial", "high")
        assert mail["Reply-To"].addresses[0].addr_spec == "office@xn--bcher-kva.example"
        html = text_of(mail, "html")
        escaped = name.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
        assert f"Liebe {escaped}, &lt;{pay}&gt;" in html.replace("&quot;", "&#34;")
        assert "color: #123456" in html
        assert f"{name}, <{pay}>" in text_of(mail, "plain").replace("\n", " ")
        (content_id,) = re.findall(r'src="cid:([^"]+)"', html)
        image = one([part for part in mail.walk() if part["Content-ID"] == f"<{content_id}>"])  # type: ignore[list-item]
        assert image.get_content() == PNG
        files = {
            part.get_filename(): part.get_content()
            for part in mail.iter_attachments()
            if part.get_content_disposition() == "attachment"
        }
        slip = files[f"Beleg {key} 工资单.txt"]
        assert f"slip of {key}" == (slip if isinstance(slip, str) else slip.decode())
        assert files["AGB für alle.pdf"] == b"%PDF-1.4 terms \x00\xff"
        assert len(files) == 2
    assert not [
        mail
        for mail in mails
        if "archive@example.org"
        in "".join(
            f"{n}{v}" for n, v in mail.items() if n not in ("X-Original-To", "Delivered-To", "Received")
        )
    ]


def test_A13_an_idn_domain_travels_as_a_label(postfix: Postfix, folder: Path) -> None:
    """a@bücher.example in the list: the A-label in the envelope and in To, and in the ledger."""
    write_list(folder, ["1,Ann,ann@bücher.example,tok000001x"])
    postfix.serve("xn--bcher-kva.example")
    ran = send(postfix, folder, "--key-column", "id")

    assert ran.code == 0, ran.err
    mail = one(postfix.delivered(1))
    assert (
        mail["X-Original-To"],
        mail["To"].addresses[0].addr_spec,
    ) == ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example")


def test_A15_an_address_outside_ascii_goes_by_smtputf8(postfix: Postfix, folder: Path) -> None:
    """用户@example.org: MAIL … SMTPUTF8, and the address arrives as it is."""
    write_list(folder, ["1,Ann,用户@example.org,tok000001x"])
    ran = send(postfix, folder)

    assert ran.code == 0, ran.err
    mail = one(postfix.delivered(1))
    assert "用户@example.org" in mail.as_bytes().decode("utf-8", "surrogateescape") or "用户" in str(
        mail["To"]
    )


def test_P11_a_refused_recipient_fails_with_the_servers_words(postfix: Postfix, folder: Path) -> None:
    """Postfix refuses a domain that it does not serve: failed, its code and text in the log; the others go; 1."""
    write_list(folder, [*people(3), "4,Eve,eve@elsewhere.example,tok000004x"])
    postfix.refuse("elsewhere.example")
    write_toml(folder, url(postfix))
    ran = run_here("send", "--yes", "--json", "--from", "a@example.org")

    assert (ran.code, ran.json["sent_now"], ran.json["counts"]["failed"]) == (1, 3, 1), ran.err
    (failed,) = [line for line in log_lines(folder) if line["state"] == "failed"]
    assert (failed["key"], failed["code"]) == ("4", 554)
    assert "elsewhere.example" in failed["reply"]
    assert_each_his_own(postfix.delivered(3), range(1, 4))


def test_large_attachments_arrive_octet_by_octet(postfix: Postfix, folder: Path) -> None:
    """Three megabytes of every octet, one file a person: the same hash at the other end."""
    for number in (1, 2):
        (folder / f"{number}.bin").write_bytes(bytes(range(256)) * 4096 * 3 + bytes([number]))
    write_list(folder, people(2))
    ran = send(postfix, folder, "--attach", "{{ id }}.bin")

    assert ran.code == 0, ran.err
    for mail in postfix.delivered(2):
        number = mail["X-Original-To"][1]
        content = next(iter(mail.iter_attachments())).get_content()
        assert (
            hashlib.sha256(content).digest()
            == hashlib.sha256((folder / f"{number}.bin").read_bytes()).digest()
        )


def test_the_server_is_up_for_a_stranger_too(postfix: Postfix) -> None:
    """The oracle itself: the standard library's client delivers, so what is missing in the other tests is ours."""
    postfix.forget()
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: hello\r\n\r\nhello\r\n")
    assert len(postfix.delivered(1)) == 1
