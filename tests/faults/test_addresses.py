"""Catalogue A, as the program meets it: one mail has one To, which is the row's own, and no cell makes a header or a recipient."""

from __future__ import annotations

import re
import socket
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from faults.trial import HEAD, PLAIN, Trial, once
from support.program import run_here, write_campaign
from support.scripted_smtp import Close, ScriptedServer

INJECTIONS = [
    "a\r\nBcc: evil@example.com", "a\nBcc: evil@example.com", "a\rBcc: evil@example.com", "a\x00b", "a\x0bBcc: evil@example.com",
    "a\x0cBcc: evil@example.com", "a\x85Bcc: evil@example.com", "a\u2028Bcc: evil@example.com", "a\u2029Bcc: evil@example.com",
    "a\r\n\r\nanother body", "a\r\n.\r\nMAIL FROM:<evil@example.com>",
]  # fmt: skip


NO_ADDRESSES = [
    "a@example.org; evil@example.com", '"a@example.org, evil@example.com"', "a@example.org evil@example.com",  # A01
    "friends: a@example.org; evil@example.com;", "undisclosed-recipients:;",  # A02
    '"a@example.org>\r\nRCPT TO:<evil@example.com"',  # A08
    '"""a b""@example.org"',  # A09
    "a@", "@example.org", "root", "a..b@example.org", "a@-x.org", "a@[127.0.0.1]", "x" * 65 + "@example.org",  # A10
    "evil@example.com(<a@example.org>)", "=?utf-8?q?evil=40example.com?= <a@example.org>", "<a@example.org>", "mailto:a@example.org",  # A11
    "a\u200b@example.org", "a@example.org\ufeff", "a\u00a0@example.org",  # A12
]  # fmt: skip


def test_A01_A02_A08_A09_A10_A11_A12_a_cell_that_is_not_one_address(trial: Trial) -> None:
    """Each is told with its row and column and refused by default; if the others go, they are invalid and nothing of them is on the wire."""
    trial.write(
        ["1,Ann,p1@example.org,tok1", *(f"{n},Bob,{cell},tok2" for n, cell in enumerate(NO_ADDRESSES, 2))]
    )
    strict = trial.send()
    trial.refused(strict)
    assert ["email"] * len(NO_ADDRESSES) == [one["column"] for one in strict.json["problems"]]
    lenient = trial.send_others()

    assert (1, once(1)) == (lenient.code, trial.got()), lenient.err
    assert ["sent", *["invalid"] * len(NO_ADDRESSES)] == list(trial.states().values())
    assert not trial.server.saw(b"evil@")


def test_A12_blanks_around_an_address_are_trimmed_everywhere(trial: Trial) -> None:
    """Space and tab are no part of it: not on the wire, not in the ledger; so the same person is found to be a duplicate."""
    trial.write(["1,Ann, p1@example.org\t,tok1"])
    assert (0, once(1)) == (trial.send().code, trial.got())
    trial.list(["1,Ann,p1@example.org,tok1", "2,Bob,  p1@example.org ,tok2"])
    assert "duplicate" == trial.send("--new-run").json["problems"][0]["kind"]


@pytest.mark.parametrize(
    "name",
    ["Ann <evil@example.com>, y", 'A" <evil@example.com>', "evil@example.com,", "a@b (c) \\", "Ann; Bob:"],
)
def test_A03_A18_a_name_changes_nobody(trial: Trial, name: str) -> None:
    """Whatever the name's cell holds: To and the envelope have the one address of the address column."""
    quoted = '"' + name.replace('"', '""') + '"'
    trial.write([f"1,{quoted},p1@example.org,tok1"])
    assert 0 == trial.send().code
    (taken,) = trial.server.accepted
    (address,) = trial.mail()["To"].addresses

    assert (("p1@example.org",), "p1@example.org", name) == (
        taken.recipients,
        address.addr_spec,
        address.display_name,
    )
    assert trial.mail()["Cc"] is None


@pytest.mark.parametrize(
    "place",
    [
        "Subject: {{ token }}",
        "X-Own: {{ token }}",
        "To: {{ token }} <{{ email }}>",
        "Reply-To: {{ token }} <a@example.org>",
    ],
)
def test_A04_no_cell_makes_a_header(trial: Trial, place: str) -> None:
    """Every kind of line break, in every header: the rows are invalid, the others go, and nothing of them is on the wire."""
    subject = "" if place.startswith("Subject") else "Subject: Hello\n"
    trial.write(
        [
            "1,Ann,p1@example.org,tok1",
            *(f'{n},Bob,p{n}@example.org,"{cell}"' for n, cell in enumerate(INJECTIONS, 2)),
        ],
        letter=f"From: office@example.org\n{subject}{place}\n\nx\n",
    )
    ran = trial.send_others()

    assert (1, once(1)) == (ran.code, trial.got()), ran.err
    assert ["sent", *["invalid"] * len(INJECTIONS)] == list(trial.states().values())
    assert not trial.server.saw(b"evil@example.com")


