"""The content hash is equal for equal mails and differs for any other, and for nothing else."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.address import Address
from mailmerge_cli.model.mail import Envelope
from mailmerge_cli.render.digest import ContentDigest, netstrings
from support.letters import FROM, MESSAGE_ID, MOMENT, Bench

BASE = {
    "text": "From: HR <hr@example.org>\nTo: {{ name }} <{{ email }}>\nCc: {{ cc }}\nBcc: {{ bcc }}\nReply-To: {{ reply }}\nSubject: {{ subject }}\n"
    'X-A: {{ own }}\nAttachment: {{ file }}.pdf; name="{{ label }}.pdf"\n\nBody {{ body }}',
    "cells": {
        "cc": "",
        "bcc": "",
        "reply": "r@example.org",
        "subject": "s",
        "own": "o",
        "file": "a",
        "label": "l",
        "body": "b",
    },
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """All that can be in a mail, from cells."""
    bench = Bench(tmp_path.resolve(), **BASE["cells"])  # type: ignore[arg-type]
    bench.write("a.pdf", b"%PDF-a")
    bench.write("b.pdf", b"%PDF-b")
    bench.write("same.pdf", b"%PDF-a")
    return bench


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "Other"),
        ("email", "x@example.org"),
        ("cc", "c@example.org"),
        ("bcc", "c@example.org"),
        ("reply", "c@example.org"),
        ("subject", "t"),
        ("own", "p"),
        ("file", "b"),
        ("label", "m"),
        ("body", "c"),
    ],
)
def test_every_part_of_a_mail_counts(bench: Bench, column: str, value: str) -> None:
    """Envelope, headers, bodies, and of each attachment name and octets."""
    template = bench.template(str(BASE["text"]))
    assert bench.letter(template, **{column: value}).content_hash != bench.letter(template).content_hash


@pytest.mark.parametrize(
    ("one", "other"),
    [("HR <hr@example.org>", "PR <hr@example.org>"), ("HR <hr@example.org>", "HR <pr@example.org>")],
)
def test_the_sender_counts(bench: Bench, one: str, other: str) -> None:
    """Name and address of From."""
    first, second = (bench.letter(bench.template("\nb", sender=sender)) for sender in (one, other))
    assert first.content_hash != second.content_hash


def test_what_is_no_content_does_not_count(bench: Bench) -> None:
    """Path of an attachment with the same octets and name, columns that are not used, the row's place, the fingerprint."""
    template = bench.template(str(BASE["text"]))
    first = bench.letter(template)
    assert bench.letter(template, file="same").content_hash == first.content_hash
    again = bench.template(str(BASE["text"]).replace("Body {{ body }}", "Body {{- ' ' ~ body }}"))
    assert again.fingerprint != template.fingerprint
    assert bench.letter(again).content_hash == first.content_hash
    row = bench.row(number=99)
    assert template.render(row, bench.person(row)).content_hash == first.content_hash


def test_date_and_message_id_do_not_count(bench: Bench) -> None:
    """One letter, two attempts: the same hash, other octets."""
    template = bench.template("\nb")
    letter = bench.letter(template)
    first = b"".join(template.compose(letter, MESSAGE_ID, MOMENT))
    later = b"".join(template.compose(letter, MESSAGE_ID, MOMENT + timedelta(days=1)))
    assert first != later
    assert [line for line in first.split(b"\r\n") if line not in later.split(b"\r\n")] == [
        b"Date: Sat, 21 Nov 2026 09:30:05 +0000"
    ]


def test_images_and_kind_count(bench: Bench) -> None:
    """Another logo is another mail; text is another mail than HTML."""
    bench.write("logo.png", b"\x89PNG1")
    first = bench.letter(bench.template('\n<img src="logo.png">x', "m.html"))
    bench.write("logo.png", b"\x89PNG2")
    second = bench.letter(bench.template('\n<img src="logo.png">x', "m.html"))
    assert first.content_hash != second.content_hash
    assert (
        bench.letter(bench.template("\nx", "m.html")).content_hash
        != bench.letter(bench.template("\nx", "m.txt")).content_hash
    )


def test_the_fingerprint_is_of_all_files(bench: Bench) -> None:
    """Template, companion, included files, images, fixed attachments; not the rows' own files."""
    bench.write("logo.png", b"\x89PNG1")
    bench.write("part.html", "part")
    bench.write("m.txt", "plain")
    text = (
        FROM
        + 'Attachment: a.pdf\nAttachment: {{ file }}.pdf; name=own.pdf\n\n<img src="logo.png">{% include "part.html" %}'
    )
    seen = {bench.template(text, "m.html").fingerprint}
    assert bench.template(text, "m.html").fingerprint in seen
    bench.write("b.pdf", b"%PDF-changed")
    assert bench.template(text, "m.html").fingerprint in seen
    for name, content in (
        ("logo.png", b"\x89PNG2"),
        ("part.html", b"other"),
        ("m.txt", b"other"),
        ("a.pdf", b"%PDF-other"),
    ):
        bench.write(name, content)
        fingerprint = bench.template(text, "m.html").fingerprint
        assert fingerprint not in seen
        seen.add(fingerprint)
    for more in ({"subject": "x"}, {"sender": "x@example.org"}, {"attachments": ("b.pdf",)}):
        assert bench.template(text, "m.html", **more).fingerprint not in seen


@given(st.lists(st.text("12:ab", max_size=5), max_size=5), st.lists(st.text("12:ab", max_size=5), max_size=5))
def test_the_serialisation_is_unambiguous(one: list[str], other: list[str]) -> None:
    """Different lists, different texts."""
    assert (netstrings(one) == netstrings(other)) is (one == other)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
MAILBOXES = st.tuples(TEXTS, st.builds(Address, st.sampled_from(["a", "bé"]), st.just("example.org")))


@given(
    MAILBOXES,
    st.lists(MAILBOXES, max_size=2),
    st.lists(MAILBOXES, max_size=1),
    st.lists(st.tuples(TEXTS, TEXTS), max_size=1),
    TEXTS,
    st.tuples(TEXTS, TEXTS),
)
def test_the_serialisation_stays_as_it_is(to, cc, reply_to, headers, subject, bodies) -> None:  # type: ignore[no-untyped-def]
    """Ledgers of earlier versions hold these hashes, so their form is written down here once more."""
    recipients = (to[1].spec, *(address.spec for _, address in cc))
    parts = ["always", "hr@example.org", str(len(recipients)), *recipients, to[0], to[1].spec, subject]
    parts += [str(len(cc)), *(part for name, address in cc for part in (name, address.spec))]
    parts += [str(len(reply_to)), *(part for name, address in reply_to for part in (name, address.spec))]
    parts += [str(len(headers)), *(part for header in headers for part in header), *bodies]
    envelope = Envelope("hr@example.org", recipients)
    found, _ = ContentDigest("always", "hr@example.org")(
        envelope, to, (tuple(cc), tuple(reply_to)), subject, tuple(headers), bodies, ()
    )
    assert found == hashlib.sha256(netstrings(parts).encode()).digest()
