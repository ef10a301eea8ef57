"""The law of the message compiler: the standard library's parser finds in its octets what was meant, and the wire is safe."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailmerge_cli.render.compose import encode_body
from support.letters import MESSAGE_ID, Bench, assert_safe_for_smtp, parsed, shape

WORDS = st.sampled_from([
    "Dear ", "\n", "\n\n", ".", "\n.\n", "..", "From ", "\nFrom me", "王芳", "é", "ß ", "🧧", "=", "=3D", "=\n", "?=", "\t", "x" * 120,
    "y" * 1200, "--=_", "\r\n", "\r", "\x0b", "\x0c", "\u2028", "\u0085", "{{", "{%", "<b>", "&amp;", "a b c ", " ", " \n", "\x1b[0m",
])  # fmt: skip
BODIES = st.one_of(
    st.lists(WORDS, max_size=40).map("".join),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=200),
)
SUBJECTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=90).map(
    lambda text: text.strip(" ")
)
FILES = st.lists(st.binary(min_size=1, max_size=300), max_size=3)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def canonical(text: str) -> str:
    """Line ends as a mail has them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def decoded(part: Any) -> str:
    """A text part's text, by octets: `splitlines` and universal line ends stay out of it."""
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets.decode("utf-8").replace("\r\n", "\n")


def leaves(message: Any) -> list[Any]:
    """All parts that hold something."""
    return [part for part in message.walk() if not part.is_multipart()]


@example("é" + "a" * 67 + "  \n")  # a blank at the end of what is just too long
@given(BODIES)
def test_T14_bodies_survive_their_encoding(text: str) -> None:
    """Any text comes back, and its octets are safe for the wire."""
    text = canonical(text)
    encoding, octets = encode_body(text)
    assert_safe_for_smtp(octets)
    name = ("7bit", "quoted-printable", "base64")[encoding]
    message = parsed(
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {name}\r\n\r\n".encode()
        + octets
    )
    assert decoded(message) == text
    assert max(map(len, octets.split(b"\r\n"))) <= (76 if encoding else 990)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    kind=st.sampled_from([".txt", ".html", ".md"]),
    companion=st.booleans(),
    image=st.booleans(),
    fixed=FILES,
    own=st.booleans(),
    text=BODIES,
    subject=SUBJECTS,
    name=SUBJECTS,
)
def test_messages_are_read_as_they_were_meant(
    kind: str, companion: bool, image: bool, fixed: list[bytes], own: bool, text: str, subject: str, name: str
) -> None:
    """Headers, bodies, images and attachments of any nesting, each as it was meant and only as deep as needed."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder).resolve(), word=text, title=subject, staff_no="0042")
        head = "From: HR <hr@example.org>\nSubject: {{ title or '-' }}\n"
        for number, content in enumerate(fixed):
            bench.write(f"file{number}.pdf", content)
            head += f"Attachment: file{number}.pdf\n"
        if own:
            bench.write("slips/0042.pdf", b"%PDF-1.4 own")
            head += 'Attachment: slips/{{ staff_no }}.pdf; name="工资单 {{ staff_no }}.pdf"\n'
        body = "{{ word }}"
        if kind == ".html":
            body = "<p>{{ word }}</p>" + ('<img src="logo.png" alt="Logo">' if image else "")
        elif kind == ".md":
            body = "# Slip\n\n{{ word }}\n" + ("\n![Logo](logo.png)\n" if image else "")
        bench.write("logo.png", PNG)
        if companion and kind != ".txt":
            bench.write("letter.txt", "Plain: {{ word }}")
        template = bench.template(head + "\n" + body, "letter" + kind)
        letter = bench.letter(template, name=name)
        octets = bench.octets(template, name=name)
        assert_safe_for_smtp(octets)
        message = parsed(octets)
        assert message.defects == []
        assert str(message["Subject"]) == (subject or "-")
        assert [address.addr_spec for address in message["To"].addresses] == ["wang@example.org"]
        assert message["Message-ID"] == MESSAGE_ID
        assert sorted(key.lower() for key in message if not key.startswith("Content-")) == sorted(
            ["from", "to", "subject", "date", "message-id", "mime-version"]
        )
        found = leaves(message)
        assert decoded(found[0]) == letter.text
        if kind == ".txt":
            assert letter.text == canonical(text)
        else:
            assert decoded(found[1]) == letter.html
        if companion and kind != ".txt":
            assert letter.text == canonical("Plain: " + text)
        inner: Any = (
            "text/plain" if kind == ".txt" else ("multipart/alternative", ["text/plain", "text/html"])
        )
        if image and kind != ".txt":
            inner = ("multipart/related", [inner, "image/png"])
            assert f"cid:{found[2]['Content-ID'][1:-1]}" in (letter.html or "")
            assert found[2].get_payload(decode=True) == PNG
        files = [*fixed, *([b"%PDF-1.4 own"] if own else [])]
        assert shape(message) == (
            ("multipart/mixed", [inner, *["application/pdf"] * len(files)]) if files else inner
        )
        if files:
            attached = list(message.iter_attachments())
            assert [part.get_payload(decode=True) for part in attached] == files
            assert (attached[-1].get_filename() == "工资单 0042.pdf") is own