def test_A05_an_encoded_word_is_not_decoded_into_a_header(trial: Trial) -> None:
    """What a reader would decode to a line break and Bcc stays the text that it is; the mail has the headers that were meant."""
    attack = "hi =?utf-8?q?=0D=0ABcc:_evil@example.com?= there"
    trial.write(
        [f"1,{attack},p1@example.org,{attack}"],
        letter="From: office@example.org\nSubject: {{ token }}\nX-N: {{ token }}\n\nx\n",
    )
    assert 0 == trial.send().code
    mail = trial.mail()

    assert (attack, attack) == (mail["Subject"], mail["X-N"])
    assert {
        "From",
        "To",
        "Subject",
        "X-N",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    } == set(mail.keys())


@pytest.mark.parametrize(
    "line", ["X Own: x", "Bcc\u00a0: evil@example.com", "{{ token }}: x", "X-\u00fc: x", ": x"]
)
def test_A06_a_header_has_a_plain_name(trial: Trial, line: str) -> None:
    """Anything but printable ASCII without colon: a fault of the letter, and nobody gets anything."""
    trial.letter(f"From: office@example.org\nSubject: s\n{line}\n\nx\n")
    trial.refused(trial.send_others(), "letter.txt")


@pytest.mark.parametrize("name", ["Date", "Message-ID", "DKIM-Signature", "Return-Path", "Received", "MIME-Version", "Content-Transfer-Encoding", "Sender", "Subject", "From"])  # fmt: skip
def test_A07_no_header_overrides_the_programs_own(trial: Trial, name: str) -> None:
    """Neither one of its own, nor a second one of any: a fault of the letter, whatever is wished for bad rows."""
    trial.letter(f"From: office@example.org\nSubject: s\n{name}: x@example.org\n\nx\n")
    trial.refused(trial.send_others(), "letter.txt", name)


def test_A13_a_domain_beyond_ascii_travels_as_a_label(trial: Trial) -> None:
    """bücher.example: the A-label on the wire and in To; no SMTPUTF8 is needed, and a server without it takes the mail."""
    with ScriptedServer(extensions=("PIPELINING",)) as plain:
        other = Trial(trial.folder, plain).write(["1,Ann,a@bücher.example,tok1"])
        assert 0 == (ran := other.send()).code, ran.err
        assert ([], ("a@xn--bcher-kva.example",)) == (plain.violations, plain.accepted[0].recipients)
        assert "xn--bcher-kva" in str(other.mail()["To"])


def test_A14_a_look_alike_domain_is_another_domain(trial: Trial) -> None:
    """Cyrillic а in example.org: outside the allowed domains, with a word about the letters; nobody is mailed."""
    trial.write(
        ["1,Ann,p1@example.org,tok1", "2,Bob,p2@ex\u0430mple.org,tok2"],
        sending='only_domains = ["example.org"]',
    )
    trial.is_bad_row((3, "email"), key="2", said="letters of several scripts")

    assert once(1) == trial.got()


def test_A15_a_server_without_smtputf8_fails_that_row_alone(trial: Trial) -> None:
    """The local part is not changed and not sent: failed without a word on the wire, the others go: 1."""
    with ScriptedServer(extensions=("PIPELINING", "8BITMIME")) as plain:
        other = Trial(trial.folder, plain).write(
            ["1,Ann,p1@example.org,tok1", "2,Jü,jürgen@example.org,tok2", "3,Bob,p3@example.org,tok3"]
        )
        ran = other.send()

        assert (1, once(1, 3), {"1": "sent", "2": "failed", "3": "sent"}) == (
            ran.code,
            other.got(),
            other.states(),
        ), ran.err
        assert ([], False) == (plain.violations, plain.saw("jürgen".encode()))
        assert "SMTPUTF8" in run_here("log", other.folder, "--state", "failed", "--json").out


