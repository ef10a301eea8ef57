"""Laws of headers over all texts: what the oracle reads is what was meant, and no line is too long."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from hypothesis import example, given
from hypothesis import strategies as st

from mailmerge_cli.address import parse_address
from mailmerge_cli.render.lines import one_line
from mailmerge_cli.render.words import encoded_words, file_headers, mailbox_line, unstructured

LINES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300).map(
    lambda text: text.strip(" ")
)
MIXED = (
    st.lists(
        st.sampled_from(
            [
                "=?utf-8?q?=0D=0ABcc:_x?=",
                "Wort ",
                "über ",
                "工资单",
                "🧧",
                "a" * 90,
                " ",
                "=?",
                "?=",
                "é" * 40,
            ]
        ),
        max_size=12,
    )
    .map("".join)
    .map(lambda text: text.strip(" "))
)
NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cf"), exclude_characters='/\\:*?"<>|'),
    min_size=1,
    max_size=120,
).filter(lambda name: name.strip() == name)


def read(octets: str) -> EmailMessage:
    """A message of one header."""
    message = BytesParser(policy=policy.default).parsebytes(octets.encode("ascii") + b"\r\n")
    assert isinstance(message, EmailMessage)
    return message


def assert_folded(octets: str) -> None:
    """Every line is ASCII, within 78 unless it is one long word, and never blank."""
    assert octets.endswith("\r\n")
    for line in octets[:-2].split("\r\n"):
        assert line.isascii()
        assert line.strip(" ")
        assert len(line) <= 78 or " " not in line.strip(" ").partition(": ")[2].strip(" ")
        assert len(line) <= 998


@given(st.one_of(LINES, MIXED))
@example("a" * 2000)
@example("word " * 100 + "word")
@example("=?utf-8?q?x?=")
def test_T13_subjects_are_read_as_they_were_meant(text: str) -> None:
    """Any line of text survives, in words of at most 75 and lines of at most 78."""
    octets = unstructured("Subject", text)
    assert_folded(octets) if text else None
    assert read(octets)["Subject"] == text
    for word in octets.split():
        assert not word.startswith("=?") or len(word) <= 75


@given(st.one_of(LINES, MIXED))
def test_T13_each_encoded_word_holds_whole_characters(text: str) -> None:
    """A reader that decodes words one by one never meets half a character."""
    from email.header import decode_header

    for word in encoded_words(text, 9).split("\r\n "):
        assert len(word) <= 75
        [(octets, charset)] = decode_header(word)
        assert isinstance(octets, bytes)
        octets.decode(charset or "ascii")


@given(
    st.lists(
        st.tuples(
            st.one_of(LINES, MIXED),
            st.sampled_from(["a@example.org", "o'b@xn--exmple-cua.org", "x" * 60 + "@example.org"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_A03_names_never_change_who_is_addressed(mailboxes: list[tuple[str, str]]) -> None:
    """Whatever the names hold, the oracle finds these addresses, and these names."""
    line = mailbox_line("To", tuple((name, parse_address(spec)) for name, spec in mailboxes))
    assert_folded(line)
    found = read(line)["To"].addresses
    assert [address.addr_spec for address in found] == [spec for _, spec in mailboxes]
    for address, (name, _) in zip(found, mailboxes, strict=True):
        # Python 3.11 puts a space between two encoded words of a phrase, where RFC 2047 §6.2 has none.
        assert "".join(address.display_name.split()) == "".join(name.split())


@given(NAMES)
def test_B08_names_of_files_are_read_as_they_were_meant(name: str) -> None:
    """RFC 2231 in Content-Disposition, for any name."""
    octets = file_headers("attachment", name, "application/pdf")
    assert octets.isascii()
    assert max(map(len, octets.split("\r\n"))) <= 78
    message = read(octets)
    assert message.get_filename() == name
    assert message.get_content_type() == "application/pdf"


@given(st.text(max_size=40))
def test_A04_one_line_is_one_line_or_a_fault(text: str) -> None:
    """What passes has no line break in anybody's eyes."""
    try:
        line = one_line(text)
    except ValueError:
        return
    assert len(line.splitlines()) <= 1
    assert "\0" not in line