@pytest.mark.parametrize(
    "sender", ["{{ name }} <office@example.org>", "{{ email }}", "a@example.org, b@example.org"]
)
def test_A17_a_cell_is_never_the_sender(trial: Trial, sender: str) -> None:
    """From holds no cells and is one mailbox; a Reply-To from a cell is looked at like any address."""
    trial.letter(f"From: {sender}\nSubject: s\n\nx\n")
    trial.refused(trial.send_others(), "From")
    trial.write(
        ["1,Ann,p1@example.org,boss@example.org", "2,Bob,p2@example.org,nonsense"],
        letter=HEAD + "Reply-To: {{ token }}\n\nx\n",
    )
    trial.is_bad_row((3, "Reply-To"), key="2")
    assert "boss@example.org" == trial.mail()["Reply-To"]


def test_A18_nobody_sees_who_else_got_it(trial: Trial) -> None:
    """One recipient a message, the same in To and in the envelope; no mail names another one's address."""
    trial.write(20)
    assert 0 == trial.send("--connections", "3").code
    assert 20 == len(trial.server.accepted)
    for taken, mail in zip(trial.server.accepted, trial.mails(), strict=True):
        (address,) = mail["To"].addresses
        assert taken.recipients == (address.addr_spec,)
        assert {address.addr_spec} == set(re.findall(r"p\d+@example\.org", taken.content.decode()))


def test_A19_a_blind_copy_is_blind(trial: Trial) -> None:
    """Bcc is in the envelope alone; Cc in both; who is refused among them fails the row before any content."""
    trial.letter(HEAD + "Cc: boss@example.org\nBcc: archive@example.org\n\nx\n")
    assert 0 == trial.send().code
    assert 3 == len(trial.server.accepted)
    for taken, mail in zip(trial.server.accepted, trial.mails(), strict=True):
        assert {"boss@example.org", "archive@example.org"} < set(taken.recipients)
        assert (3, None, "boss@example.org") == (len(taken.recipients), mail["Bcc"], mail["Cc"])
        assert b"archive@" not in taken.content


@pytest.mark.usefixtures("impatient")
def test_A20_a_message_id_is_one_mails_for_all_its_attempts(trial: Trial) -> None:
    """The same on the retry and after a doubt was resolved, in the log before and after, and it tells nothing of this machine."""
    trial.write(3, sending='retry_after = "1s"')
    trial.server.replies |= {"END": {2: Close(), 4: "451 4.3.0 later"}}
    assert 3 == (ran := trial.send()).code, ran.err
    before = {line["key"]: line["message_id"] for line in lines(trial)}
    (doubtful,) = (key for key, state in trial.states().items() if state == "in_doubt")
    assert 0 == run_here("resolve", "--resend", doubtful, "-c", trial.folder, "--yes").code
    assert 0 == (ran := trial.send()).code, ran.err

    assert before == {line["key"]: line["message_id"] for line in lines(trial)}
    arrived = {str(mail["To"].addresses[0].username)[1:]: mail["Message-ID"] for mail in trial.mails()}
    assert (before, 3) == (arrived, len(set(before.values())))
    for id_ in arrived.values():
        assert id_.endswith("@example.org>")
        assert socket.gethostname() not in id_


def lines(trial: Trial) -> list[dict[str, str]]:
    ran = run_here("log", trial.folder, "--json")
    found: list[dict[str, str]] = ran.json["lines"]
    return found


def test_A21_every_mail_has_the_date_of_its_attempt(trial: Trial) -> None:
    """With its zone; a mail that goes later has a later Date than the run's first."""
    trial.write(2, letter=PLAIN, top='timezone = "Asia/Shanghai"', sending='rate = "1/s"')
    began = datetime.now().astimezone()
    assert 0 == trial.send().code
    dates = [parsedate_to_datetime(mail["Date"]) for mail in trial.mails()]

    assert all(date.utcoffset() is not None for date in dates)
    assert (
        began - timedelta(seconds=2)
        <= dates[0]
        <= dates[1]
        <= datetime.now().astimezone() + timedelta(seconds=1)
    )


def test_A16_one_address_outside_stops_all(trial: Trial) -> None:
    """A near miss of the allowed domain is outside too: nobody is mailed, the row is named."""
    write_campaign(
        trial.folder,
        [
            "1,Ann,p1@example.org,t",
            "2,Bob,p2@example.org.example.com,t",
            "3,Cle,p3@sub.example.org,t",
            "4,Dan,p4@xexample.org,t",
        ],
    )
    ran = trial.send("--only-domain", "example.org")

    trial.refused(ran, "row 3", "row 4", "row 5")
